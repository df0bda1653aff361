//! Directories that are there after a power loss.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use crate::Error;
use crate::dir::open_parent;
use crate::disk::{Disk, RealDisk, sync_names, uninterrupted};

/// Creates `path` and its missing parents, each durably.
///
/// Every directory made here is synced into its parent before the next one is made, so after a power loss no
/// directory exists whose parent does not. A directory that another process makes at the same time is synced
/// too, and one that is empty, since its maker may have died before the sync. When nothing is missing and
/// there is something in `path`, nothing is synced: whoever put it there had the directory from here.
///
/// New directories get mode 0777 less the umask; see [`SecureDir`](crate::SecureDir) for private ones.
///
/// # Errors
///
/// [`Error::NotDirectory`] if something else has one of the names; [`Error::Io`]. The directories that were
/// made before the error stay. If the sync of one failed, a second call succeeds and does not prove that the
/// name lasts: systems forget what they could not write.
///
/// # Blocking
///
/// Waits for the disk once for each directory that was missing, and once more if the one that holds them, or
/// `path` itself, is empty.
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
    make_dirs(&RealDisk, path)
}

/// Creates the missing directories, the outermost first.
pub(crate) fn make_dirs<D: Disk>(disk: &D, path: &Path) -> Result<(), Error> {
    let missing = missing_ancestors(disk, path)?;
    let existing = missing.first().map_or(Some(path), |first| first.parent());
    if let Some(existing) = existing.filter(|existing| existing.file_name().is_some()) {
        sync_if_unused(disk, existing)?;
    }
    for missing in missing {
        make_dir(disk, missing, 0o777)?;
    }
    Ok(())
}

/// Makes the name of an empty directory durable.
///
/// Whoever makes a directory in another one here has synced that one's name before, so only the innermost of
/// those that exist can lack it, and only while nothing is in it. A parent that may not be opened is not one
/// that it was made in from here.
fn sync_if_unused<D: Disk>(disk: &D, path: &Path) -> Result<(), Error> {
    let listed =
        uninterrupted(|| disk.open_dir(None, path)).and_then(|dir| uninterrupted(|| disk.list(&dir, 1)));
    let is_unused = match listed {
        Ok(names) => names.is_empty(),
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => false,
        Err(e) => return Err(Error::io("list", path, e)),
    };
    if !is_unused {
        return Ok(());
    }
    match open_parent(disk, path) {
        Ok((parent, _)) => sync_parent(disk, &parent, path),
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(e) => Err(e),
    }
}

fn sync_parent<D: Disk>(disk: &D, parent: &D::Dir, path: &Path) -> Result<(), Error> {
    let synced = sync_names(disk, parent);
    synced.map(drop).map_err(|source| Error::io("sync the parent directory of", path, source))
}

/// Makes one directory, or accepts the one that is there, and syncs its parent in both cases.
///
/// Whoever finds the directory already there cannot know whether its maker has synced the parent yet.
pub(crate) fn make_dir<D: Disk>(disk: &D, path: &Path, mode: u32) -> Result<(), Error> {
    let (parent, name) = open_parent(disk, path)?;
    match uninterrupted(|| disk.make_dir(&parent, &name, mode)) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
            return Err(Error::io("create the directory", path, e));
        }
        Ok(()) | Err(_) => {}
    }
    if !is_dir(disk, path)? {
        return Err(Error::NotDirectory { path: path.to_owned() });
    }
    sync_parent(disk, &parent, path)
}

/// The ancestors of `path` that do not exist, outermost first, with `path` itself as the last.
fn missing_ancestors<'p, D: Disk>(disk: &D, path: &'p Path) -> Result<Vec<&'p Path>, Error> {
    let mut missing = Vec::new();
    for ancestor in path.ancestors().filter(|ancestor| *ancestor != Path::new("")) {
        match is_dir(disk, ancestor) {
            Ok(true) => break,
            Ok(false) => return Err(Error::NotDirectory { path: ancestor.to_owned() }),
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                missing.push(ancestor);
            }
            Err(e) => return Err(e),
        }
    }
    missing.reverse();
    Ok(missing)
}

/// Whether a path names a directory, links followed; an error if it names nothing.
fn is_dir<D: Disk>(disk: &D, path: &Path) -> Result<bool, Error> {
    let opened = uninterrupted(|| disk.open_dir(None, path));
    match opened.and_then(|dir| uninterrupted(|| disk.entry(&dir, OsStr::new(".")))) {
        Ok(found) => Ok(found.is_some_and(|entry| entry.is_dir())),
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied && is_seen_from_its_parent(disk, path) => {
            Ok(true)
        }
        Err(e) if e.kind() == io::ErrorKind::NotADirectory => Ok(false),
        Err(e) => Err(Error::io("look at", path, e)),
    }
}

/// Whether a path is a directory that its parent shows, though it may not be read itself.
fn is_seen_from_its_parent<D: Disk>(disk: &D, path: &Path) -> bool {
    let Ok((parent, name)) = open_parent(disk, path) else { return false };
    matches!(uninterrupted(|| disk.entry(&parent, &name)), Ok(Some(entry)) if entry.is_dir())
}
