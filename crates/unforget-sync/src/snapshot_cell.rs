//! An immutable value that many read while one replaces it.

mod guard;
mod reader;

use std::fmt;
use std::ops::Deref;

use crate::primitive::{Arc, AtomicSnapshot, Mutex, MutexGuard};

pub use self::guard::SnapshotGuard;
pub use self::reader::SnapshotReader;

/// Publishes one immutable value at a time, numbered by a revision that only grows.
///
/// **Guarantee:** a loaded snapshot never changes. Revisions have no gaps and no duplicates, and no thread sees
/// them go back. Readers never wait: not for a writer, not for one another.
///
/// **`load`, `load_full` or `reader`:** [`load`](Self::load) lends the snapshot and is for a unit of work;
/// [`load_full`](Self::load_full) gives a reference to keep, at twice the cost; a [`reader`](Self::reader) is for a
/// thread that reads again and again, and costs a fraction while nothing was published.
///
/// **Fairness:** writers that race retry, so the slowest `update` may lose again and again. **Poisoning:** none.
///
/// Limitations: interior mutability in `T` defeats all of this. Two loads are two points in time:
///
/// ```
/// # use unforget_sync::SnapshotCell;
/// # let cell = SnapshotCell::new((1, 2));
/// // Wrong: the halves may be of different revisions.
/// let torn = (cell.load().0, cell.load().1);
/// // Right: load once per unit of work.
/// let snapshot = cell.load();
/// let whole = (snapshot.0, snapshot.1);
/// # assert_eq!(torn, whole);
/// ```
///
/// # Examples
/// ```
/// use unforget_sync::SnapshotCell;
///
/// let cell = SnapshotCell::new(vec![1]);
/// let before = cell.load();
/// let after = cell.update(|list| list.iter().copied().chain([2]).collect());
/// assert_eq!(before.value(), &[1], "a snapshot never changes");
/// assert_eq!((after.revision(), after.len()), (1, 2), "a snapshot derefs to its value");
/// ```
pub struct SnapshotCell<T> {
    current: AtomicSnapshot<Published<T>>,
    /// The revision of `current`. Held to compare it and to replace both, a few instructions, never while foreign
    /// code runs. It makes "still the one I read" and "the next revision" one step; arc-swap's compare-and-swap
    /// would need the new value wrapped, with its revision, before its revision is known.
    revision: Mutex<u64>,
}

/// One published value and its revision.
///
/// # Examples
/// ```
/// use unforget_sync::SnapshotCell;
///
/// let cell = SnapshotCell::new("first".to_owned());
/// cell.publish("second".to_owned());
/// let published = cell.load_full();
/// assert_eq!((published.revision(), published.value().as_str(), published.len()), (1, "second", 6));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published<T> {
    revision: u64,
    value: T,
}

impl<T> SnapshotCell<T> {
    /// Creates a cell that holds `value` as revision 0.
    pub fn new(value: T) -> Self {
        Self { current: AtomicSnapshot::new(Published { revision: 0, value }), revision: Mutex::new(0) }
    }

    /// Lends the value published last, for one unit of work.
    ///
    /// Happens after its publication: what the publisher did before, this thread sees. What it costs to keep the
    /// guard, [`SnapshotGuard`] tells.
    #[inline]
    pub fn load(&self) -> SnapshotGuard<T> {
        SnapshotGuard::new(self.current.load())
    }

    /// Returns the value published last, to keep: as [`load`](Self::load), with a reference counted.
    #[inline]
    pub fn load_full(&self) -> Arc<Published<T>> {
        self.load().into_arc()
    }

    /// Creates a handle for one thread that reads often.
    pub fn reader(&self) -> SnapshotReader<'_, T> {
        SnapshotReader::new(self.current.cached())
    }

    /// Replaces the value, whatever it is, and returns the new revision.
    ///
    /// # Blocking
    /// For another writer's few instructions, never for a reader.
    pub fn publish(&self, value: T) -> u64 {
        let (published, replaced) = self.replace(self.revision.lock(), value);
        drop(replaced);
        published.revision
    }

    /// Replaces the value by one made from it, and returns the new snapshot.
    ///
    /// If another writer comes in between, `change` runs again on what that writer published.
    ///
    /// # Blocking
    /// As [`publish`](Self::publish); no lock is held while `change` runs.
    pub fn update(&self, mut change: impl FnMut(&T) -> T) -> Arc<Published<T>> {
        self.update_if(|value| Some(change(value)))
    }

    /// Replaces the value if `change` makes one from it.
    ///
    /// Returns the snapshot that this call left current: the new one, or for `None` the one that `change` saw.
    ///
    /// # Blocking
    /// As [`update`](Self::update).
    pub fn update_if(&self, mut change: impl FnMut(&T) -> Option<T>) -> Arc<Published<T>> {
        let mut seen = self.load_full();
        loop {
            let Some(value) = change(&seen.value) else {
                return seen;
            };
            let revision = self.revision.lock();
            if *revision == seen.revision {
                let (published, replaced) = self.replace(revision, value);
                drop(replaced);
                return published;
            }
            drop(revision);
            // Whoever raised the revision replaced the value before unlocking, so this load is newer than `seen`.
            seen = self.load_full();
        }
    }

    /// Puts `value` in place as the next revision, and unlocks before what was replaced can be dropped: that may
    /// run the destructor of a `T`.
    fn replace(&self, mut revision: MutexGuard<'_, u64>, value: T) -> (Arc<Published<T>>, Arc<Published<T>>) {
        *revision += 1;
        let published = Arc::new(Published { revision: *revision, value });
        let replaced = self.current.replace(Arc::clone(&published));
        (published, replaced)
    }
}

impl<T: fmt::Debug> fmt::Debug for SnapshotCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SnapshotCell").field(&*self.load()).finish()
    }
}

impl<T: Default> Default for SnapshotCell<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> Published<T> {
    /// How many publications came before this one.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The value itself, for where a deref is not written for you.
    pub fn value(&self) -> &T {
        &self.value
    }
}

impl<T> Deref for Published<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
