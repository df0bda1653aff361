//! A mutex with a place in the order of locks.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::Location;

use super::held::Held;
use super::level::{Before, Level};
use super::order::Order;
use crate::contention::{Contention, Meter};
use crate::primitive::{self, const_fn};

/// Excludes other threads while its data is used, and is taken in the declared order only.
///
/// **Guarantee:** [`lock`](Self::lock) out of order does not compile, and whatever else is held, both ways of
/// locking panic *before* they wait if the order is wrong, so the first occurrence is found, not the first deadlock.
///
/// **Cost:** that of [`primitive::Mutex`] and an entry on a stack of the thread, see
/// [`ranked`](crate::ranked#cost); with `S = Contention`, that of [`Contention`].
///
/// **Fairness:** none. **Poisoning:** none: a panic while it is held unlocks it and leaves the data as they were
/// then.
///
/// # Examples
/// ```
/// use unforget_sync::ranked::{Mutex, Order};
///
/// unforget_sync::lock_levels! { Notes }
///
/// static NOTES: Mutex<Notes, Vec<&str>> = Mutex::new(Vec::new());
///
/// let mut order = Order::root();
/// NOTES.lock(&mut order).0.push("first");
/// assert_eq!(NOTES.lock(&mut order).0.len(), 1);
/// ```
/// With statistics:
/// ```
/// use unforget_sync::{Contention, ranked::Mutex};
///
/// unforget_sync::lock_levels! { Notes }
///
/// static NOTES: Mutex<Notes, u8, Contention> = Mutex::with_contention(0, Contention::new());
///
/// *NOTES.lock_dynamic() += 1;
/// assert_eq!(NOTES.contention().snapshot().uncontended, 1);
/// ```
pub struct Mutex<L, T, S = ()> {
    level: PhantomData<fn() -> L>,
    meter: S,
    data: primitive::Mutex<T>,
}

/// Unlocks when dropped.
#[must_use = "the lock is let go of at once"]
pub struct MutexGuard<'a, L: Level, T> {
    /// Dropped first: the lock is free before the thread's stack says so.
    data: primitive::MutexGuard<'a, T>,
    _held: Held<L>,
}

impl<L: Level, T> Mutex<L, T> {
    const_fn! {
        /// Creates an unlocked mutex without statistics.
        pub fn new(value: T) -> Self {
            Self { level: PhantomData, meter: (), data: primitive::Mutex::new(value) }
        }
    }
}

impl<L: Level, T> Mutex<L, T, Contention> {
    /// Creates an unlocked mutex that counts its waits in `contention`.
    #[cfg(not(unforget_loom))]
    pub const fn with_contention(value: T, contention: Contention) -> Self {
        Self { level: PhantomData, meter: contention, data: primitive::Mutex::new(value) }
    }

    /// Creates an unlocked mutex that counts its waits in `contention`. Not `const` under the model
    /// checker.
    #[cfg(unforget_loom)]
    pub fn with_contention(value: T, contention: Contention) -> Self {
        Self { level: PhantomData, meter: contention, data: primitive::Mutex::new(value) }
    }

    /// Who waited for it, and how long.
    pub fn contention(&self) -> &Contention {
        &self.meter
    }
}

impl<L: Level, T, S: Meter> Mutex<L, T, S> {
    /// Locks the data, and returns with the guard the token for taking locks of later levels.
    ///
    /// # Panics
    /// If the thread holds, through another root, a lock that does not come before this one.
    ///
    /// # Blocking
    /// Waits for the thread that holds the lock.
    #[track_caller]
    pub fn lock<'a, H: Before<L>>(
        &'a self,
        _order: &'a mut Order<'_, H>,
    ) -> (MutexGuard<'a, L, T>, Order<'a, L>) {
        (self.lock_dynamic(), Order::new())
    }

    /// Locks the data where the order is only known when the program runs.
    ///
    /// # Panics
    /// If the thread holds a lock that does not come before this one, this lock included.
    ///
    /// # Blocking
    /// Waits for the thread that holds the lock.
    #[track_caller]
    pub fn lock_dynamic(&self) -> MutexGuard<'_, L, T> {
        let held = Held::enter(Location::caller());
        let data = self.meter.acquire(|| self.data.try_lock(), || self.data.lock());
        MutexGuard { data, _held: held }
    }

    /// Gives up the lock for its data.
    pub fn into_inner(self) -> T {
        self.data.into_inner()
    }
}

impl<L, T, S> fmt::Debug for Mutex<L, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex").finish_non_exhaustive()
    }
}

impl<L: Level, T> Deref for MutexGuard<'_, L, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.data
    }
}

impl<L: Level, T> DerefMut for MutexGuard<'_, L, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.data
    }
}

impl<L: Level, T: fmt::Debug> fmt::Debug for MutexGuard<'_, L, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
