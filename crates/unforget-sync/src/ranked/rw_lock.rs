//! Many readers or one writer, with a place in the order of locks.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::Location;

use super::held::Held;
use super::level::{Before, Level};
use super::order::Order;
use crate::contention::{Contention, Meter};
use crate::primitive::{self, const_fn};

/// Lets many threads read its data or one change it, and is taken in the declared order only.
///
/// **Guarantee:** as [`Mutex`](super::Mutex). Reading counts as holding: a thread that reads cannot read again
/// under the same level, where it could wait for a writer who waits for it.
///
/// **Cost:** as [`Mutex`](super::Mutex), over [`primitive::RwLock`].
///
/// **Fairness:** that of the system's lock. **Poisoning:** none, as [`Mutex`](super::Mutex).
///
/// # Examples
/// ```
/// use unforget_sync::ranked::{Order, RwLock};
///
/// unforget_sync::lock_levels! { Index }
///
/// let index: RwLock<Index, Vec<u8>> = RwLock::new(vec![1]);
/// let mut order = Order::root();
/// index.write(&mut order).0.push(2);
/// assert_eq!(*index.read(&mut order).0, [1, 2]);
/// ```
pub struct RwLock<L, T, S = ()> {
    level: PhantomData<fn() -> L>,
    meter: S,
    data: primitive::RwLock<T>,
}

/// Stops reading when dropped.
#[must_use = "the lock is let go of at once"]
pub struct RwLockReadGuard<'a, L: Level, T> {
    data: primitive::RwLockReadGuard<'a, T>,
    _held: Held<L>,
}

/// Unlocks when dropped.
#[must_use = "the lock is let go of at once"]
pub struct RwLockWriteGuard<'a, L: Level, T> {
    data: primitive::RwLockWriteGuard<'a, T>,
    _held: Held<L>,
}

impl<L: Level, T> RwLock<L, T> {
    const_fn! {
        /// Creates an unlocked lock without statistics.
        pub fn new(value: T) -> Self {
            Self { level: PhantomData, meter: (), data: primitive::RwLock::new(value) }
        }
    }
}

impl<L: Level, T> RwLock<L, T, Contention> {
    /// Creates an unlocked lock that counts its waits, of readers and writers, in `contention`.
    #[cfg(not(unforget_loom))]
    pub const fn with_contention(value: T, contention: Contention) -> Self {
        Self { level: PhantomData, meter: contention, data: primitive::RwLock::new(value) }
    }

    /// Creates an unlocked lock that counts its waits, of readers and writers, in `contention`. Not `const` under the model
    /// checker.
    #[cfg(unforget_loom)]
    pub fn with_contention(value: T, contention: Contention) -> Self {
        Self { level: PhantomData, meter: contention, data: primitive::RwLock::new(value) }
    }

    /// Who waited for it, and how long.
    pub fn contention(&self) -> &Contention {
        &self.meter
    }
}

impl<L: Level, T, S: Meter> RwLock<L, T, S> {
    /// Locks the data for reading, and returns with the guard the token for taking locks of later levels.
    ///
    /// # Panics
    /// If the thread holds, through another root, a lock that does not come before this one.
    ///
    /// # Blocking
    /// Waits for a writer.
    #[track_caller]
    pub fn read<'a, H: Before<L>>(
        &'a self,
        _order: &'a mut Order<'_, H>,
    ) -> (RwLockReadGuard<'a, L, T>, Order<'a, L>) {
        (self.read_dynamic(), Order::new())
    }

    /// Locks the data for changing it, and returns with the guard the token for taking locks of later levels.
    ///
    /// # Panics
    /// As [`read`](Self::read).
    ///
    /// # Blocking
    /// Waits for readers and for a writer.
    #[track_caller]
    pub fn write<'a, H: Before<L>>(
        &'a self,
        _order: &'a mut Order<'_, H>,
    ) -> (RwLockWriteGuard<'a, L, T>, Order<'a, L>) {
        (self.write_dynamic(), Order::new())
    }

    /// Locks the data for reading where the order is only known when the program runs.
    ///
    /// # Panics
    /// If the thread holds a lock that does not come before this one, this lock included.
    ///
    /// # Blocking
    /// Waits for a writer.
    #[track_caller]
    pub fn read_dynamic(&self) -> RwLockReadGuard<'_, L, T> {
        let held = Held::enter(Location::caller());
        let data = self.meter.acquire(|| self.data.try_read(), || self.data.read());
        RwLockReadGuard { data, _held: held }
    }

    /// Locks the data for changing it where the order is only known when the program runs.
    ///
    /// # Panics
    /// As [`read_dynamic`](Self::read_dynamic).
    ///
    /// # Blocking
    /// Waits for readers and for a writer.
    #[track_caller]
    pub fn write_dynamic(&self) -> RwLockWriteGuard<'_, L, T> {
        let held = Held::enter(Location::caller());
        let data = self.meter.acquire(|| self.data.try_write(), || self.data.write());
        RwLockWriteGuard { data, _held: held }
    }

    /// Gives up the lock for its data.
    pub fn into_inner(self) -> T {
        self.data.into_inner()
    }
}

impl<L, T, S> fmt::Debug for RwLock<L, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwLock").finish_non_exhaustive()
    }
}

impl<L: Level, T> Deref for RwLockReadGuard<'_, L, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.data
    }
}

impl<L: Level, T> Deref for RwLockWriteGuard<'_, L, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.data
    }
}

impl<L: Level, T> DerefMut for RwLockWriteGuard<'_, L, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.data
    }
}

impl<L: Level, T: fmt::Debug> fmt::Debug for RwLockReadGuard<'_, L, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<L: Level, T: fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, L, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
