use std::thread;
use std::time::Duration;

use unforget_sync::{Clock, ManualClock, SystemClock, Ticket, WaitError};

use crate::watchdog::watch;

/// Longer than any test runs.
const DAY: Duration = Duration::from_hours(24);

#[test]
fn a_manual_clock_stands_still_until_advanced() {
    let _watch = watch();
    let clock = ManualClock::default();
    let start = clock.now();
    assert_eq!(clock.now(), start, "time passed by itself");
    clock.advance(Duration::from_secs(5));
    assert_eq!(clock.now() - start, Duration::from_secs(5));
}

#[test]
fn sleeping_on_a_manual_clock_advances_it() {
    let _watch = watch();
    let clock = ManualClock::new();
    let start = clock.now();
    clock.sleep(DAY);
    assert_eq!(clock.now() - start, DAY);
}

#[test]
fn a_manual_clock_never_wraps() {
    let _watch = watch();
    let clock = ManualClock::new();
    clock.advance(Duration::from_secs(1));
    let before = clock.now();
    clock.advance(Duration::MAX);
    assert!(clock.now() > before, "an advance beyond the end went back");
}

/// Nobody notifies the waiter: it must look at the clock by itself.
#[test]
fn advancing_a_manual_clock_ends_a_timed_wait() {
    let _watch = watch();
    let clock = ManualClock::new();
    let deadline = clock.now() + DAY;
    let (ticket, _completer) = Ticket::<()>::pair();
    thread::scope(|threads| {
        let waiter = threads.spawn(|| ticket.wait_until(&clock, deadline));
        clock.advance(DAY);
        let outcome = waiter.join().expect("does not panic");
        assert!(matches!(outcome, Err(WaitError::TimedOut(_))));
    });
}

#[test]
fn the_system_clock_sleeps_at_least_as_long_as_asked() {
    let _watch = watch();
    let start = SystemClock.now();
    SystemClock.sleep(Duration::from_millis(2));
    assert!(SystemClock.now() - start >= Duration::from_millis(2));
}
