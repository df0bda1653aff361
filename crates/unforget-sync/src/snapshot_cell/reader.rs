//! A handle for a thread that reads often.

use std::fmt;

use super::Published;
use crate::primitive::{Arc, CachedSnapshot};

/// Reads a [`SnapshotCell`](super::SnapshotCell) again and again, at the cost of one load while nothing is published.
///
/// **Guarantee:** a [`load`](Self::load) that happens after a `publish` or `update` has returned sees its value or a
/// later one, and the revisions that a reader sees never go back. It never waits.
///
/// **Cost:** the snapshot seen last stays in memory until the next `load`, so a reader that is kept and not used keeps
/// an old value. The first `load` after a publication costs as much as
/// [`load_full`](super::SnapshotCell::load_full).
///
/// Limitations: it borrows its cell and is for one thread at a time. A thread that owns the cell by an `Arc` makes
/// its reader where it begins to read.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use std::thread;
/// use unforget_sync::SnapshotCell;
///
/// let limit = Arc::new(SnapshotCell::new(10));
/// let worker = thread::spawn({
///     let limit = Arc::clone(&limit);
///     move || {
///         let mut limit = limit.reader();
///         (0..1_000).filter(|amount| *amount < ***limit.load()).count()
///     }
/// });
/// assert_eq!(worker.join().expect("counts"), 10);
///
/// let mut reader = limit.reader();
/// let before = Arc::clone(reader.load()); // to keep it
/// limit.publish(20);
/// assert_eq!(reader.load().revision(), 1, "what was published is seen at once");
/// assert_eq!(before.revision(), 0, "and changes nothing that was read");
/// ```
pub struct SnapshotReader<'a, T>(CachedSnapshot<'a, Published<T>>);

impl<'a, T> SnapshotReader<'a, T> {
    pub(super) fn new(cached: CachedSnapshot<'a, Published<T>>) -> Self {
        Self(cached)
    }

    /// Returns the value published last. To have one value for a unit of work, call it once.
    ///
    /// Happens after its publication, as [`SnapshotCell::load`](super::SnapshotCell::load).
    ///
    /// If something was published, this drops the snapshot seen before, and its value if that was the last reference.
    #[inline]
    pub fn load(&mut self) -> &Arc<Published<T>> {
        self.0.load()
    }
}

impl<T> fmt::Debug for SnapshotReader<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotReader").finish_non_exhaustive()
    }
}
