//! Directories held open, and the entries that are reached only through them.
//!
//! A replacement opens its directory once and does everything relative to that descriptor, so that a parent
//! swapped half-way cannot redirect the write. The two platform modules have the same methods; nothing above
//! them knows the platform.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
#[expect(
    clippy::unused_self,
    clippy::unnecessary_wraps,
    reason = "it takes for granted what the other module asks the system for"
)]
mod windows;

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

#[cfg(unix)]
pub(crate) use unix::{
    LockKey, entry_of, read_at, set_mode, set_owner, sync_all, sync_data, user, write_at, write_at_start,
};
#[cfg(windows)]
pub(crate) use windows::{
    LockKey, entry_of, read_at, set_mode, set_owner, sync_all, sync_data, user, write_at, write_at_start,
};

#[cfg(unix)]
pub use unix::Dir;
#[cfg(windows)]
pub use windows::Dir;

use crate::Error;
use crate::disk::{Disk, Entry, uninterrupted};

/// Whether this process's effective user owns the entry.
pub(crate) fn is_owned_by_us(entry: &Entry) -> bool {
    entry.uid() == user()
}

/// Opens the directory that holds `path` and returns the last component of `path`.
pub(crate) fn open_parent<D: Disk>(disk: &D, path: &Path) -> Result<(D::Dir, OsString), Error> {
    let name = file_name(path)?.to_owned();
    let parent = parent_of(path);
    let dir = uninterrupted(|| disk.open_dir(None, &parent))
        .map_err(|source| Error::io("open the directory", &parent, source))?;
    Ok((dir, name))
}

/// The last component of `path`; `..`, `/` and the empty path have none.
pub(crate) fn file_name(path: &Path) -> Result<&OsStr, Error> {
    path.file_name().ok_or_else(|| {
        Error::io(
            "use as a file name",
            path,
            io::Error::new(io::ErrorKind::InvalidInput, "the path ends in no name"),
        )
    })
}

/// The directory that holds `path`: `.` for a bare name.
pub(crate) fn parent_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
