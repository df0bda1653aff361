//! Files for others to fill: an empty one for a library, an open one for memory that processes share.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::Error;
use crate::dir::{self, open_parent};
use crate::disk::{Disk, Kind, Open, RealDisk, sync_names, uninterrupted};
use crate::own_file;

/// Makes sure that `path` is a file, and creates it empty, durably and for its owner only if there is none.
///
/// For files that a library opens by name and would create readable for everybody, such as a database:
/// `SQLite` treats an empty file as a new database, gives its side files the same mode, and does not sync the
/// directory that names it. A file that exists is not opened: closing a descriptor of an open database would
/// end the locks that this process has on it. Answers whether the file was created here.
///
/// # Errors
///
/// [`Error::Io`]; what has the name already, whatever it is, is no error. If the sync of the directory failed,
/// the file is there and its name may not last: a second call succeeds and proves no more than that.
pub fn ensure_file(path: &Path) -> Result<bool, Error> {
    ensure_on(&RealDisk, path)
}

/// Refuses a file that is not the caller's alone, without opening it.
///
/// For files that a library opens by name and keeps others beside: a second name would have other files beside it, and
/// what a program makes for somebody else's file shuts its owner out. Answers whether there is a file. It is a look,
/// not a lock: who may write the directory can change what has the name afterwards.
///
/// # Errors
///
/// [`Error::Symlink`], [`Error::NotRegular`], [`Error::HardLinked`], [`Error::ForeignOwner`]; [`Error::Io`].
///
/// # Examples
///
/// ```
/// use unforget_fs::{check_own_file, ensure_file};
///
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("store.db");
/// assert!(!check_own_file(&path)?, "there is none");
/// ensure_file(&path)?;
/// assert!(check_own_file(&path)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn check_own_file(path: &Path) -> Result<bool, Error> {
    let (directory, name) = open_parent(&RealDisk, path)?;
    let Some(entry) = directory.entry(&name).map_err(|e| Error::io("look at", path, e))? else {
        return Ok(false);
    };
    let path = path.to_owned();
    if entry.kind() == Kind::Symlink {
        return Err(Error::Symlink { path });
    }
    if !entry.is_regular() {
        return Err(Error::NotRegular { path, found: entry.kind().as_str() });
    }
    if entry.links() > 1 {
        return Err(Error::HardLinked { path, links: entry.links() });
    }
    if !dir::is_owned_by_us(&entry) {
        return Err(Error::ForeignOwner { path, uid: entry.uid() });
    }
    Ok(true)
}

pub(crate) fn ensure_on<D: Disk>(disk: &D, path: &Path) -> Result<bool, Error> {
    let (directory, name) = open_parent(disk, path)?;
    let created = match uninterrupted(|| disk.open(&directory, &name, Open::New)) {
        Ok(file) => {
            uninterrupted(|| disk.sync_all(&file)).map_err(|e| Error::io("sync", path, e))?;
            true
        }
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => false,
        Err(e) => return Err(Error::io("create", path, e)),
    };
    // Also when another process created it: it may have been killed between creating and syncing.
    sync_names(disk, &directory).map_err(|e| Error::io("sync the directory of", path, e))?;
    Ok(created)
}

/// Opens a file that exists for reading and writing, such as one to be mapped; `None` if nothing has the name.
///
/// It is the file itself and this user's, and has no other name: nobody else chose what is written to.
///
/// # Errors
///
/// [`Error::Symlink`], [`Error::NotRegular`], [`Error::HardLinked`], [`Error::ForeignOwner`], [`Error::Io`].
///
/// # Examples
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("counters");
/// assert!(unforget_fs::open_file(&path)?.is_none());
/// unforget_fs::ensure_file(&path)?;
/// assert_eq!(unforget_fs::open_file(&path)?.expect("it was created").metadata()?.len(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn open_file(path: &Path) -> Result<Option<File>, Error> {
    let (directory, name) = open_parent(&RealDisk, path)?;
    match own_file::open(&RealDisk, &directory, &name, Open::Write) {
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        outcome => outcome.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_file_is_opened_by_its_own_and_only_name() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        ensure_file(&at("page")).unwrap();
        assert!(open_file(&at("page")).unwrap().is_some());
        std::os::unix::fs::symlink(at("page"), at("link")).unwrap();
        assert!(matches!(open_file(&at("link")), Err(Error::Symlink { .. })));
        assert!(matches!(open_file(root.path()), Err(Error::NotRegular { .. })));
        std::fs::hard_link(at("page"), at("second")).unwrap();
        assert!(matches!(open_file(&at("page")), Err(Error::HardLinked { .. })));
    }

    #[test]
    fn a_missing_file_is_created_empty_and_an_existing_one_is_kept() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("store.db");
        assert!(ensure_file(&path).unwrap(), "there was none");
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
        std::fs::write(&path, "content").unwrap();
        assert!(!ensure_file(&path).unwrap(), "there was one");
        assert_eq!(std::fs::read(&path).unwrap(), b"content", "an existing file is not touched");
    }

    #[cfg(unix)]
    #[test]
    fn a_created_file_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("store.db");
        ensure_file(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_missing_directory_is_an_error_that_names_the_path() {
        let root = tempfile::tempdir().unwrap();
        let error = ensure_file(&root.path().join("missing/store.db")).unwrap_err();
        assert!(error.to_string().contains("missing"), "{error}");
    }
}
