//! A journal of entries that survive what the main store may not: append, sync, and only then acknowledge.

mod append;
mod contents;
mod error;
mod file;
mod frame;
mod lock;
mod options;
mod reader;
mod record;
mod recover;
mod rotate;
mod scan;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::Error;
use crate::disk::{Disk, RealDisk};

pub use error::JournalError;
use frame::Chain;
use lock::JournalLock;
pub use options::JournalOptions;
pub use reader::JournalReader;
pub use record::{JournalRecord, TornTail};
use scan::Line;

/// An append-only file of JSON texts, for entries that have nowhere else to go.
///
/// An entry that was acknowledged is there after any crash, once, and in its place among the others; one that
/// was not is there whole or not at all. One process appends at a time, others may read
/// ([`JournalReader`]).
///
/// # How it keeps that
///
/// Every record has a checksum over itself and over the checksum of the record before it, so nothing that was
/// lost, torn or left over can pass for the next record. [`append`](Self::append) writes once and syncs once
/// for all its entries. After a failed write or sync the file is never trusted again: a new file is written
/// from memory, by [`replace`](crate::replace).
///
/// Opening begins a new file as well, with the intact records of the old one. What was found in the old file
/// may be in the system's cache only, or be what a failed sync left; no sync of that file would prove
/// anything. Only a full disk is answered in place.
///
/// The space is taken ahead of need ([`JournalOptions::preallocate`]), so a disk that becomes full does not
/// silence the journal at once. The entries since the last [`compact`](Self::compact) are also in memory.
///
/// The format is in `docs/formats.md`.
///
/// # Examples
///
/// ```
/// use unforget_fs::{Journal, JournalOptions};
///
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("emergency.journal");
/// let mut journal = Journal::open(&path, &JournalOptions::default())?;
/// journal.append(&[r#"{"turn":1}"#, r#"{"turn":2}"#])?;
/// drop(journal); // or the process is killed, or the power fails
///
/// let mut journal = Journal::open(&path, &JournalOptions::default())?;
/// let texts: Vec<_> = journal.records().map(|record| record.text().to_owned()).collect();
/// assert_eq!(texts, [r#"{"turn":1}"#, r#"{"turn":2}"#]);
/// journal.compact(journal.acknowledged())?; // after they were brought where they belong
/// assert_eq!(journal.records().count(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Limitations
///
/// Opening, rotating and compacting make a new file, so they need the right to create files in the directory,
/// and for a moment space for two. The name has 250 bytes at most, as `.lock` is put behind it.
///
/// A record that nothing was appended after, and that was appended since the file was begun, is told from a
/// torn tail by nothing if the medium damages it. On a full disk opening trusts a sync of the old file; if
/// its last writer was killed right after a sync failed, that sync proves nothing.
#[derive(Debug)]
pub struct Journal<D: Disk = RealDisk> {
    disk: D,
    dir: Arc<D::Dir>,
    name: OsString,
    path: PathBuf,
    options: JournalOptions,
    lock: JournalLock<D>,
    /// The file that is appended to; `None` after a failure that no new file has answered.
    file: Option<D::File>,
    /// The number before that of the first line.
    base: u64,
    /// Every line since the last compaction, also those that are not certain.
    lines: Vec<Line>,
    chain: Chain,
    /// Where the next line goes.
    end: u64,
    /// How long the file is: from the end to here are zeros.
    len: u64,
    acknowledged: u64,
    torn: Option<TornTail>,
}

impl Journal {
    /// Opens the journal at `path`, or creates it, and recovers what is in it.
    ///
    /// The intact records are in [`records`](Self::records). A torn tail is cut off and noted in the file.
    /// The lock is that of `path` with `.lock` behind it; [`LockFile::holder`](crate::LockFile::holder) tells
    /// who has it.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] if another journal of this or another process appends to it;
    /// [`JournalError::Corrupt`] if a record that had been durable cannot be read, after the file was copied
    /// aside if that was possible; [`JournalError::Foreign`] and [`JournalError::Newer`]; [`Error::Symlink`],
    /// [`Error::NotRegular`], [`Error::HardLinked`], [`Error::ForeignOwner`], [`Error::ForeignContent`];
    /// [`Error::Io`]. After every error all that was acknowledged is still in the file.
    ///
    /// # Blocking
    ///
    /// Waits for the disk, twice; never for another process.
    pub fn open(path: &Path, options: &JournalOptions) -> Result<Self, Error> {
        Self::open_on(&RealDisk, path, *options)
    }
}

impl<D: Disk> Journal<D> {
    /// The entries since the last compaction, in order, with those that are not acknowledged yet.
    pub fn records(&self) -> impl Iterator<Item = JournalRecord> + '_ {
        self.lines
            .iter()
            .filter_map(|line| Some(JournalRecord { seq: line.seq, text: line.text()?.to_owned() }))
    }

    /// The number of the last entry that survives every crash; 0 before the first.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// What opening cut off.
    pub fn torn_tail(&self) -> Option<TornTail> {
        self.torn
    }

    /// Whether a failure stopped the journal: every append is refused until a [`rotate`](Self::rotate)
    /// succeeds.
    pub fn is_stopped(&self) -> bool {
        self.file.is_none()
    }

    /// The path of the journal.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Syncs what was written, and gives the lock back.
    ///
    /// # Errors
    ///
    /// As [`sync`](Self::sync). The lock is given back in every case, as it is when the journal is dropped.
    pub fn close(mut self) -> Result<(), Error> {
        self.sync()
    }

    fn io(&self, operation: &'static str, source: std::io::Error) -> Error {
        Error::io(operation, &self.path, source)
    }
}
