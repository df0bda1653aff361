//! A reader that is slow to publish what it read.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use unforget_context::{
    Change, Changes, ContextStore, Contexts, Error, MemoryStore, Result, Stored, UserContext,
};

/// Holds the next answer about changes back until told to let it go, or fails instead of answering.
#[derive(Debug, Default)]
struct Slow {
    inner: MemoryStore,
    hold: Mutex<Option<(Sender<()>, Receiver<()>)>>,
    fails: Mutex<bool>,
}

impl ContextStore for Slow {
    fn changes_since(&self, seq: u64) -> Result<Changes> {
        if *self.fails.lock().unwrap() {
            return Err(Error::store(std::io::Error::other("out of reach")));
        }
        let changes = self.inner.changes_since(seq)?;
        let held = self.hold.lock().unwrap().take();
        if let Some((reached, go)) = held {
            reached.send(()).unwrap();
            go.recv_timeout(Duration::from_secs(20)).unwrap();
        }
        Ok(changes)
    }

    fn read(&self, key: &str) -> Result<Option<Stored>> {
        self.inner.read(key)
    }

    fn update(&self, key: &str, change: Change) -> Result<Option<Stored>> {
        self.inner.update(key, change)
    }
}

#[test]
fn a_removed_context_does_not_come_back_by_a_slow_reader() {
    let store = Arc::new(Slow::default());
    let contexts: Contexts<UserContext> = Contexts::new(store.clone());
    let other: Contexts<UserContext> = Contexts::new(store.clone());
    other.get_or_create("ada", || UserContext::new("ada")).unwrap();
    let (reached, is_reached) = mpsc::channel();
    let (go, may_go) = mpsc::channel();
    *store.hold.lock().unwrap() = Some((reached, may_go));
    let slow = {
        let contexts = contexts.clone();
        std::thread::spawn(move || contexts.get("ada").unwrap().is_some())
    };
    is_reached.recv_timeout(Duration::from_secs(20)).unwrap();
    other.remove("ada").unwrap();
    assert!(contexts.get("ada").unwrap().is_none());
    go.send(()).unwrap();
    let _what_it_saw_is_its_own_time = slow.join().unwrap();
    assert!(contexts.peek("ada").unwrap().is_none(), "the published state went back in time");
    assert!(contexts.get("ada").unwrap().is_none());
}

#[test]
fn an_update_that_was_committed_is_a_success_though_publishing_fails() {
    let store = Arc::new(Slow::default());
    let contexts: Contexts<UserContext> = Contexts::new(store.clone());
    contexts.get_or_create("ada", || UserContext::new("ada")).unwrap();
    *store.fails.lock().unwrap() = true;
    let ada = contexts.update("ada", |ada| ada.with_conversation(1)).unwrap();
    assert_eq!(ada.conversations_count(), 1, "an error would make the caller count twice");
    assert!(
        matches!(contexts.get("ada"), Err(Error::Store { .. })),
        "a read that cannot be up to date says so"
    );
    *store.fails.lock().unwrap() = false;
    assert_eq!(contexts.get("ada").unwrap().unwrap().conversations_count(), 1, "the next read catches up");
}
