//! Opening and reading the files of a journal.

use std::ffi::OsStr;
use std::io;

use super::JournalError;
use super::options::CAPACITY_LIMIT;
use crate::disk::{Disk, uninterrupted};
use crate::{Error, own_file};

/// How much is read or written at once.
pub(super) const CHUNK: usize = 64 << 10;

/// The longest file that is read: the largest that is written, and some more for entries that arrived before
/// the capacity was lowered.
pub(super) const READ_LIMIT: u64 = CAPACITY_LIMIT * 2;

/// Opens a file for reading; `None` if nothing has the name.
pub(super) fn open_to_read<D: Disk>(disk: &D, dir: &D::Dir, name: &OsStr) -> Result<Option<D::File>, Error> {
    match own_file::open_to_read(disk, dir, name)? {
        // What would not be read would be lost with the next file.
        Some((_, entry)) if entry.len() > READ_LIMIT => {
            Err(JournalError::Foreign { path: disk.show(dir, name) }.into())
        }
        opened => Ok(opened.map(|(file, _)| file)),
    }
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
