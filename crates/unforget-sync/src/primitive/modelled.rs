//! The primitives of whichever model checker it is, with what both leave out.
//!
//! Neither's condition variables wake spuriously, and neither's timed waits time out, so an `if` in place of
//! a `while`, or a mishandled deadline, would pass. [`model::Mode`](super::model::Mode) says which of them a model adds.

mod condvar;
#[cfg(unforget_loom)]
mod loom;
#[cfg(unforget_shuttle)]
mod shuttle;
mod snapshot;

use ::std::fmt;
use ::std::ops::{Deref, DerefMut};

#[cfg(unforget_loom)]
use ::loom as checker;
#[cfg(unforget_shuttle)]
use ::shuttle as checker;

#[cfg(unforget_loom)]
use self::loom as additions;
#[cfg(unforget_shuttle)]
use self::shuttle as additions;
use super::Mutex;

pub use self::additions::OnceLock;
pub(crate) use self::additions::per_thread;
pub use self::condvar::Condvar;
pub(crate) use self::snapshot::{AtomicSnapshot, CachedSnapshot, LoadedSnapshot};
pub(super) use checker::sync;

/// Threads of the model.
pub mod thread {
    pub use super::checker::thread::*;

    /// Lets other threads of the model run: time does not pass in a model. Yields, so that a loop that sleeps gives
    /// way also under priorities; shuttle's own only offers a switch.
    pub fn sleep(_duration: ::std::time::Duration) {
        yield_now();
    }
}

/// Unlocks when dropped.
pub struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
    locked: sync::MutexGuard<'a, T>,
}

/// A guard that remembers what it has locked, which the checkers' own do not tell.
pub(super) fn guard<'a, T>(mutex: &'a Mutex<T>, locked: sync::MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    MutexGuard { mutex, locked }
}

impl<T> MutexGuard<'_, T> {
    /// What a wait that ends by itself does to the lock: lets go of it and competes for it again.
    fn relock(self) -> Self {
        let mutex = self.mutex;
        drop(self);
        mutex.lock()
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.locked
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.locked
    }
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceLock").finish_non_exhaustive()
    }
}
