//! Replacing a file so that every crash leaves the old one or the new one, whole.

mod displaced;
mod many;
mod options;
mod target;

use std::path::Path;

use crate::Error;
use crate::disk::{Disk, RealDisk};

pub use displaced::Displaced;
pub(crate) use displaced::exchange_on;
pub use many::replace_many;
pub(crate) use many::replace_many_on;
pub use options::{Durability, ReplaceOptions, SymlinkPolicy};
pub(crate) use target::Target;

/// Replaces the content of `path`, or creates it, in one step.
///
/// A reader sees the old file or the new one, never a mixture. With [`Durability::Full`] the new one survives
/// a power loss once this has returned. Mode and owner of the old file are kept; its hard links, access
/// control lists and extended attributes are not.
///
/// The directory must exist ([`create_dir_all`](crate::create_dir_all) makes it durably) and must be on a
/// file system with `rename`; nothing is ever copied over the old file.
///
/// # Errors
///
/// [`Error::CommittedNotDurable`] says that the file *was* replaced. After every other error the old file is
/// as it was and no temporary file remains, unless removing it failed too.
///
/// # Blocking
///
/// Waits for the disk: twice with [`Durability::Full`].
///
/// # Examples
///
/// ```
/// use unforget_fs::{ReplaceOptions, replace};
///
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("settings.json");
/// replace(&path, b"{\"theme\":\"dark\"}", &ReplaceOptions::default())?;
/// assert_eq!(std::fs::read(&path)?, b"{\"theme\":\"dark\"}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn replace(path: &Path, contents: &[u8], options: &ReplaceOptions) -> Result<(), Error> {
    replace_if(path, contents, options, || Ok::<(), Error>(()))
}

/// Replaces the content of `path` if `still_ours` agrees at the last moment.
///
/// `still_ours` runs once, after everything is written and synced and before the new file gets its name: the
/// place to check that a lock is still held ([`LockFile::verify`](crate::LockFile::verify)) or that a
/// revision is still the expected one. Its error is returned as it is, and then nothing has changed.
///
/// # Examples
///
/// ```
/// use unforget_fs::{LockFile, LockOptions, ReplaceOptions, replace_if};
///
/// # let dir = tempfile::tempdir()?;
/// let (path, lock) = (dir.path().join("counter"), dir.path().join("counter.lock"));
/// let guard = LockFile::acquire(&lock, &LockOptions::default())?;
/// replace_if(&path, b"1", &ReplaceOptions::default(), || guard.verify())?;
/// guard.release()?;
/// assert_eq!(std::fs::read(&path)?, b"1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn replace_if<E: From<Error>>(
    path: &Path,
    contents: &[u8],
    options: &ReplaceOptions,
    still_ours: impl FnOnce() -> Result<(), E>,
) -> Result<(), E> {
    replace_on(&RealDisk, path, contents, *options, still_ours)
}

/// The steps in their order; each is a call on [`Target`].
pub(crate) fn replace_on<D: Disk, E: From<Error>>(
    disk: &D,
    path: &Path,
    contents: &[u8],
    options: ReplaceOptions,
    still_ours: impl FnOnce() -> Result<(), E>,
) -> Result<(), E> {
    let target = Target::resolve(disk, path, options)?;
    let mut temp = target.write_new_file(contents)?;
    still_ours()?;
    target.put_in_place(&mut temp)?;
    Ok(target.sync_name()?)
}
