//! The contexts themselves, over a store in memory.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use unforget_context::{ContextStore, Contexts, MemoryStore, Next};

/// Contexts of these keys, loaded.
pub(crate) fn of(keys: &[String]) -> Contexts<[u64; 8]> {
    let store = Arc::new(MemoryStore::default());
    let json = "[0,0,0,0,0,0,0,0]";
    for key in keys {
        store.update(key, Box::new(move |_| Ok(Next::Put(json.to_owned())))).expect("it is kept");
    }
    let contexts = Contexts::new(store);
    assert_eq!(contexts.view().expect("it is loaded").len(), keys.len());
    contexts
}

/// What each view of all contexts takes, in nanoseconds.
pub(crate) fn views(contexts: &Contexts<[u64; 8]>) -> f64 {
    const CALLS: u32 = 10_000;
    let started = Instant::now();
    for _ in 0..CALLS {
        black_box(contexts.view().expect("nothing can fail"));
    }
    started.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
}

/// What each update of one context takes, in nanoseconds: encoded, committed to the store in memory, published.
pub(crate) fn updates(contexts: &Contexts<[u64; 8]>, key: &str) -> f64 {
    const CALLS: u32 = 10_000;
    let started = Instant::now();
    for _ in 0..CALLS {
        contexts.update(key, |old| old.map(|n| n + 1)).expect("it is there");
    }
    started.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
}
