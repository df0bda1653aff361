//! One thread at a time, without poisoning.

use ::std::fmt;
use ::std::sync::{PoisonError, TryLockError, TryLockResult};

use super::back_end::{MutexGuard, guard, sync};

/// Excludes other threads while its data is used.
///
/// Unlike `std::sync::Mutex`, locking is infallible: see the [module](crate::primitive) on poisoning.
///
/// **Fairness:** none; whoever gets the lock first. **Poisoning:** none.
#[derive(Default)]
pub struct Mutex<T>(sync::Mutex<T>);

impl<T> Mutex<T> {
    const_fn! {
        /// Creates an unlocked mutex.
        pub fn new(value: T) -> Self {
            Self(sync::Mutex::new(value))
        }
    }

    /// Locks the data until the guard is dropped.
    ///
    /// # Blocking
    /// Waits for the thread that holds the lock. Locking twice from one thread deadlocks or panics, as in std.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        guard(self, self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Locks the data if that needs no wait.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        if_free(self.0.try_lock()).map(|locked| guard(self, locked))
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

/// What trying to lock got, poisoned or not.
pub(super) fn if_free<G>(tried: TryLockResult<G>) -> Option<G> {
    match tried {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}
