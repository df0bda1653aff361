use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use unforget_sync::{Backoff, Clock, InitCell, InitError, ManualClock};

#[test]
fn many_threads_share_one_initialisation() {
    let cell: InitCell<usize, ()> = InitCell::new();
    let runs = AtomicUsize::new(0);
    thread::scope(|threads| {
        for _ in 0..16 {
            threads.spawn(|| {
                let value = cell.get_or_try_init(|| Ok(runs.fetch_add(1, Ordering::SeqCst)));
                assert!(matches!(value, Ok(0)), "{value:?} is not the first run's value");
            });
        }
    });
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[test]
fn a_failure_is_returned_and_leaves_the_cell_empty() {
    let cell: InitCell<u8, &str> = InitCell::default();
    let failed = cell.get_or_try_init(|| Err("disk full"));
    assert!(matches!(&failed, Err(InitError::Failed(error)) if **error == "disk full"), "{failed:?}");
    assert_eq!(cell.get(), None);
    assert_eq!(cell.get_or_try_init(|| Ok(1)).ok(), Some(&1));
}

#[test]
fn a_panic_reaches_its_caller_and_leaves_the_cell_empty() {
    let cell: InitCell<u8, ()> = InitCell::new();
    let panicked = catch_unwind(AssertUnwindSafe(|| cell.get_or_try_init(|| panic!("in the initialiser"))));
    assert!(panicked.is_err(), "the panic was swallowed");
    assert_eq!(cell.get_or_try_init(|| Ok(1)).ok(), Some(&1), "the cell was left unusable");
}

#[test]
fn asking_for_the_value_while_making_it_is_an_error() {
    let cell: InitCell<u8, InitError<()>> = InitCell::new();
    let inner: InitCell<u8, ()> = InitCell::new();
    let outcome = inner.get_or_try_init(|| match inner.get_or_try_init(|| Ok(1)) {
        Err(InitError::Reentrant) => Ok(2),
        _ => Err(()),
    });
    assert_eq!(outcome.ok(), Some(&2), "re-entry was not found");
    assert!(cell.get().is_none());
}

#[test]
fn another_cell_may_be_filled_while_making_a_value() {
    let (outer, inner) = (InitCell::<u8, ()>::new(), InitCell::<u8, ()>::new());
    let outcome = outer.get_or_try_init(|| inner.get_or_try_init(|| Ok(1)).copied().map_err(drop));
    assert_eq!(outcome.ok(), Some(&1));
}

#[test]
fn retries_belong_to_one_attempt() {
    let cell: InitCell<u32, &str> = InitCell::new();
    let clock = ManualClock::new();
    let start = clock.now();
    let mut calls = 0;
    let value = cell.get_or_try_init_with_retry(
        &clock,
        &Backoff::default(),
        |error| *error == "busy",
        || {
            calls += 1;
            if calls < 3 { Err("busy") } else { Ok(calls) }
        },
    );
    assert_eq!(value.ok(), Some(&3));
    assert!(clock.now() > start, "it did not wait between attempts");
}

#[test]
fn errors_say_what_happened_and_keep_their_source() {
    use std::error::Error;
    let failed = InitError::Failed(Arc::new(std::io::Error::other("the cause")));
    assert_eq!(failed.to_string(), "initialisation failed");
    assert_eq!(failed.source().map(ToString::to_string), Some("the cause".to_owned()));
    for error in [InitError::Panicked, InitError::Reentrant, failed.clone()] {
        assert!(!error.to_string().is_empty());
        assert_eq!(error.source().is_some(), matches!(error, InitError::Failed(_)));
    }
}
