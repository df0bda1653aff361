//! Creating a file that did not exist, whole.

use std::path::Path;

use crate::disk::{Disk, RealDisk};
use crate::replace::Target;
use crate::{Error, ReplaceOptions};

/// Creates `path` with its whole content, if nothing has that name.
///
/// A reader sees no file or the whole one. With [`Durability::Full`](crate::Durability::Full) it survives a
/// power loss once this has returned. Of several that create the same file at once, one succeeds. Opening a
/// file with `create_new` and writing to it is something else: a crash leaves a part of it, and the name is
/// taken.
///
/// # Errors
///
/// [`Error::AlreadyExists`] if anything has the name, a dangling link included. After
/// [`Error::CommittedNotDurable`] the file *is* there. After every other error nothing has changed.
///
/// # Blocking
///
/// Waits for the disk: twice with [`Durability::Full`](crate::Durability::Full).
///
/// # Examples
///
/// ```
/// use unforget_fs::{Error, ReplaceOptions, create_new};
///
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("identity");
/// create_new(&path, b"7c3e", &ReplaceOptions::default())?;
/// let again = create_new(&path, b"51ab", &ReplaceOptions::default());
/// assert!(matches!(again, Err(Error::AlreadyExists { .. })));
/// assert_eq!(std::fs::read(&path)?, b"7c3e");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn create_new(path: &Path, contents: &[u8], options: &ReplaceOptions) -> Result<(), Error> {
    create_new_on(&RealDisk, path, contents, *options)
}

pub(crate) fn create_new_on<D: Disk>(
    disk: &D,
    path: &Path,
    contents: &[u8],
    options: ReplaceOptions,
) -> Result<(), Error> {
    let target = Target::resolve_new(disk, path, options)?;
    let mut temp = target.write_new_file(contents)?;
    target.put_in_free_place(&mut temp)?;
    target.sync_name()
}
