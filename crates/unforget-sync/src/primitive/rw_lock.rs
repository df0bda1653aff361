//! Many readers or one writer, without poisoning.

use ::std::fmt;
use ::std::sync::PoisonError;

use super::back_end::sync;
use super::mutex::if_free;

pub use super::back_end::sync::{RwLockReadGuard, RwLockWriteGuard};

/// Lets many threads read its data at the same time, or one change it.
///
/// Unlike `std::sync::RwLock`, locking is infallible: see the [module](crate::primitive) on poisoning.
///
/// **Fairness:** the operating system's; a reader may have to wait behind a writer who waits. **Poisoning:** none.
#[derive(Default)]
pub struct RwLock<T>(sync::RwLock<T>);

impl<T> RwLock<T> {
    const_fn! {
        /// Creates an unlocked lock.
        pub fn new(value: T) -> Self {
            Self(sync::RwLock::new(value))
        }
    }

    /// Locks the data for reading until the guard is dropped.
    ///
    /// # Blocking
    /// Waits for a writer. Reading twice from one thread may deadlock or panic, as in std.
    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the data for changing it until the guard is dropped.
    ///
    /// # Blocking
    /// Waits for readers and for a writer.
    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the data for reading if that needs no wait.
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        if_free(self.0.try_read())
    }

    /// Locks the data for changing it if that needs no wait.
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        if_free(self.0.try_write())
    }

    /// Gives up the lock for its data.
    pub fn into_inner(self) -> T {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwLock").finish_non_exhaustive()
    }
}
