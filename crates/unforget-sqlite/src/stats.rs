//! What an engine tells about itself.

use crate::HeldRead;

/// Figures about one engine since it was started.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Stats {
    /// Operations that ran, whether they were kept or rolled back.
    pub operations: u64,
    /// Commits; fewer than `operations` where writes shared one.
    pub commits: u64,
    /// Batches that ran again because one operation ended the transaction.
    pub restarts: u64,
    /// Times a foreign program held the file beyond the busy timeout.
    pub busy: u64,
    /// Reading connections that are open.
    pub readers: u32,
    /// The reads of this process that are running, backups among them, longest first.
    pub reads: Vec<HeldRead>,
    /// Operations that wait for the writer.
    pub queued: usize,
}
