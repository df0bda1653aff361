//! loom's primitives, with the waits that loom leaves out.
//!
//! loom's condition variables never wake spuriously and its timed waits never time out, so an `if` in place of a
//! `while`, or a mishandled deadline, would pass. [`model::Mode`] says which of the two this model adds.

mod rw_lock;

use ::std::fmt;
use ::std::ops::{Deref, DerefMut};
use ::std::sync::{PoisonError, TryLockError};
use ::std::time::Instant;

use ::loom::cell::UnsafeCell;

use super::model::{self, Mode};
use crate::Clock;

pub use self::rw_lock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use ::loom::sync::atomic;

/// Values of one thread of the model, declared as std's are: loom's own macro does not know `const`.
macro_rules! per_thread {
    ($(#[$attribute:meta])* static $name:ident: $type:ty = const { $value:expr };) => {
        ::loom::thread_local! { $(#[$attribute])* static $name: $type = $value; }
    };
}
pub(crate) use per_thread;

/// Threads of the model.
pub mod thread {
    pub use ::loom::thread::*;

    /// Lets other threads of the model run: time does not pass in a model.
    pub fn sleep(_duration: ::std::time::Duration) {
        yield_now();
    }
}

/// Excludes other threads of the model while its data is used.
#[derive(Default)]
pub struct Mutex<T>(::loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    /// Creates an unlocked mutex.
    pub fn new(value: T) -> Self {
        Self(::loom::sync::Mutex::new(value))
    }

    /// Locks the data until the guard is dropped.
    ///
    /// # Blocking
    /// Waits for the thread that holds the lock.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard { mutex: self, guard: self.0.lock().unwrap_or_else(PoisonError::into_inner) }
    }

    /// Locks the data if that needs no wait.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(MutexGuard { mutex: self, guard }),
            Err(TryLockError::Poisoned(poisoned)) => {
                Some(MutexGuard { mutex: self, guard: poisoned.into_inner() })
            }
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

/// Unlocks when dropped.
pub struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
    guard: ::loom::sync::MutexGuard<'a, T>,
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
        &self.guard
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

/// Lets threads of the model wait until another has changed what a mutex protects.
#[derive(Debug, Default)]
pub struct Condvar {
    condvar: ::loom::sync::Condvar,
    /// Not modelled on purpose: which wait is the spurious one is part of the model, not of the schedule.
    woke_spuriously: ::std::sync::atomic::AtomicBool,
}

impl Condvar {
    /// Creates a condition variable that nobody waits on.
    pub fn new() -> Self {
        Self::default()
    }

    /// Unlocks, waits for a notification, locks again.
    ///
    /// # Blocking
    /// Without limit, and then for the lock.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        if model::mode() == Mode::SpuriousOnce
            && !self.woke_spuriously.swap(true, ::std::sync::atomic::Ordering::Relaxed)
        {
            return guard.relock();
        }
        let MutexGuard { mutex, guard } = guard;
        MutexGuard { mutex, guard: self.condvar.wait(guard).unwrap_or_else(PoisonError::into_inner) }
    }

    /// Waits like [`wait`](Self::wait); the deadline comes at once or never, as the mode says.
    ///
    /// # Blocking
    /// As the mode says, and then for the lock.
    pub fn wait_until<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        _clock: &dyn Clock,
        _deadline: Instant,
    ) -> (MutexGuard<'a, T>, bool) {
        match model::mode() {
            Mode::DeadlineNow => (guard.relock(), true),
            Mode::Plain | Mode::SpuriousOnce | Mode::DeadlineNever => (self.wait(guard), false),
        }
    }

    /// Wakes one waiting thread.
    pub fn notify_one(&self) {
        self.condvar.notify_one();
    }

    /// Wakes every waiting thread.
    pub fn notify_all(&self) {
        self.condvar.notify_all();
    }
}

/// An atomic whose accesses loom schedules in every order.
///
/// loom 0.7.2 remembers one last access per atomic, and a thread's own load hides another thread's earlier one: a
/// thread that loads and then stores is never run before a load that came first. So every access is preceded by a
/// read-modify-write of a second atomic, which nothing hides. Relaxed, it orders nothing that the first does not.
#[derive(Default)]
pub(super) struct Watched<A> {
    atomic: A,
    accesses: atomic::AtomicUsize,
}

impl<A> Watched<A> {
    pub(super) fn access(&self) -> &A {
        self.accesses.fetch_add(1, atomic::Ordering::Relaxed);
        &self.atomic
    }
}

/// A cell written once, with std's contract: a `get` that finds the value happens after its `set`.
///
/// For one setter at a time, which is how this crate uses it: std would make a second one wait.
pub struct OnceLock<T> {
    value: ::std::sync::OnceLock<T>,
    /// Release after `value` is written, Acquire before it is read; loom fails the model if `written` is reached
    /// on a path without that pair.
    ready: Watched<atomic::AtomicBool>,
    written: UnsafeCell<()>,
}

impl<T> OnceLock<T> {
    /// Creates an empty cell.
    pub fn new() -> Self {
        Self { value: ::std::sync::OnceLock::new(), ready: Watched::default(), written: UnsafeCell::new(()) }
    }

    /// Returns the value, if it has been set.
    pub fn get(&self) -> Option<&T> {
        if !self.ready.access().load(atomic::Ordering::Acquire) {
            return None;
        }
        self.written.with(|_| self.value.get())
    }

    /// Returns the value, setting it first if the cell is empty.
    pub fn get_or_init(&self, init: impl FnOnce() -> T) -> &T {
        let mut set_here = false;
        let value = self.value.get_or_init(|| {
            set_here = true;
            self.written.with_mut(|_| init())
        });
        if set_here {
            self.ready.access().store(true, atomic::Ordering::Release);
        }
        value
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
