//! File systems that cannot make a name durable.

use std::path::Path;

use crate::Error;
use crate::disk::{Disk, NameSync, RealDisk, sync_names, uninterrupted};

/// Whether the file system of `dir` can be told to make names durable.
///
/// Where it cannot (some network and user-space file systems refuse to sync a directory),
/// [`Durability::Full`](crate::Durability::Full) makes the content durable, and the name is kept by whatever
/// that file system does by itself: after a power loss the old file may be back although the new one was
/// acknowledged. The operations of this crate take such a directory as it is and succeed, so a program that
/// promises more asks once, when it opens its store.
///
/// The answer is that of the system, asked for at this moment by syncing the directory; nothing is remembered.
/// On Windows it is always `true`: names are journaled there, and no program syncs them.
///
/// # Errors
///
/// [`Error::Io`] if the directory cannot be opened, or if its sync failed for another reason.
///
/// # Blocking
///
/// Waits for the disk once.
///
/// # Examples
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// if !unforget_fs::syncs_names(dir.path())? {
///     eprintln!("{} may lose names when the power fails", dir.path().display());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn syncs_names(dir: &Path) -> Result<bool, Error> {
    syncs_names_on(&RealDisk, dir)
}

pub(crate) fn syncs_names_on<D: Disk>(disk: &D, path: &Path) -> Result<bool, Error> {
    let dir =
        uninterrupted(|| disk.open_dir(None, path)).map_err(|e| Error::io("open the directory", path, e))?;
    let synced = sync_names(disk, &dir).map_err(|e| Error::io("sync the directory", path, e))?;
    Ok(synced == NameSync::Done)
}
