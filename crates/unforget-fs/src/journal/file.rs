//! Opening and reading the files of a journal.

use std::ffi::OsStr;
use std::io;

use super::JournalError;
use super::options::CAPACITY_LIMIT;
use crate::Error;
use crate::disk::{Disk, Open, uninterrupted};

/// How much is read or written at once.
pub(super) const CHUNK: usize = 64 << 10;

/// The longest file that is read: the largest that is written, and some more for entries that arrived before
/// the capacity was lowered.
pub(super) const READ_LIMIT: u64 = CAPACITY_LIMIT * 2;

/// Opens a regular file of this user that has no other name.
pub(super) fn open_own<D: Disk>(disk: &D, dir: &D::Dir, name: &OsStr, how: Open) -> Result<D::File, Error> {
    let path = disk.show(dir, name);
    let file = uninterrupted(|| disk.open(dir, name, how)).map_err(|e| open_error(disk, dir, name, e))?;
    let entry = uninterrupted(|| disk.file_entry(&file)).map_err(|e| Error::io("look at", &path, e))?;
    if !entry.is_regular() {
        return Err(Error::NotRegular { path, found: entry.kind().as_str() });
    }
    if entry.links() > 1 {
        return Err(Error::HardLinked { path, links: entry.links() });
    }
    if entry.uid() != disk.user() {
        return Err(Error::ForeignOwner { path, uid: entry.uid() });
    }
    Ok(file)
}

/// Opens a file for reading; `None` if nothing has the name.
pub(super) fn open_to_read<D: Disk>(disk: &D, dir: &D::Dir, name: &OsStr) -> Result<Option<D::File>, Error> {
    let path = disk.show(dir, name);
    let file = match uninterrupted(|| disk.open(dir, name, Open::Read)) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|e| open_error(disk, dir, name, e))?,
    };
    let entry = uninterrupted(|| disk.file_entry(&file)).map_err(|e| Error::io("look at", &path, e))?;
    if !entry.is_regular() {
        return Err(Error::NotRegular { path, found: entry.kind().as_str() });
    }
    // What would not be read would be lost with the next file.
    if entry.len() > READ_LIMIT {
        return Err(JournalError::Foreign { path }.into());
    }
    Ok(Some(file))
}

/// Says why a file did not open; asking again only chooses the message.
fn open_error<D: Disk>(disk: &D, dir: &D::Dir, name: &OsStr, error: io::Error) -> Error {
    let path = disk.show(dir, name);
    match disk.entry(dir, name) {
        Ok(Some(found)) if found.is_symlink() => Error::Symlink { path },
        Ok(Some(found)) if !found.is_regular() => Error::NotRegular { path, found: found.kind().as_str() },
        _ => Error::io("open", &path, error),
    }
}

/// Whether a name still means an open file.
pub(super) fn is_named<D: Disk>(disk: &D, dir: &D::Dir, name: &OsStr, file: &D::File) -> io::Result<bool> {
    let open = uninterrupted(|| disk.file_entry(file))?;
    let named = uninterrupted(|| disk.entry(dir, name))?;
    Ok(named.is_some_and(|named| named.id() == open.id()))
}

/// Reads from an offset to the end of the file, `limit` bytes at most.
pub(super) fn read_from<D: Disk>(disk: &D, file: &D::File, offset: u64, limit: u64) -> io::Result<Vec<u8>> {
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; CHUNK]);
    while (bytes.len() as u64) < limit {
        let at = offset + bytes.len() as u64;
        let count = uninterrupted(|| disk.read_at(file, &mut buffer, at))?;
        if count == 0 {
            break;
        }
        bytes.extend(buffer.iter().take(count));
    }
    Ok(bytes)
}

/// Whether there is no space, for the user or for the file: what writing elsewhere would not change.
pub(super) fn is_out_of_space(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}
