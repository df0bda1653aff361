//! Reading a journal that another process may be writing.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::file::{self, READ_LIMIT};
use super::scan::{End, Position, Scan};
use super::{JournalError, JournalRecord};
use crate::disk::{Disk, RealDisk};
use crate::{Error, dir, own_file};

/// How many files of the journal one reading follows; who rotates faster than that is met again.
const FILES_FOLLOWED: u32 = 16;

/// Reads the records of a journal, also while another process appends, rotates or compacts.
///
/// It takes no lock and disturbs nobody. Each record is given once, whole, and in order. A record may be given
/// before it is acknowledged, and even if its writer is told
/// [`DurabilityUnknown`](JournalError::DurabilityUnknown).
///
/// # Examples
///
/// ```
/// use unforget_fs::{Journal, JournalOptions, JournalReader};
///
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("emergency.journal");
/// let mut reader = JournalReader::open(&path)?;
/// assert!(reader.read()?.is_empty(), "there is no journal yet");
/// let mut journal = Journal::open(&path, &JournalOptions::default())?;
/// journal.append(&["1", "2"])?;
/// assert_eq!(reader.read()?.len(), 2);
/// journal.rotate()?;
/// journal.append(&["3"])?;
/// assert_eq!(reader.read()?[0].text(), "3");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct JournalReader<D: Disk = RealDisk> {
    disk: D,
    dir: D::Dir,
    name: OsString,
    path: PathBuf,
    /// The file that is read; it is kept open, so no other file has its identity.
    file: Option<D::File>,
    at: Position,
    /// The number of the last record that was given.
    seen: u64,
    /// Whether a file was read: what was compacted before is not missed.
    is_begun: bool,
    missed: u64,
}

impl JournalReader {
    /// Begins to read the journal at `path`, which need not exist yet.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if its directory cannot be opened.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::open_on(&RealDisk, path)
    }
}

impl<D: Disk> JournalReader<D> {
    pub(crate) fn open_on(disk: &D, path: &Path) -> Result<Self, Error> {
        let (dir, name) = dir::open_parent(disk, path)?;
        let (disk, path) = (disk.clone(), path.to_owned());
        Ok(Self {
            disk,
            dir,
            name,
            path,
            file: None,
            at: Position::START,
            seen: 0,
            is_begun: false,
            missed: 0,
        })
    }

    /// The records that have come since the last reading; none if there are none, or no journal.
    ///
    /// # Errors
    ///
    /// [`JournalError::Corrupt`] where a record had been durable and cannot be read; what is before it was
    /// given by the readings before. [`JournalError::Foreign`], [`JournalError::Newer`],
    /// [`Error::Symlink`], [`Error::NotRegular`], [`Error::Io`].
    pub fn read(&mut self) -> Result<Vec<JournalRecord>, Error> {
        let mut records = Vec::new();
        for _ in 0..FILES_FOLLOWED {
            // Asked first: what is written to a file after it has lost its name is nothing.
            let is_current = self.is_current()?;
            let outcome = self.read_file(&mut records);
            if is_current {
                // What is before the damage first; the next reading meets the damage again.
                return if records.is_empty() { outcome.map(|()| records) } else { Ok(records) };
            }
            let Some(file) = file::open_to_read(&self.disk, &self.dir, &self.name)? else { break };
            (self.file, self.at) = (Some(file), Position::START);
        }
        Ok(records)
    }

    /// How many records were compacted away before they could be read.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    fn is_current(&self) -> Result<bool, Error> {
        let Some(file) = &self.file else { return Ok(false) };
        own_file::is_named(&self.disk, &self.dir, &self.name, file).map_err(|e| self.io("look at", e))
    }

    fn read_file(&mut self, records: &mut Vec<JournalRecord>) -> Result<(), Error> {
        let Some(file) = &self.file else { return Ok(()) };
        let Scan { lines, at, end } = self.scan_twice(file)?;
        self.at = at;
        if self.is_begun {
            self.missed += at.base.saturating_sub(self.seen);
        }
        self.is_begun = true;
        self.seen = self.seen.max(at.base);
        for line in lines.into_iter().filter(|line| line.seq > self.seen) {
            records.extend(line.text().map(|text| JournalRecord { seq: line.seq, text: text.to_owned() }));
        }
        self.seen = self.seen.max(at.chain.seq);
        let path = self.path.clone();
        match end {
            End::Clean | End::Torn { .. } => Ok(()),
            End::Foreign => Err(JournalError::Foreign { path }.into()),
            End::Newer(version) => Err(JournalError::Newer { path, version }.into()),
            End::Corrupt => {
                let (offset, seq) = (at.offset, at.chain.seq + 1);
                Err(JournalError::Corrupt { path, offset, seq, copy: None }.into())
            }
        }
    }

    /// Reads on, and reads again what looks damaged.
    ///
    /// A reading is not one step: it may see a place before a record was written there, and a later place
    /// after the next one was. That next one came after the first was durable, so the second reading sees
    /// both.
    fn scan_twice(&self, file: &D::File) -> Result<Scan, Error> {
        let scan = self.scan(file, self.at)?;
        if scan.end != End::Corrupt {
            return Ok(scan);
        }
        let again = self.scan(file, scan.at)?;
        Ok(Scan { lines: [scan.lines, again.lines].concat(), ..again })
    }

    fn scan(&self, file: &D::File, from: Position) -> Result<Scan, Error> {
        let bytes = file::read_from(&self.disk, file, from.offset, READ_LIMIT);
        Ok(from.scan(&bytes.map_err(|e| self.io("read", e))?))
    }

    fn io(&self, operation: &'static str, source: std::io::Error) -> Error {
        Error::io(operation, &self.path, source)
    }
}
