//! Removing what processes left that died while they wrote.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use crate::Error;
use crate::disk::{Disk, Open, RealDisk, uninterrupted};
use crate::temp::is_temporary;

/// How many names of a directory one sweep looks at, so that its memory is bounded.
const NAMES_LOOKED_AT: usize = 1 << 20;

/// How many files one sweep removes; the next one removes the others.
const REMOVED_AT_MOST: usize = 1024;

/// The user that permissions do not bind.
const SUPERUSER: u32 = 0;

/// What a sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Swept {
    /// Temporary files that nobody was writing to, and that are gone now.
    pub removed: usize,
    /// Temporary files that stay: somebody writes to them, or they belong to another user, or nothing certain
    /// is known of them.
    pub kept: usize,
}

/// Removes the temporary files in `dir` whose writers are dead.
///
/// A writer holds the lock of its file, and the lock dies with it. So what can be locked is an orphan, and
/// nothing is decided by age. Touched are only regular files of this user (of every user, if this is the
/// superuser) whose names are `.unforget-tmp-` and 16 hexadecimal digits; on a file system without locks,
/// none. At most 1,024 are removed in one sweep.
///
/// It may run at any time, in any number of processes: a writer whose new file is taken before it could lock
/// it makes another one.
///
/// # Errors
///
/// [`Error::Io`] if the directory cannot be opened or listed. A file that cannot be removed is counted as
/// kept.
///
/// # Examples
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// std::fs::write(dir.path().join(".unforget-tmp-00c0ffee00c0ffee"), "half a fi")?;
/// let swept = unforget_fs::sweep_orphans(dir.path())?;
/// assert_eq!((swept.removed, swept.kept), (1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn sweep_orphans(dir: &Path) -> Result<Swept, Error> {
    sweep_on(&RealDisk, dir)
}

pub(crate) fn sweep_on<D: Disk>(disk: &D, path: &Path) -> Result<Swept, Error> {
    let dir =
        uninterrupted(|| disk.open_dir(None, path)).map_err(|e| Error::io("open the directory", path, e))?;
    let names = uninterrupted(|| disk.list(&dir, NAMES_LOOKED_AT)).map_err(|e| Error::io("list", path, e))?;
    let mut swept = Swept::default();
    for name in names.iter().filter(|name| is_temporary(name)) {
        if swept.removed == REMOVED_AT_MOST {
            break;
        }
        match remove_orphan(disk, &dir, name) {
            Ok(Removal::Removed) => swept.removed += 1,
            Ok(Removal::Gone) => {}
            Ok(Removal::Kept) | Err(_) => swept.kept += 1,
        }
    }
    Ok(swept)
}

enum Removal {
    Removed,
    /// Its writer gave it its name, or another sweep removed it.
    Gone,
    Kept,
}

/// Removes a file while its lock is held, and only if the name still means that file.
///
/// Its writer may have finished between the open and the lock. A second name does not protect it: it is what a
/// crash leaves where a new name is given by a link, and only this one of the two goes.
fn remove_orphan<D: Disk>(disk: &D, dir: &D::Dir, name: &OsStr) -> io::Result<Removal> {
    let file = match uninterrupted(|| disk.open(dir, name, Open::Read)) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Removal::Gone),
        opened => opened?,
    };
    let entry = uninterrupted(|| disk.file_entry(&file))?;
    // A superuser who replaced a file of somebody else died after the new one was given away.
    let is_ours = entry.uid() == disk.user() || disk.user() == SUPERUSER;
    if !entry.is_regular() || !is_ours || !uninterrupted(|| disk.try_lock(&file))? {
        return Ok(Removal::Kept);
    }
    match uninterrupted(|| disk.entry(dir, name))? {
        Some(named) if named.id() == entry.id() => {
            uninterrupted(|| disk.unlink(dir, name))?;
            Ok(Removal::Removed)
        }
        _ => Ok(Removal::Gone),
    }
}
