//! `InitCell`: at most one success is ever visible, outcomes are shared, and no attempt leaves the cell unusable.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use loom::cell::UnsafeCell;
use unforget_sync::primitive::atomic::{AtomicUsize, Ordering};
use unforget_sync::primitive::{Arc, thread};
use unforget_sync::{Clock, InitCell, InitError, ManualClock};

use crate::{WAITS, check};

type Cell = InitCell<UnsafeCell<usize>, usize>;

/// Counts runs of initialisers and whether two overlap.
#[derive(Default)]
struct Runs {
    begun: AtomicUsize,
    active: AtomicUsize,
}

impl Runs {
    /// Runs an initialiser that is told how many ran before it.
    fn run<T>(&self, init: impl FnOnce(usize) -> T) -> T {
        assert_eq!(self.active.fetch_add(1, Ordering::SeqCst), 0, "two initialisers ran at the same time");
        let earlier = self.begun.fetch_add(1, Ordering::SeqCst);
        self.active.fetch_sub(1, Ordering::SeqCst);
        init(earlier)
    }
}

/// Reads the value in a way that loom fails if its writing does not happen before this.
fn read(value: &UnsafeCell<usize>) -> usize {
    let mut seen = usize::MAX;
    value.with(|pointer| seen = usize::from(pointer.is_null()));
    seen
}

/// Two initialisers and a reader of the fast path: one initialiser runs, and whoever sees the value sees it whole.
#[test]
fn one_initialiser_succeeds_and_its_value_is_seen_whole() {
    check(WAITS, || {
        let cell = Arc::new(Cell::new());
        let runs = Arc::new(Runs::default());
        let others: Vec<_> = (0..2)
            .map(|_| {
                let (cell, runs) = (Arc::clone(&cell), Arc::clone(&runs));
                thread::spawn(move || {
                    let value = cell.get_or_try_init(|| runs.run(|_| Ok(UnsafeCell::new(0))));
                    read(value.expect("nothing fails here"));
                })
            })
            .collect();
        if let Some(value) = cell.get() {
            read(value);
        }
        for other in others {
            other.join().expect("does not panic");
        }
        assert_eq!(runs.begun.load(Ordering::SeqCst), 1, "a second initialiser ran");
        assert!(cell.get().is_some(), "the value stays");
    });
}

/// The first attempt fails: who joined it shares its error, who came later succeeds, and only once.
#[test]
fn a_failed_attempt_is_shared_and_leaves_the_cell_usable() {
    check(WAITS, || {
        let cell = Arc::new(Cell::new());
        let runs = Arc::new(Runs::default());
        let open = |cell: &Cell, runs: &Runs| {
            let failing_first = |earlier| if earlier == 0 { Err(earlier) } else { Ok(UnsafeCell::new(0)) };
            match cell.get_or_try_init(|| runs.run(failing_first)) {
                Ok(value) => {
                    read(value);
                }
                Err(InitError::Failed(error)) => assert_eq!(*error, 0, "only the first attempt fails"),
                Err(other) => panic!("no attempt panicked or re-entered: {other}"),
            }
        };
        let other = {
            let (cell, runs) = (Arc::clone(&cell), Arc::clone(&runs));
            thread::spawn(move || open(&cell, &runs))
        };
        open(&cell, &runs);
        other.join().expect("does not panic");
        open(&cell, &runs);
        assert_eq!(runs.begun.load(Ordering::SeqCst), 2, "one failure and one success, however they met");
        assert!(cell.get().is_some(), "the failed attempt left the cell unusable");
    });
}

/// Who was told of a failure and asks again at once begins a new attempt and does not join the old one.
#[test]
fn asking_again_after_a_failure_is_a_new_attempt() {
    check(WAITS, || {
        let cell = Arc::new(Cell::new());
        let failures = Arc::new(AtomicUsize::new(0));
        let ask_twice = |cell: &Cell, failures: &AtomicUsize| {
            let fail = || Err(failures.fetch_add(1, Ordering::SeqCst));
            let number = |result: Result<&_, InitError<usize>>| match result {
                Err(InitError::Failed(error)) => *error,
                _ => panic!("every attempt fails"),
            };
            let first = number(cell.get_or_try_init(fail));
            let second = number(cell.get_or_try_init(fail));
            assert!(second > first, "the second answer came from the attempt that had just failed");
        };
        let other = {
            let (cell, failures) = (Arc::clone(&cell), Arc::clone(&failures));
            thread::spawn(move || ask_twice(&cell, &failures))
        };
        ask_twice(&cell, &failures);
        other.join().expect("does not panic");
    });
}

/// The first attempt panics: its caller gets the panic, who joined it is told, and the cell stays usable.
#[test]
fn a_panicked_attempt_is_told_and_leaves_the_cell_usable() {
    check(WAITS, || {
        let cell = Arc::new(Cell::new());
        let runs = Arc::new(Runs::default());
        let open = |cell: &Cell, runs: &Runs| {
            // Unwinds without the panic hook, which would print in every execution.
            let panicking_first = |earlier| {
                if earlier == 0 { resume_unwind(Box::new("first")) } else { Ok(UnsafeCell::new(0)) }
            };
            let opened = catch_unwind(AssertUnwindSafe(|| {
                cell.get_or_try_init(|| runs.run(panicking_first)).map(read)
            }));
            match opened {
                Ok(Err(InitError::Failed(_) | InitError::Reentrant)) => {
                    panic!("nothing failed or re-entered")
                }
                Ok(Ok(_) | Err(InitError::Panicked)) | Err(_) => {}
            }
        };
        let other = {
            let (cell, runs) = (Arc::clone(&cell), Arc::clone(&runs));
            thread::spawn(move || open(&cell, &runs))
        };
        open(&cell, &runs);
        other.join().expect("caught its panic");
        open(&cell, &runs);
        assert_eq!(runs.begun.load(Ordering::SeqCst), 2, "one panic and one success, however they met");
        assert!(cell.get().is_some(), "the panicked attempt left the cell unusable");
    });
}

const COOL_DOWN: Duration = Duration::from_secs(1);

/// Time stands still: two threads ask twice each, and the one attempt that fails answers all four.
#[test]
fn a_failure_that_cools_down_is_the_only_attempt() {
    check(WAITS, || {
        let clock = Arc::new(ManualClock::new());
        let cell: Arc<InitCell<(), usize>> = Arc::new(InitCell::with_cool_down(COOL_DOWN, clock));
        let runs = Arc::new(Runs::default());
        let ask_twice = |cell: &InitCell<(), usize>, runs: &Runs| {
            for _ in 0..2 {
                match cell.get_or_try_init(|| runs.run(Err)) {
                    Err(InitError::Failed(error)) => {
                        assert_eq!(*error, 0, "a second attempt cooled nothing down");
                    }
                    _ => panic!("every attempt fails"),
                }
            }
        };
        let other = {
            let (cell, runs) = (Arc::clone(&cell), Arc::clone(&runs));
            thread::spawn(move || ask_twice(&cell, &runs))
        };
        ask_twice(&cell, &runs);
        other.join().expect("does not panic");
        assert_eq!(runs.begun.load(Ordering::SeqCst), 1, "an attempt began within the cool-down");
    });
}

/// Only the first attempt fails, and time passes for one thread: it succeeds then, whatever the other does meanwhile.
#[test]
fn a_failure_that_has_cooled_down_is_not_answered() {
    check(WAITS, || {
        let clock = Arc::new(ManualClock::new());
        let cell = Arc::new(Cell::with_cool_down(COOL_DOWN, Arc::clone(&clock) as Arc<dyn Clock>));
        let runs = Arc::new(Runs::default());
        let open = |cell: &Cell, runs: &Runs| {
            let failing_first = |earlier| if earlier == 0 { Err(earlier) } else { Ok(UnsafeCell::new(0)) };
            cell.get_or_try_init(|| runs.run(failing_first)).map(read).is_ok()
        };
        let other = {
            let (cell, runs) = (Arc::clone(&cell), Arc::clone(&runs));
            thread::spawn(move || open(&cell, &runs))
        };
        open(&cell, &runs);
        clock.advance(COOL_DOWN);
        assert!(open(&cell, &runs), "a failure outlived its cool-down");
        other.join().expect("does not panic");
        assert_eq!(runs.begun.load(Ordering::SeqCst), 2, "one failure and one success, however they met");
    });
}
