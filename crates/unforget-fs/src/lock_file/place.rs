//! The file of a lock: opened, looked at, locked, and read.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::Path;

use super::held::{self, Reservation, Slot};
use super::owner::{RECORD_LIMIT, Record};
use super::waiting::Refusal;
use crate::dir::{self, Dir};
use crate::disk::{Entry, Open, RealDisk, uninterrupted};
use crate::{Error, kernel_lock};

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
            let file = open_regular(&dir, &name)?;
            let Some(slot) = lock_here(&dir, &name, &file, path, mode)? else { return Err(Refusal::Busy) };
            // Its last holder may have removed the file between our open and our lock; then others lock
            // another one.
            if is_named(&dir, &name, &file).map_err(|e| Error::io("look at", path, e))? {
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
        crate::disk::sync_names(&RealDisk, &self.dir).map_err(|e| Error::io("sync the directory of", path, e))
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
    match held::reserve(dir.lock_key(name, &entry), mode) {
        Reservation::HeldHere => Err(Error::HeldHere { path: path.to_owned() }),
        Reservation::Contended => Ok(None),
        Reservation::Free(slot) => {
            let locked = match mode {
                Mode::Exclusive => kernel_lock::try_lock(file, path),
                Mode::Shared => kernel_lock::try_lock_shared(file, path),
            };
            Ok(locked?.then_some(slot))
        }
    }
}

/// Whether `name` still names the open file.
pub(crate) fn is_named(dir: &Dir, name: &OsStr, file: &File) -> io::Result<bool> {
    let open = dir::entry_of(file)?;
    Ok(dir.entry(name)?.is_some_and(|named| named.id() == open.id()))
}

/// Opens or creates a lock file, and refuses what another user or another name could reach.
///
/// A FIFO, a device or a link could redirect or block us, and the record would be written into whatever it
/// is.
pub(crate) fn open_regular(dir: &Dir, name: &OsStr) -> Result<File, Error> {
    open_own(dir, name, Open::OrCreate)
}

/// Opens a file, and refuses what another user or another name could reach.
pub(crate) fn open_own(dir: &Dir, name: &OsStr, open: Open) -> Result<File, Error> {
    let path = dir.join(name);
    let file = dir.open_file(name, open).map_err(|e| open_error(dir, name, e))?;
    let entry = dir::entry_of(&file).map_err(|e| Error::io("look at", &path, e))?;
    if !entry.is_regular() {
        return Err(Error::NotRegular { path, found: entry.kind().as_str() });
    }
    if entry.links() > 1 {
        return Err(Error::HardLinked { path, links: entry.links() });
    }
    if !dir::is_owned_by_us(&entry) {
        return Err(Error::ForeignOwner { path, uid: entry.uid() });
    }
    Ok(file)
}

/// Opens a regular file for reading; `None` if it is not there.
pub(crate) fn open_existing(dir: &Dir, name: &OsStr) -> Result<Option<File>, Error> {
    let file = match dir.open_file(name, Open::Read) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(open_error(dir, name, e)),
    };
    let entry = dir::entry_of(&file).map_err(|e| Error::io("look at", &dir.join(name), e))?;
    if !entry.is_regular() {
        return Err(Error::NotRegular { path: dir.join(name), found: entry.kind().as_str() });
    }
    Ok(Some(file))
}

/// Reads the beginning of the file at `path`; `None` if it, or its directory, is not there, or cannot be read
/// because it is locked.
pub(crate) fn read_at(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let (dir, name) = match dir::open_parent(&RealDisk, path) {
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let Some(file) = open_existing(&dir, &name)? else { return Ok(None) };
    match read_content(&file) {
        Ok(content) => Ok(Some(content)),
        // Where locks are mandatory, nobody reads a locked file.
        Err(_) if cfg!(windows) => Ok(None),
        Err(e) => Err(Error::io("read", path, e)),
    }
}

/// Says why a lock file did not open; asking again only chooses the message.
fn open_error(dir: &Dir, name: &OsStr, error: io::Error) -> Error {
    let path = dir.join(name);
    match dir.entry(name) {
        Ok(Some(found)) if found.is_symlink() => Error::Symlink { path },
        Ok(Some(found)) if !Entry::is_regular(&found) => {
            Error::NotRegular { path, found: found.kind().as_str() }
        }
        _ => Error::io("open", &path, error),
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
