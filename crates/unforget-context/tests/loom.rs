//! Every schedule of publishing, updating, watching and subscribing, as far as loom can tell schedules apart.
//!
//! The models run the crate itself over its store in memory. What they cannot see into is arc-swap, whose contract is
//! modelled, and a persistent map, which is a value like any other. Each test is one model and runs alone in its own
//! process: `cargo xtask loom`. All are bounded: they explore every schedule with at most so many preemptions, one more
//! when `UNFORGET_LOOM_LONG` is set.

#![cfg(unforget_loom)]
#![expect(clippy::expect_used, reason = "a model says what cannot fail in it")]

#[path = "loom/followers.rs"]
mod followers;
#[path = "loom/reading.rs"]
mod reading;

use std::sync::Arc;
use std::time::Instant;

use unforget_context::{ContextStore, Contexts, MemoryStore, Next};
use unforget_sync::primitive::model::{self, Mode};

/// For models whose waits have no deadline.
const WAITS: &[Mode] = &[Mode::Plain, Mode::SpuriousOnce];

/// For models with a deadline: it comes at once, or never.
const DEADLINES: &[Mode] = &[Mode::DeadlineNow, Mode::DeadlineNever, Mode::SpuriousOnce];

/// Checks every schedule with at most `preemptions` preemptions in each of `modes`; one more on request.
fn check_bounded(preemptions: usize, modes: &[Mode], scenario: fn()) {
    let preemptions = preemptions + usize::from(std::env::var_os("UNFORGET_LOOM_LONG").is_some());
    for &mode in modes {
        let start = Instant::now();
        report(mode, model::run_bounded(mode, preemptions, scenario), start);
    }
}

#[expect(clippy::print_stdout, reason = "the counts are what the documentation cites")]
fn report(mode: Mode, executions: usize, start: Instant) {
    let name = std::thread::current().name().unwrap_or("model").to_owned();
    println!("{name} {mode:?}: {executions} executions in {} ms", start.elapsed().as_millis());
    assert!(executions > 1, "a model with one schedule checks nothing");
}

/// Two handles on one store, as two processes have them, and one context with the value 0 that both have read.
fn two_handles() -> [Contexts<u32>; 2] {
    let store = Arc::new(MemoryStore::default());
    store.update("ada", Box::new(|_| Ok(Next::Put("0".to_owned())))).expect("in memory");
    [(); 2].map(|()| {
        let contexts = Contexts::new(Arc::clone(&store) as Arc<dyn ContextStore>);
        assert_eq!(value(&contexts), 0);
        contexts
    })
}

fn value(contexts: &Contexts<u32>) -> u32 {
    **contexts.get("ada").expect("in memory").as_ref().expect("it was created")
}

fn add(contexts: &Contexts<u32>) -> u64 {
    contexts.update("ada", |old| old + 1).expect("in memory").revision()
}
