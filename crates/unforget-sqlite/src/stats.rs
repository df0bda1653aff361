//! What an engine tells about itself.

use crate::HeldRead;

/// Figures about one engine since it was started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Stats {
    /// Operations that ran, whether they were kept or rolled back.
    pub operations: u64,
    /// Commits; fewer than `operations` where writes shared one.
    pub commits: u64,
    /// Batches that ran again because one operation ended the transaction; not those that ran again with savepoints
    /// because one failed.
    pub restarts: u64,
    /// Times a foreign program held the file beyond the busy timeout.
    pub busy: u64,
    /// The counter of commits that every process on the database moves: odd while one is under way or its outcome is
    /// open.
    pub generation: u64,
    /// Times this process made an outcome known that a killed writer, or one that failed, had left open.
    pub healed: u64,
    /// Reading connections that are open.
    pub readers: u32,
    /// The reads of this process that are running, backups among them, longest first.
    pub reads: Vec<HeldRead>,
    /// Operations that wait for the writer.
    pub queued: usize,
    /// The write-ahead log.
    pub wal: Wal,
}

/// Figures about the write-ahead log. Frames are pages with a header of 24 bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Wal {
    /// The size of its file now, in bytes; it may be larger than what is in use.
    pub bytes: u64,
    /// Frames in use after the last commit or reset of this process.
    pub frames: u64,
    /// Frames of these that were in the database file too when this process last looked.
    pub moved: u64,
    /// Times this process moved what it could.
    pub checkpoints: u64,
    /// Times it began anew: all of it had been moved, and no reader was in it.
    pub resets: u64,
    /// Times a reader, or another process's checkpoint, was in the way of that.
    pub resets_refused: u64,
    /// Checkpoints that failed, such as on a full disk; nothing is lost by that. One whose disk failed otherwise ends
    /// the engine.
    pub failures: u64,
    /// Whether something was in the way when this process last looked, or a read is that lasts.
    pub pinned: bool,
    /// The reads of this process that were in the way and still run, and those that have run for half a second and began
    /// before its last commit, longest first. None, while it is `pinned`, means
    /// that they ended, or that they are in another process.
    pub pinned_by: Vec<HeldRead>,
}
