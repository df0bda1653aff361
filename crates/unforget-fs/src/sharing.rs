//! Renames that another program delays for a moment, as Windows knows them.

use std::io;
use std::time::Duration;

use unforget_sync::{Backoff, Clock};

/// `ERROR_ACCESS_DENIED`, `ERROR_SHARING_VIOLATION` and `ERROR_LOCK_VIOLATION`: what a rename or a removal is
/// told while a virus scanner, an indexer or a backup has the file open. The first can also mean what it
/// says, and is then reported after the last attempt.
const SHARING_VIOLATIONS: [i32; 3] = [5, 32, 33];

/// Runs `operation` again, up to 10 times, while another program has the file open.
#[cfg(windows)]
pub(crate) fn retry(operation: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    retry_by(&unforget_sync::SystemClock, operation)
}

/// Waits 5 ms before the second attempt, then twice as long each time up to 80 ms, with jitter.
fn retry_by(clock: &dyn Clock, operation: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    let backoff = Backoff::default()
        .base(Duration::from_millis(5))
        .cap(Duration::from_millis(80))
        .attempts(11)
        .deadline(Duration::from_secs(2));
    let is_violation =
        |e: &io::Error| e.raw_os_error().is_some_and(|code| SHARING_VIOLATIONS.contains(&code));
    unforget_sync::retry(clock, &backoff, is_violation, operation)
}

#[cfg(test)]
mod tests {
    use unforget_sync::ManualClock;

    use super::*;

    fn run(failures: u32, code: i32) -> (io::Result<()>, u32, Duration) {
        let clock = ManualClock::new();
        let (began, mut calls) = (clock.now(), 0);
        let outcome = retry_by(&clock, || {
            calls += 1;
            if calls <= failures { Err(io::Error::from_raw_os_error(code)) } else { Ok(()) }
        });
        (outcome, calls, clock.now() - began)
    }

    #[test]
    fn a_violation_that_passes_is_not_an_error() {
        let (outcome, calls, waited) = run(10, 32);
        outcome.expect("the eleventh attempt succeeds");
        assert_eq!(calls, 11);
        assert!(waited >= Duration::from_millis(5) && waited <= Duration::from_millis(800), "{waited:?}");
    }

    #[test]
    fn a_violation_that_stays_is_reported() {
        let (outcome, calls, _) = run(u32::MAX, 5);
        assert_eq!(outcome.map_err(|e| e.raw_os_error()), Err(Some(5)));
        assert_eq!(calls, 11);
    }

    #[test]
    fn other_errors_are_not_waited_for() {
        let (outcome, calls, waited) = run(u32::MAX, 2);
        assert_eq!(outcome.map_err(|e| e.raw_os_error()), Err(Some(2)));
        assert_eq!((calls, waited), (1, Duration::ZERO));
    }
}
