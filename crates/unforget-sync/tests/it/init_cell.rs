use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use unforget_sync::{Backoff, Clock, InitCell, InitError, ManualClock};

use crate::watchdog::{waiting, watch};

#[test]
fn many_threads_share_one_initialisation() {
    let _watch = watch();
    let cell: InitCell<usize, ()> = InitCell::new();
    let runs = AtomicUsize::new(0);
    thread::scope(|threads| {
        for _ in 0..16 {
            threads.spawn(|| {
                let make = || Ok(runs.fetch_add(1, Ordering::SeqCst));
                let value = waiting("the value", || cell.get_or_try_init(make));
                assert!(matches!(value, Ok(0)), "{value:?} is not the first run's value");
            });
        }
    });
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[test]
fn a_failure_is_returned_and_leaves_the_cell_empty() {
    let _watch = watch();
    let cell: InitCell<u8, &str> = InitCell::default();
    let failed = cell.get_or_try_init(|| Err("disk full"));
    assert!(matches!(&failed, Err(InitError::Failed(error)) if **error == "disk full"), "{failed:?}");
    assert_eq!(cell.get(), None);
    assert_eq!(cell.get_or_try_init(|| Ok(1)).ok(), Some(&1));
}

#[test]
fn a_panic_reaches_its_caller_and_leaves_the_cell_empty() {
    let _watch = watch();
    let cell: InitCell<u8, ()> = InitCell::new();
    let panicked = catch_unwind(AssertUnwindSafe(|| cell.get_or_try_init(|| panic!("in the initialiser"))));
    assert!(panicked.is_err(), "the panic was swallowed");
    assert_eq!(cell.get_or_try_init(|| Ok(1)).ok(), Some(&1), "the cell was left unusable");
}

#[test]
fn asking_for_the_value_while_making_it_is_an_error() {
    let _watch = watch();
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
    let _watch = watch();
    let (outer, inner) = (InitCell::<u8, ()>::new(), InitCell::<u8, ()>::new());
    let outcome = outer.get_or_try_init(|| inner.get_or_try_init(|| Ok(1)).copied().map_err(drop));
    assert_eq!(outcome.ok(), Some(&1));
}

#[test]
fn retries_belong_to_one_attempt() {
    let _watch = watch();
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

const COOL_DOWN: Duration = Duration::from_secs(5);

fn cooling<E>() -> (Arc<ManualClock>, InitCell<u8, E>) {
    let clock = Arc::new(ManualClock::new());
    let cell = InitCell::with_cool_down(COOL_DOWN, Arc::clone(&clock) as Arc<dyn Clock>);
    (clock, cell)
}

/// The error that this answer shares.
fn error_of<E>(answer: Result<&u8, InitError<E>>) -> Arc<E> {
    match answer {
        Err(InitError::Failed(error)) => error,
        _ => panic!("there is no error to share"),
    }
}

#[test]
fn a_failure_is_answered_without_another_attempt_until_it_has_cooled_down() {
    let _watch = watch();
    let (clock, cell) = cooling();
    let failed = error_of(cell.get_or_try_init(|| Err("disk full")));
    clock.advance(COOL_DOWN.saturating_sub(Duration::from_nanos(1)));
    let cached = error_of(cell.get_or_try_init(|| unreachable!("it cools down")));
    assert!(Arc::ptr_eq(&failed, &cached), "an error of its own");
    assert_eq!(cell.get(), None);
    clock.advance(Duration::from_nanos(1));
    let again = error_of(cell.get_or_try_init(|| Err("still full")));
    assert_eq!(*again, "still full", "no new attempt after the cool-down");
    let cached = error_of(cell.get_or_try_init(|| unreachable!("it cools down again")));
    assert!(Arc::ptr_eq(&again, &cached), "the old error came back");
    clock.advance(COOL_DOWN);
    assert_eq!(cell.get_or_try_init(|| Ok(1)).ok(), Some(&1));
    assert_eq!(cell.get_or_try_init(|| Err("never asked")).ok(), Some(&1), "the success did not stay");
}

#[test]
fn a_cell_without_a_cool_down_tries_again_at_once() {
    let _watch = watch();
    let clock = Arc::new(ManualClock::new());
    for cell in [InitCell::new(), InitCell::with_cool_down(Duration::ZERO, clock)] {
        error_of(cell.get_or_try_init(|| Err("no")));
        assert_eq!(cell.get_or_try_init(|| Ok(1)).ok(), Some(&1));
    }
}

#[test]
fn a_cool_down_without_end_does_not_overflow() {
    let _watch = watch();
    let clock = Arc::new(ManualClock::new());
    let cell = InitCell::with_cool_down(Duration::MAX, Arc::clone(&clock) as Arc<dyn Clock>);
    let failed = error_of(cell.get_or_try_init(|| Err("no")));
    clock.advance(Duration::from_secs(1 << 32));
    assert!(Arc::ptr_eq(&failed, &error_of(cell.get_or_try_init(|| Ok(1)))));
}

#[test]
fn a_panic_does_not_cool_down() {
    let _watch = watch();
    let (clock, cell) = cooling();
    error_of(cell.get_or_try_init(|| Err("first")));
    clock.advance(COOL_DOWN);
    let panicked = catch_unwind(AssertUnwindSafe(|| cell.get_or_try_init(|| panic!("in the initialiser"))));
    assert!(panicked.is_err(), "the panic was swallowed");
    assert_eq!(cell.get_or_try_init(|| Ok(1)).ok(), Some(&1), "a panic, or the error before it, was cached");
}

#[test]
fn a_cool_down_begins_when_the_last_retry_has_failed() {
    let _watch = watch();
    let (clock, cell) = cooling();
    let start = clock.now();
    let mut calls = 0;
    let failed = error_of(cell.get_or_try_init_with_retry(
        &*clock,
        &Backoff::default().base(COOL_DOWN).attempts(2),
        |_| true,
        || {
            calls += 1;
            Err(calls)
        },
    ));
    assert!(clock.now() > start, "it did not wait between attempts");
    clock.advance(COOL_DOWN.saturating_sub(Duration::from_nanos(1)));
    let cached = error_of(cell.get_or_try_init(|| unreachable!("it cools down")));
    assert_eq!((*cached, Arc::ptr_eq(&failed, &cached)), (2, true), "not the last error");
}

#[test]
fn an_old_error_is_dropped_without_a_lock_held() {
    struct AsksWhenDropped(std::sync::Weak<InitCell<u8, AsksWhenDropped>>);
    impl Drop for AsksWhenDropped {
        fn drop(&mut self) {
            if let Some(cell) = self.0.upgrade() {
                assert!(
                    matches!(cell.get_or_try_init(|| Ok(2)), Err(InitError::Reentrant)),
                    "it is led here"
                );
            }
        }
    }
    let _watch = watch();
    let (clock, cell) = cooling();
    let cell = Arc::new(cell);
    drop(error_of(cell.get_or_try_init(|| Err(AsksWhenDropped(Arc::downgrade(&cell))))));
    clock.advance(COOL_DOWN);
    assert_eq!(cell.get_or_try_init(|| Ok(1)).ok(), Some(&1));
}

#[test]
fn a_clock_that_panics_leaves_the_cell_usable() {
    #[derive(Debug, Default)]
    struct Stopping(AtomicUsize, ManualClock);
    impl Clock for Stopping {
        fn now(&self) -> std::time::Instant {
            assert_ne!(self.0.fetch_add(1, Ordering::SeqCst), 1, "the clock broke");
            self.1.now()
        }
        fn sleep(&self, duration: Duration) {
            self.1.sleep(duration);
        }
    }
    let _watch = watch();
    let cell: InitCell<u8, &str> = InitCell::with_cool_down(COOL_DOWN, Arc::new(Stopping::default()));
    let panicked = catch_unwind(AssertUnwindSafe(|| cell.get_or_try_init(|| Err("no"))));
    assert!(panicked.is_err(), "the clock was not asked when the attempt failed");
    assert_eq!(cell.get_or_try_init(|| Ok(1)).ok(), Some(&1), "the attempt never ended");
}

#[test]
fn an_old_error_whose_destructor_panics_leaves_the_cell_usable() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            assert!(thread::panicking(), "in the destructor");
        }
    }
    let _watch = watch();
    let (clock, cell) = cooling::<Panics>();
    assert!(cell.get_or_try_init(|| Err(Panics)).is_err());
    clock.advance(COOL_DOWN);
    let panicked = catch_unwind(AssertUnwindSafe(|| cell.get_or_try_init(|| Ok(1)).is_ok()));
    assert!(panicked.is_err(), "the old error was not dropped");
    assert_eq!(cell.get_or_try_init(|| Ok(2)).ok(), Some(&2), "the attempt never ended");
}

#[test]
fn a_cell_may_be_used_after_a_panic_was_caught() {
    fn unwind_safe<T: UnwindSafe + RefUnwindSafe>(_: &T) {}
    let _watch = watch();
    unwind_safe(&cooling::<&str>().1);
}

#[test]
fn errors_say_what_happened_and_keep_their_source() {
    use std::error::Error;
    let _watch = watch();
    let failed = InitError::Failed(Arc::new(std::io::Error::other("the cause")));
    assert_eq!(failed.to_string(), "initialisation failed");
    assert_eq!(failed.source().map(ToString::to_string), Some("the cause".to_owned()));
    for error in [InitError::Panicked, InitError::Reentrant, failed.clone()] {
        assert!(!error.to_string().is_empty());
        assert_eq!(error.source().is_some(), matches!(error, InitError::Failed(_)));
    }
}
