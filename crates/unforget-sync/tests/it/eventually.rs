//! Waiting for a condition, with a deadline that only a fault reaches.

use std::thread;
use std::time::{Duration, Instant};

use crate::watchdog::waiting;

/// Far beyond what any condition here takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Returns once `condition` holds.
pub(crate) fn eventually(what: &'static str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    waiting(what, || {
        while !condition() {
            assert!(start.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
            thread::yield_now();
        }
    });
}
