//! The operating system's primitives, and time.

mod snapshot;

use ::std::sync::PoisonError;
use ::std::time::Instant;

use super::Mutex;
use crate::Clock;

pub(crate) use self::snapshot::{AtomicSnapshot, CachedSnapshot, LoadedSnapshot};
pub(super) use ::std::sync;
pub use ::std::sync::{MutexGuard, OnceLock};
pub use ::std::thread;
pub(crate) use ::std::thread_local as per_thread;

/// std's guard is all that [`Condvar`] needs.
pub(super) fn guard<'a, T>(_mutex: &'a Mutex<T>, locked: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    locked
}

/// Lets threads wait until another thread has changed what a mutex protects.
///
/// A wait may end without a notification, so every wait stands in a loop that asks its condition again.
#[derive(Debug, Default)]
pub struct Condvar(::std::sync::Condvar);

impl Condvar {
    /// Creates a condition variable that nobody waits on.
    pub const fn new() -> Self {
        Self(::std::sync::Condvar::new())
    }

    /// Unlocks, waits for a notification, locks again.
    ///
    /// # Blocking
    /// Without limit, and then for the lock.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits like [`wait`](Self::wait), but at most until `clock` reaches `deadline`.
    ///
    /// The flag says whether the deadline has been reached. The condition may hold all the same: ask it first.
    ///
    /// # Blocking
    /// Until the deadline, and then for the lock. `clock` is asked while the lock is held.
    pub fn wait_until<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        clock: &dyn Clock,
        deadline: Instant,
    ) -> (MutexGuard<'a, T>, bool) {
        let remaining = deadline.saturating_duration_since(clock.now());
        if remaining.is_zero() {
            return (guard, true);
        }
        let (guard, _) = self
            .0
            .wait_timeout(guard, clock.recheck_after(remaining))
            .unwrap_or_else(PoisonError::into_inner);
        (guard, clock.now() >= deadline)
    }

    /// Wakes one waiting thread.
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// Wakes every waiting thread.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}
