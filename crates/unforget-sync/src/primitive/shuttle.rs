//! shuttle's primitives, with the waits that shuttle leaves out.
//!
//! As under loom, waits end spuriously and deadlines come as [`model::Mode`] says. Unlike loom, shuttle knows no
//! weak memory: every atomic access is sequentially consistent, whatever ordering it names.

use ::std::fmt;
use ::std::ops::{Deref, DerefMut};
use ::std::sync::{PoisonError, TryLockError};
use ::std::time::Instant;

use super::model::{self, Mode};
use crate::Clock;

pub use ::shuttle::sync::atomic;

/// Threads of the scenario.
pub mod thread {
    pub use ::shuttle::thread::*;

    /// Lets other threads of the scenario run: time does not pass in a model. Yields, where shuttle's own only
    /// offers a switch, so that a loop that sleeps gives way also under priorities.
    pub fn sleep(_duration: ::std::time::Duration) {
        yield_now();
    }
}

/// Excludes other threads of the scenario while its data is used.
#[derive(Default)]
pub struct Mutex<T>(::shuttle::sync::Mutex<T>);

impl<T> Mutex<T> {
    /// Creates an unlocked mutex.
    pub const fn new(value: T) -> Self {
        Self(::shuttle::sync::Mutex::new(value))
    }

    /// Locks the data until the guard is dropped.
    ///
    /// # Blocking
    /// Waits for the thread that holds the lock.
    ///
    /// # Panics
    /// If this thread holds it.
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
    guard: ::shuttle::sync::MutexGuard<'a, T>,
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

/// Lets threads of the scenario wait until another has changed what a mutex protects.
#[derive(Debug, Default)]
pub struct Condvar {
    condvar: ::shuttle::sync::Condvar,
    /// Not modelled on purpose: which wait is the spurious one is part of the model, not of the schedule.
    woke_spuriously: ::std::sync::atomic::AtomicBool,
}

impl Condvar {
    /// Creates a condition variable that nobody waits on.
    pub const fn new() -> Self {
        Self {
            condvar: ::shuttle::sync::Condvar::new(),
            woke_spuriously: ::std::sync::atomic::AtomicBool::new(false),
        }
    }

    /// Unlocks, waits for a notification, locks again.
    ///
    /// # Blocking
    /// Without limit, and then for the lock.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        if self.wakes_spuriously() {
            return guard.relock();
        }
        let MutexGuard { mutex, guard } = guard;
        MutexGuard { mutex, guard: self.condvar.wait(guard).unwrap_or_else(PoisonError::into_inner) }
    }

    /// Waits like [`wait`](Self::wait); the deadline comes at once or never, as the mode says.
    ///
    /// A deadline that comes may come late all the same: any number of steps of others can pass before the lock is
    /// had again. What is left out is a waiter that times out *and* was notified.
    ///
    /// # Blocking
    /// As the mode says, and then for the lock.
    pub fn wait_until<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        _clock: &dyn Clock,
        _deadline: Instant,
    ) -> (MutexGuard<'a, T>, bool) {
        let has_come = match model::mode() {
            Mode::DeadlineNow => true,
            Mode::Drawn => model::draw(2) == 0,
            Mode::Plain | Mode::SpuriousOnce | Mode::DeadlineNever => false,
        };
        if has_come { (guard.relock(), true) } else { (self.wait(guard), false) }
    }

    /// Wakes one waiting thread, any of them.
    pub fn notify_one(&self) {
        self.condvar.notify_one();
    }

    /// Wakes every waiting thread.
    pub fn notify_all(&self) {
        self.condvar.notify_all();
    }

    /// A drawn wait ends by itself one time in four: often enough to meet every other wait in some schedule, and
    /// seldom enough that threads do block.
    fn wakes_spuriously(&self) -> bool {
        match model::mode() {
            Mode::SpuriousOnce => !self.woke_spuriously.swap(true, ::std::sync::atomic::Ordering::Relaxed),
            Mode::Drawn => model::draw(4) == 0,
            Mode::Plain | Mode::DeadlineNow | Mode::DeadlineNever => false,
        }
    }
}

/// An atomic for the modelled cell. shuttle schedules every access, so that nothing has to be added.
#[derive(Default)]
pub(super) struct Watched<A>(A);

impl<A> Watched<A> {
    pub(super) fn access(&self) -> &A {
        &self.0
    }
}

/// A cell written once, with std's contract: a second setter waits for the first.
pub struct OnceLock<T> {
    /// std's cell never waits here: it is set under `setting`, and by then the value is made.
    value: ::std::sync::OnceLock<T>,
    /// The scheduling point of a `get`, set once `value` is there.
    ready: atomic::AtomicBool,
    setting: Mutex<()>,
}

impl<T> OnceLock<T> {
    /// Creates an empty cell.
    pub const fn new() -> Self {
        Self {
            value: ::std::sync::OnceLock::new(),
            ready: atomic::AtomicBool::new(false),
            setting: Mutex::new(()),
        }
    }

    /// Returns the value, if it has been set.
    pub fn get(&self) -> Option<&T> {
        if self.ready.load(atomic::Ordering::Acquire) { self.value.get() } else { None }
    }

    /// Returns the value, setting it first if the cell is empty.
    ///
    /// # Blocking
    /// For whoever is setting it.
    pub fn get_or_init(&self, init: impl FnOnce() -> T) -> &T {
        if let Some(value) = self.get() {
            return value;
        }
        let setting = self.setting.lock();
        let value = if let Some(value) = self.value.get() {
            value
        } else {
            let made = init();
            self.value.get_or_init(|| made)
        };
        self.ready.store(true, atomic::Ordering::Release);
        drop(setting);
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
