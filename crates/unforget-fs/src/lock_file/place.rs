//! The file of a lock: opened, looked at, locked, and read.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::Path;

use super::held::{self, Slot};
use super::record::{RECORD_LIMIT, Record};
use super::waiting::Refusal;
use crate::dir::{self, Dir};
use crate::disk::{Open, RealDisk, uninterrupted};
use crate::{Error, kernel_lock, own_file};

/// How often a file is opened again because its name went to another file meanwhile. Every time costs
/// somebody a release, so many in a row only mean a busy lock.
const OPENED_AT_MOST: u32 = 16;

/// Whether a lock tolerates others of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Nobody else.
    Exclusive,
    /// Others that share it.
    Shared,
}

/// A file whose lock we have, and which its name still means.
///
/// It says nothing to others until a record is written; dropped, it leaves the file as it is.
#[derive(Debug)]
pub(crate) struct Locked {
    pub(super) dir: Dir,
    pub(super) name: OsString,
    pub(crate) file: File,
    pub(super) slot: Slot,
}

impl Locked {
    /// Asks for the kernel's lock on whatever file has the name.
    pub(crate) fn attempt(path: &Path, mode: Mode) -> Result<Self, Refusal> {
        let (dir, name) = dir::open_parent(&RealDisk, path)?;
        for _ in 0..OPENED_AT_MOST {
            let file = own_file::open(&RealDisk, &dir, &name, Open::OrCreate)?;
            let Some(slot) = lock_here(&dir, &name, &file, path, mode)? else { return Err(Refusal::Busy) };
            // Its last holder may have removed the file between our open and our lock; then others lock
            // another one.
            if own_file::is_named(&RealDisk, &dir, &name, &file).map_err(|e| Error::io("look at", path, e))? {
                slot.hold(mode);
                return Ok(Self { dir, name, file, slot });
            }
        }
        Err(Refusal::Busy)
    }

    /// Reads the record, and refuses to go on where something else is written.
    pub(crate) fn record(&self, path: &Path) -> Result<Record, Error> {
        match read_record(&self.file).map_err(|e| Error::io("read", path, e))? {
            Record::Foreign => Err(Error::ForeignContent { path: path.to_owned() }),
            record => Ok(record),
        }
    }

    /// Makes content and name durable.
    pub(crate) fn sync(&self, path: &Path) -> Result<(), Error> {
        dir::sync_all(&self.file).map_err(|e| Error::io("sync", path, e))?;
        let synced = crate::disk::sync_names(&RealDisk, &self.dir);
        synced.map(drop).map_err(|e| Error::io("sync the directory of", path, e))
    }

    /// Gives the lock back, also for copies of the descriptor that a child process has.
    pub(crate) fn unlock(self) {
        drop(self.slot);
        kernel_lock::unlock(&self.file);
    }
}

/// Takes the kernel's lock, and a place among the locks of this process; `None` if somebody else has it.
fn lock_here(dir: &Dir, name: &OsStr, file: &File, path: &Path, mode: Mode) -> Result<Option<Slot>, Error> {
    let entry = dir::entry_of(file).map_err(|e| Error::io("look at", path, e))?;
    let Some(slot) = held::reserve(dir.lock_key(name, &entry), mode) else {
        return Err(Error::HeldHere { path: path.to_owned() });
    };
    let locked = match mode {
        Mode::Exclusive => kernel_lock::try_lock(file, path),
        Mode::Shared => kernel_lock::try_lock_shared(file, path),
    };
    Ok(locked?.then_some(slot))
}

/// Reads the beginning of the file at `path`; `None` if it, or its directory, is not there, or cannot be read
/// because it is locked.
pub(crate) fn read_at(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let (dir, name) = match dir::open_parent(&RealDisk, path) {
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let Some((file, _)) = own_file::open_to_read(&RealDisk, &dir, &name)? else { return Ok(None) };
    match read_content(&file) {
        Ok(content) => Ok(Some(content)),
        // Where locks are mandatory, nobody reads a locked file.
        Err(_) if cfg!(windows) => Ok(None),
        Err(e) => Err(Error::io("read", path, e)),
    }
}

/// Reads the beginning of a lock file. By offset: a cursor would have to be set back first, and every lock
/// pays for each call.
pub(crate) fn read_content(file: &File) -> io::Result<Vec<u8>> {
    let mut content = vec![0; RECORD_LIMIT];
    let mut len = 0;
    while len < content.len() {
        match uninterrupted(|| dir::read_at(file, &mut content[len..], len as u64))? {
            0 => break,
            read => len += read,
        }
    }
    content.truncate(len);
    Ok(content)
}

pub(crate) fn read_record(file: &File) -> io::Result<Record> {
    Ok(Record::parse(&read_content(file)?))
}

/// Writes the record over the old one and cuts off what is longer, in this order: a file that is empty for a
/// moment would say "released cleanly" after a crash in that moment. The space is already there, so a full
/// disk does not matter.
pub(crate) fn write_record(file: &File, record: &Record) -> io::Result<()> {
    let line = record.to_line().ok_or(io::ErrorKind::InvalidData)?;
    write_line(file, &line)
}

pub(crate) fn write_line(file: &File, line: &str) -> io::Result<()> {
    dir::write_at_start(file, line.as_bytes())?;
    file.set_len(line.len() as u64)
}
