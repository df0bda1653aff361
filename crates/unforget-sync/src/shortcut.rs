//! Ways to the same answer that wait less.
//!
//! None of them decides anything: whoever has taken one asks under the lock, or owns what it would have locked. The
//! model checkers are spared them, because all they add there are schedules in which nothing happens.

#[cfg(not(any(unforget_loom, unforget_shuttle)))]
use std::time::{Duration, Instant};

#[cfg(not(any(unforget_loom, unforget_shuttle)))]
use crate::primitive::atomic::{AtomicBool, AtomicU32, Ordering};
#[cfg(not(any(unforget_loom, unforget_shuttle)))]
use crate::primitive::thread;
use crate::primitive::{Arc, Mutex, MutexGuard};

/// How often a thread lets another run and looks again before it blocks. Blocking costs two switches in the kernel
/// and, if the core has gone idle, tens of microseconds to wake it. Giving way serves both cases: with a core to spare
/// it returns at once, and where threads outnumber cores it is what lets the one that answers run.
#[cfg(not(any(unforget_loom, unforget_shuttle)))]
const YIELDS: u32 = 64;

/// Giving way for longer than this means that it went to a thread that has work for its whole time slice.
#[cfg(not(any(unforget_loom, unforget_shuttle)))]
const SLICE: Duration = Duration::from_micros(400);

/// How many waits block at once after that. A thread that blocks is run soon after it is woken; one that gives way to
/// who computes stands behind it, for milliseconds. Trying again that rarely keeps the loss at a few microseconds a wait.
#[cfg(not(any(unforget_loom, unforget_shuttle)))]
const BLOCKING_WAITS: u32 = 16_384;

/// How many waits to come block at once. The machine is as busy for one queue as for another, so it is one number.
#[cfg(not(any(unforget_loom, unforget_shuttle)))]
static CROWDED: AtomicU32 = AtomicU32::new(0);

/// Gives way until `look` finds what it looks for, or a moment has passed.
#[cfg(not(any(unforget_loom, unforget_shuttle)))]
fn give_way<T>(look: impl Fn() -> Option<T>) -> Option<T> {
    if let Some(found) = look() {
        return Some(found);
    }
    let crowded = CROWDED.load(Ordering::Relaxed);
    if crowded > 0 {
        // Two that come together count as one, which does not matter.
        CROWDED.store(crowded - 1, Ordering::Relaxed);
        return None;
    }
    let mut before = Instant::now();
    for _ in 0..YIELDS {
        thread::yield_now();
        if let Some(found) = look() {
            return Some(found);
        }
        let after = Instant::now();
        if after.duration_since(before) > SLICE {
            CROWDED.store(BLOCKING_WAITS, Ordering::Relaxed);
            return None;
        }
        before = after;
    }
    None
}

/// Tells a thread that waits a moment before it blocks that it need not wait any longer.
///
/// It may come late, or stay behind, and costs no more than a moment. That is why every access is `Relaxed`.
#[derive(Default)]
pub(crate) struct Hint {
    #[cfg(not(any(unforget_loom, unforget_shuttle)))]
    come: AtomicBool,
}

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
        let _seen = give_way(|| self.come.load(Ordering::Relaxed).then_some(()));
    }
}

/// Locks, and gives way to the thread that has the lock before it blocks.
///
/// For locks that are held for nanoseconds by threads that come back at once: two that fight over such a lock pass its
/// cache line to and fro for every operation, and one that steps back lets the other do many.
#[cfg(not(any(unforget_loom, unforget_shuttle)))]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    give_way(|| mutex.try_lock()).unwrap_or_else(|| mutex.lock())
}

/// Takes out what is shared if nobody else shares it any more, so that it needs no lock.
#[cfg(not(any(unforget_loom, unforget_shuttle)))]
pub(crate) fn unshare<T>(shared: Arc<T>) -> Result<T, Arc<T>> {
    Arc::try_unwrap(shared)
}

#[cfg(any(unforget_loom, unforget_shuttle))]
#[expect(clippy::unused_self, reason = "stands in for the hint that is not modelled")]
impl Hint {
    pub(crate) fn set(&self, _come: bool) {}

    pub(crate) fn wait_a_moment(&self) {}
}

#[cfg(any(unforget_loom, unforget_shuttle))]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}

/// Reference counts are not modelled, so that nothing would order what the other sharer did before it let go.
#[cfg(any(unforget_loom, unforget_shuttle))]
pub(crate) fn unshare<T>(shared: Arc<T>) -> Result<T, Arc<T>> {
    Err(shared)
}
