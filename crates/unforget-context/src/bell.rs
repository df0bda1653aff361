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
    heard: Mutex<Heard>,
    ringing: Condvar,
}

#[derive(Debug, Default)]
struct Heard {
    rung: u64,
    /// Where nobody waits, nobody is woken: that is a system call, which takes as long as all else of a deferred change.
    waiting: usize,
}

impl Bell {
    pub(crate) fn count(&self) -> u64 {
        self.heard.lock().rung
    }

    pub(crate) fn ring(&self) {
        let mut heard = self.heard.lock();
        heard.rung += 1;
        let waiting = heard.waiting;
        drop(heard);
        if waiting > 0 {
            self.ringing.notify_all();
        }
    }

    /// Waits until the count is another than `seen`; false if it was not by `deadline`.
    pub(crate) fn wait_past(&self, seen: u64, deadline: Instant) -> bool {
        let mut heard = self.heard.lock();
        let mut timed_out = false;
        while heard.rung == seen && !timed_out {
            heard.waiting += 1;
            (heard, timed_out) = self.ringing.wait_until(heard, &SystemClock, deadline);
            heard.waiting -= 1;
        }
        heard.rung != seen
    }
}
