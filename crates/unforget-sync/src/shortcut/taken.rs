//! The shortcuts on real threads.

use std::time::{Duration, Instant};

use crate::primitive::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::primitive::{Arc, Mutex, MutexGuard, OnceLock, thread};

/// How often a thread lets another run and looks again before it blocks. Blocking costs two switches in the kernel
/// and, if the core has gone idle, tens of microseconds to wake it. Giving way serves both cases: with a core to spare
/// it returns at once, and where threads outnumber cores it is what lets the one that answers run.
const YIELDS: u32 = 64;

/// How long all of that may take. Giving way *once* for longer means that it went to a thread that computes and was given
/// a whole time slice; threads that hand work to one another come round in far less.
const MOMENT: Duration = Duration::from_millis(1);

/// For how long waits block at once after that. A thread that blocks is run soon after it is woken; one that gives way
/// to who computes stands behind it, for milliseconds. Trying again once a second keeps that to a hundredth.
const CROWDED_FOR: Duration = Duration::from_secs(1);

/// Until when waits block at once, in milliseconds since [`EPOCH`]. The machine is as busy for one queue as for
/// another, so it is one number.
static CROWDED_UNTIL: AtomicU64 = AtomicU64::new(0);

static EPOCH: OnceLock<Instant> = OnceLock::new();

/// Gives way until `look` finds what it looks for, or a moment has passed.
fn give_way<T>(look: impl Fn() -> Option<T>) -> Option<T> {
    if let Some(found) = look() {
        return Some(found);
    }
    let start = Instant::now();
    if since_epoch(start) < CROWDED_UNTIL.load(Ordering::Relaxed) {
        return None;
    }
    let mut before = start;
    for _ in 0..YIELDS {
        thread::yield_now();
        let found = look();
        let after = Instant::now();
        // Also if it was found: it may have come at once, and we were late.
        if after.duration_since(before) > MOMENT {
            CROWDED_UNTIL.store(since_epoch(after + CROWDED_FOR), Ordering::Relaxed);
            return found;
        }
        if found.is_some() || after.duration_since(start) > MOMENT {
            return found;
        }
        before = after;
    }
    None
}

fn since_epoch(now: Instant) -> u64 {
    let since = now.saturating_duration_since(*EPOCH.get_or_init(Instant::now));
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Tells a thread that waits a moment before it blocks that it need not wait any longer.
///
/// It may come late, or stay behind, and costs no more than a moment. That is why every access is `Relaxed`.
#[derive(Default)]
pub(crate) struct Hint {
    come: AtomicBool,
}

impl Hint {
    pub(crate) fn new() -> Self {
        Self::default()
    }

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
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    give_way(|| mutex.try_lock()).unwrap_or_else(|| mutex.lock())
}

/// Takes out what is shared if nobody else shares it any more, so that it needs no lock.
pub(crate) fn unshare<T>(shared: Arc<T>) -> Result<T, Arc<T>> {
    Arc::try_unwrap(shared)
}
