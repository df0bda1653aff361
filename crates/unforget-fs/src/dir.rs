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
    Dir, Entry, LockKey, copy_owner_and_mode, entry_of, is_owned_by_us, set_mode, sync_file, write_at_start,
};
#[cfg(windows)]
pub(crate) use windows::{
    Dir, Entry, LockKey, copy_owner_and_mode, entry_of, is_owned_by_us, set_mode, sync_file, write_at_start,
};

use crate::Error;

/// Opens the directory that holds `path` and returns the last component of `path`.
pub(crate) fn open_parent(path: &Path) -> Result<(Dir, OsString), Error> {
    let name = file_name(path)?.to_owned();
    let parent = parent_of(path);
    let dir = Dir::open(&parent).map_err(|source| Error::io("open the directory", &parent, source))?;
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

/// Creates `path` and its missing parents, each durably.
///
/// Every directory made here is synced into its parent before the next one is made, so after a power loss no
/// directory exists whose parent does not. A directory that another process makes at the same time is synced
/// too. When nothing is missing, nothing is synced.
///
/// New directories get mode 0777 less the umask; see [`SecureDir`](crate::SecureDir) for private ones.
///
/// # Examples
///
/// ```
/// # let root = tempfile::tempdir()?;
/// let deep = root.path().join("a/b/c");
/// unforget_fs::create_dir_all(&deep)?;
/// assert!(deep.is_dir());
/// unforget_fs::create_dir_all(&deep)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn create_dir_all(path: &Path) -> Result<(), Error> {
    for missing in missing_ancestors(path)? {
        make_dir(missing, 0o777)?;
    }
    Ok(())
}

/// Makes one directory, or accepts the one that is there, and syncs its parent in both cases.
///
/// Whoever finds the directory already there cannot know whether its maker has synced the parent yet.
pub(crate) fn make_dir(path: &Path, mode: u32) -> Result<(), Error> {
    let (parent, name) = open_parent(path)?;
    match parent.make_dir(&name, mode) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
            return Err(Error::io("create the directory", path, e));
        }
        Ok(()) | Err(_) => {}
    }
    if !path.is_dir() {
        return Err(Error::NotDirectory { path: path.to_owned() });
    }
    parent.sync().map_err(|source| Error::io("sync the parent directory of", path, source))?;
    Ok(())
}

/// The ancestors of `path` that do not exist, outermost first, with `path` itself as the last.
fn missing_ancestors(path: &Path) -> Result<Vec<&Path>, Error> {
    let mut missing = Vec::new();
    for ancestor in path.ancestors().filter(|ancestor| *ancestor != Path::new("")) {
        match std::fs::metadata(ancestor) {
            Ok(found) if found.is_dir() => break,
            Ok(_) => return Err(Error::NotDirectory { path: ancestor.to_owned() }),
            Err(e) if e.kind() == io::ErrorKind::NotFound => missing.push(ancestor),
            Err(e) => return Err(Error::io("look at", ancestor, e)),
        }
    }
    missing.reverse();
    Ok(missing)
}
