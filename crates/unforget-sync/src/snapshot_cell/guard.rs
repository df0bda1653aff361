//! A snapshot lent for a unit of work.

use std::fmt;
use std::ops::Deref;

use super::Published;
use crate::primitive::{Arc, LoadedSnapshot};

/// Keeps one snapshot as it was, without counting a reference to it.
///
/// **Guarantee:** it stays whole and unchanged for as long as the guard lives, whatever is published meanwhile.
/// Nobody waits for the guard to be dropped, neither writer nor reader. It may go to another thread.
///
/// **Cost:** a thread has slots for a few guards at a time, eight with the present arc-swap, over all cells. With all
/// of them taken, a load counts a reference instead: as dear as [`load_full`](super::SnapshotCell::load_full), and
/// not wrong. So a guard that is kept for long, in a data structure or across an await, makes other loads of the
/// thread that took it dearer; [`into_arc`](Self::into_arc) gives its slot back. As with any reference, the snapshot
/// stays in memory, and who drops the last one runs the destructor of `T`.
///
/// # Examples
/// ```
/// use unforget_sync::SnapshotCell;
///
/// let cell = SnapshotCell::new(vec![1]);
/// let lent = cell.load();
/// cell.publish(vec![2]);
/// assert_eq!((lent.revision(), lent.value()), (0, &vec![1]), "what was loaded stays");
/// let kept = lent.into_arc();
/// assert_eq!(kept.revision(), 0);
/// ```
pub struct SnapshotGuard<T>(LoadedSnapshot<Published<T>>);

impl<T> SnapshotGuard<T> {
    #[inline]
    pub(super) fn new(loaded: LoadedSnapshot<Published<T>>) -> Self {
        Self(loaded)
    }

    /// Turns the guard into a reference to keep.
    #[inline]
    pub fn into_arc(self) -> Arc<Published<T>> {
        self.0.into_arc()
    }
}

impl<T> Deref for SnapshotGuard<T> {
    type Target = Published<T>;

    #[inline]
    fn deref(&self) -> &Published<T> {
        &self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for SnapshotGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SnapshotGuard").field(&**self).finish()
    }
}
