//! Locks between processes that die with their holder.

use std::ffi::OsStr;
use std::fs::File;
use std::io;

use crate::Error;
use crate::dir::{self, Dir, Entry};

/// Opens or creates a lock file, and refuses what another user or another name could reach.
///
/// A FIFO, a device or a link could redirect or block us, and the record would be written into whatever it is.
pub(crate) fn open_regular(dir: &Dir, name: &OsStr) -> Result<File, Error> {
    let path = dir.join(name);
    let file = dir.open_or_create(name).map_err(|e| open_error(dir, name, e))?;
    let entry = dir::entry_of(&file).map_err(|e| Error::io("look at", &path, e))?;
    if !entry.is_regular() {
        return Err(Error::NotRegular { path, found: entry.kind() });
    }
    if entry.links() > 1 {
        return Err(Error::HardLinked { path, links: entry.links() });
    }
    if !dir::is_owned_by_us(&entry) {
        return Err(Error::ForeignOwner { path, uid: entry.uid() });
    }
    Ok(file)
}

/// Says why a lock file did not open; asking again only chooses the message.
fn open_error(dir: &Dir, name: &OsStr, error: io::Error) -> Error {
    let path = dir.join(name);
    match dir.entry(name) {
        Ok(Some(found)) if found.is_symlink() => Error::Symlink { path },
        Ok(Some(found)) if !Entry::is_regular(&found) => Error::NotRegular { path, found: found.kind() },
        _ => Error::io("open", &path, error),
    }
}
