//! A look before the lock: whether what a thread is about to wait for has come.

#[cfg(not(any(unforget_loom, unforget_shuttle)))]
use crate::primitive::atomic::{AtomicBool, Ordering};
#[cfg(not(any(unforget_loom, unforget_shuttle)))]
use crate::primitive::thread;

/// Tells a thread that waits a moment before it blocks that it need not wait any longer.
///
/// Decides nothing: whoever has looked here asks under the lock, whatever it saw, and blocks there if it must. So a
/// hint may come late, or stay behind, and costs no more than a moment. That is also why every access is `Relaxed`,
/// and why the model checkers are spared it: there the moment is over before it begins.
#[derive(Default)]
pub(crate) struct Hint {
    #[cfg(not(any(unforget_loom, unforget_shuttle)))]
    come: AtomicBool,
}

/// How often a waiting thread lets another run and looks again before it blocks. Blocking costs two switches in the
/// kernel and, if the core has gone idle, tens of microseconds to wake it. Giving way serves both cases: with a core
/// to spare it returns at once, and where threads outnumber cores it is what lets the one that answers run.
#[cfg(not(any(unforget_loom, unforget_shuttle)))]
const YIELDS: u32 = 64;

impl Hint {
    pub(crate) fn new() -> Self {
        Self::default()
    }
}

#[cfg(not(any(unforget_loom, unforget_shuttle)))]
impl Hint {
    pub(crate) fn set(&self, come: bool) {
        self.come.store(come, Ordering::Relaxed);
    }

    /// Returns once it has come, or a moment has passed.
    pub(crate) fn wait_a_moment(&self) {
        for _ in 0..YIELDS {
            if self.come.load(Ordering::Relaxed) {
                return;
            }
            thread::yield_now();
        }
    }
}

#[cfg(any(unforget_loom, unforget_shuttle))]
#[expect(clippy::unused_self, reason = "stands in for the hint that is not modelled")]
impl Hint {
    pub(crate) fn set(&self, _come: bool) {}

    pub(crate) fn wait_a_moment(&self) {}
}
