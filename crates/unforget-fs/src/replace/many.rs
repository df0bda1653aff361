//! Replacing several files with one wait for their directory.

use std::path::Path;

use super::{ReplaceOptions, Target};
use crate::Error;
use crate::disk::{Disk, RealDisk};

/// Replaces several files, each as [`replace`](crate::replace) does, and syncs each directory once.
///
/// First every new file is written and synced, then all get their names, then the directories are synced. So
/// an error in the longest part, the writing, changes nothing. Each file is the old one or the new one at
/// every moment; together they are not one step: a crash between the renames leaves some old and some new.
/// If a path occurs twice, its last content wins.
///
/// Two descriptors are open for each file until the end, so the limit of the process bounds how many files
/// there can be.
///
/// # Errors
///
/// [`Error::PartlyReplaced`] if a rename failed after others had been done. [`Error::CommittedNotDurable`] if
/// all files were replaced and a directory was not synced. After every other error nothing has changed.
///
/// # Blocking
///
/// Waits for the disk: once for each file and once for each directory.
///
/// # Examples
///
/// ```
/// use unforget_fs::{ReplaceOptions, replace_many};
///
/// # let dir = tempfile::tempdir()?;
/// let (index, data) = (dir.path().join("index"), dir.path().join("data"));
/// replace_many(&[(&data, "b"), (&index, "0 1")], &ReplaceOptions::default())?;
/// assert_eq!(std::fs::read(&index)?, b"0 1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn replace_many<P: AsRef<Path>, C: AsRef<[u8]>>(
    files: &[(P, C)],
    options: &ReplaceOptions,
) -> Result<(), Error> {
    replace_many_on(&RealDisk, files, *options)
}

pub(crate) fn replace_many_on<D: Disk, P: AsRef<Path>, C: AsRef<[u8]>>(
    disk: &D,
    files: &[(P, C)],
    options: ReplaceOptions,
) -> Result<(), Error> {
    let mut written = Vec::with_capacity(files.len());
    for (path, contents) in files {
        let target = Target::resolve(disk, path.as_ref(), options)?;
        let temp = target.write_new_file(contents.as_ref())?;
        written.push((target, temp));
    }
    let mut replaced: Vec<Target<D>> = Vec::with_capacity(files.len());
    for (target, mut temp) in written {
        if let Err(error) = target.put_in_place(&mut temp) {
            return Err(stopped(&replaced, error));
        }
        replaced.push(target);
    }
    sync_directories(&replaced)
}

/// Nothing is undone: the old contents are gone, and the new ones are whole.
fn stopped<D: Disk>(replaced: &[Target<D>], error: Error) -> Error {
    match error {
        Error::Io { path, source, .. } if !replaced.is_empty() => {
            Error::PartlyReplaced { replaced: replaced.iter().map(Target::path).collect(), path, source }
        }
        error => error,
    }
}

/// Syncs every directory, also after one could not be; the first error is reported.
fn sync_directories<D: Disk>(replaced: &[Target<D>]) -> Result<(), Error> {
    let mut synced: Vec<&Target<D>> = Vec::new();
    let mut outcome = Ok(());
    for target in replaced {
        // Where that cannot be known, a directory is synced again.
        if !synced.iter().any(|other| matches!(target.is_in(other.dir()), Ok(true))) {
            outcome = outcome.and(target.sync_name());
            synced.push(target);
        }
    }
    outcome
}
