//! Telling threads that something was published.

use std::time::Instant;

use unforget_sync::SystemClock;
use unforget_sync::primitive::{Condvar, Mutex};

/// Wakes those who wait for a publication.
///
/// Whoever publishes does so *before* it rings; whoever waits takes the count *before* it looks at what is published,
/// and then waits for another count. So it either sees the publication or is woken: what it looks at may take any
/// time and any lock.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: Mutex<u64>,
    ringing: Condvar,
}

impl Bell {
    pub(crate) fn count(&self) -> u64 {
        *self.rung.lock()
    }

    pub(crate) fn ring(&self) {
        *self.rung.lock() += 1;
        self.ringing.notify_all();
    }

    /// Waits until the count is another than `seen`; false if it was not by `deadline`.
    pub(crate) fn wait_past(&self, seen: u64, deadline: Instant) -> bool {
        let mut rung = self.rung.lock();
        let mut timed_out = false;
        while *rung == seen {
            if timed_out {
                return false;
            }
            (rung, timed_out) = self.ringing.wait_until(rung, &SystemClock, deadline);
        }
        true
    }
}
