//! Values are freed when the last reader lets go of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unforget_context::{Contexts, MemoryStore};

/// How many values there are; this module has one test, so that nobody else makes any.
static ALIVE: AtomicUsize = AtomicUsize::new(0);

#[derive(Debug)]
struct Counted(u32);

impl Counted {
    fn new(value: u32) -> Self {
        ALIVE.fetch_add(1, Ordering::SeqCst);
        Self(value)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Serialize for Counted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u32::deserialize(deserializer).map(Self::new)
    }
}

fn alive() -> usize {
    ALIVE.load(Ordering::SeqCst)
}

#[test]
fn a_value_that_was_replaced_is_freed_when_its_last_reader_lets_go() {
    let contexts: Contexts<Counted> = Contexts::new(Arc::new(MemoryStore::default()));
    let first = contexts.insert_new("ada", Counted::new(0)).unwrap();
    assert_eq!(alive(), 1, "a published value is kept once");
    let mut changes = contexts.subscribe().unwrap();
    let view = contexts.view().unwrap();
    for _ in 0..3000 {
        contexts.update("ada", |old| Counted::new(old.0 + 1)).unwrap();
    }
    assert_eq!(alive(), 2, "the first, which is read, and the last, which is published");
    assert!(changes.try_next().unwrap().is_some());
    assert_eq!(alive(), 2, "what follows changes holds no values");
    drop(first);
    assert_eq!(alive(), 2, "the view holds it");
    drop(view);
    assert_eq!(alive(), 1);
    contexts.remove("ada").unwrap();
    assert_eq!(alive(), 0);
}
