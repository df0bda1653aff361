//! The operating system's primitives, without poisoning.

mod rw_lock;
mod snapshot;

use ::std::fmt;
use ::std::sync::{PoisonError, TryLockError};
use ::std::time::Instant;

use crate::Clock;

pub use self::rw_lock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub(crate) use self::snapshot::{AtomicSnapshot, CachedSnapshot, LoadedSnapshot};
pub use ::std::sync::{MutexGuard, OnceLock, atomic};
pub use ::std::thread;
pub(crate) use ::std::thread_local as per_thread;

/// Excludes other threads while its data is used.
///
/// Unlike `std::sync::Mutex`, locking is infallible: see the [module](crate::primitive) on poisoning.
///
/// **Fairness:** none; whoever gets the lock first. **Poisoning:** none.
#[derive(Default)]
pub struct Mutex<T>(::std::sync::Mutex<T>);

impl<T> Mutex<T> {
    /// Creates an unlocked mutex.
    pub const fn new(value: T) -> Self {
        Self(::std::sync::Mutex::new(value))
    }

    /// Locks the data until the guard is dropped.
    ///
    /// # Blocking
    /// Waits for the thread that holds the lock. Locking twice from one thread deadlocks or panics, as in std.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the data if that needs no wait.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Gives up the lock for its data.
    pub fn into_inner(self) -> T {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex").finish_non_exhaustive()
    }
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
