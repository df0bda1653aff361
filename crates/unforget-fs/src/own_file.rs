//! Files that are ours alone: of the right kind, without other names, of this user, and still called so.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use crate::Error;
use crate::disk::{Disk, Entry, Open, uninterrupted};

/// Opens a regular file of this user that has no other name.
///
/// A FIFO, a device or a link could redirect or block us, and what is written would go to whatever it is.
pub(crate) fn open<D: Disk>(disk: &D, dir: &D::Dir, name: &OsStr, how: Open) -> Result<D::File, Error> {
    let file = uninterrupted(|| disk.open(dir, name, how)).map_err(|e| open_error(disk, dir, name, e))?;
    let path = disk.show(dir, name);
    let entry = uninterrupted(|| disk.file_entry(&file)).map_err(|e| Error::io("look at", &path, e))?;
    refuse_foreign(disk, &entry, &path)?;
    Ok(file)
}

/// Opens a regular file for reading, and says what it is; `None` if nothing has the name.
pub(crate) fn open_to_read<D: Disk>(
    disk: &D,
    dir: &D::Dir,
    name: &OsStr,
) -> Result<Option<(D::File, Entry)>, Error> {
    let file = match uninterrupted(|| disk.open(dir, name, Open::Read)) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|e| open_error(disk, dir, name, e))?,
    };
    let path = disk.show(dir, name);
    let entry = uninterrupted(|| disk.file_entry(&file)).map_err(|e| Error::io("look at", &path, e))?;
    if !entry.is_regular() {
        return Err(Error::NotRegular { path, found: entry.kind().as_str() });
    }
    Ok(Some((file, entry)))
}

/// Refuses what is no regular file, and what another name or another user reaches.
pub(crate) fn refuse_foreign<D: Disk>(disk: &D, entry: &Entry, path: &Path) -> Result<(), Error> {
    let path = path.to_owned();
    if !entry.is_regular() {
        return Err(Error::NotRegular { path, found: entry.kind().as_str() });
    }
    if entry.links() > 1 {
        return Err(Error::HardLinked { path, links: entry.links() });
    }
    if entry.uid() != disk.user() {
        return Err(Error::ForeignOwner { path, uid: entry.uid() });
    }
    Ok(())
}

/// Says why a file did not open; asking again only chooses the message.
pub(crate) fn open_error<D: Disk>(disk: &D, dir: &D::Dir, name: &OsStr, error: io::Error) -> Error {
    let path = disk.show(dir, name);
    match disk.entry(dir, name) {
        Ok(Some(found)) if found.is_symlink() => Error::Symlink { path },
        Ok(Some(found)) if !found.is_regular() => Error::NotRegular { path, found: found.kind().as_str() },
        _ => Error::io("open", &path, error),
    }
}

/// Whether a name still means an open file.
pub(crate) fn is_named<D: Disk>(disk: &D, dir: &D::Dir, name: &OsStr, file: &D::File) -> io::Result<bool> {
    let open = uninterrupted(|| disk.file_entry(file))?;
    let named = uninterrupted(|| disk.entry(dir, name))?;
    Ok(named.is_some_and(|named| named.id() == open.id()))
}

/// Checks that a lock on an open file still excludes others: its name means it, and this is no child of the
/// process that took it.
pub(crate) fn verify_lock<D: Disk>(
    disk: &D,
    (dir, name, file): (&D::Dir, &OsStr, &D::File),
    path: &Path,
    opened_by: u32,
) -> Result<(), Error> {
    refuse_fork(path, opened_by)?;
    match is_named(disk, dir, name, file) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::LockReplaced { path: path.to_owned() }),
        Err(e) => Err(Error::io("look at", path, e)),
    }
}

/// Refuses a child of the process that opened something: what it inherited is its parent's.
pub(crate) fn refuse_fork(path: &Path, opened_by: u32) -> Result<(), Error> {
    if std::process::id() == opened_by {
        return Ok(());
    }
    Err(Error::Forked { path: path.to_owned(), opened_by })
}
