//! Directories that only their owner can look into.

use std::io;
use std::path::{Component, Path, PathBuf};

use crate::Error;
use crate::create_dir::make_dir;
use crate::dir::{self, Dir};
use crate::disk::RealDisk;

/// A directory of mode 0700 that belongs to this user and is not reached through a link.
///
/// Files in it need no check of their own against other users: nobody else can put or reach anything there.
/// Checked when it is opened; a program of the same user can still change it afterwards.
///
/// # Examples
///
/// ```
/// use unforget_fs::SecureDir;
///
/// # let root = tempfile::tempdir()?;
/// let store = SecureDir::create(&root.path().join("store"))?;
/// assert!(store.is_empty()?);
/// std::fs::write(store.file("notes.txt"), "private")?;
/// assert!(!SecureDir::open(store.path())?.is_empty()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SecureDir {
    dir: Dir,
    path: PathBuf,
}

impl SecureDir {
    /// Opens the directory, and creates it and its missing parents durably if there is none.
    ///
    /// Any number of threads and processes may do so at once; all of them succeed. An existing directory that
    /// others may enter is made private if it is empty. With content in it the call fails with
    /// [`Error::Exposed`]: somebody else may have put that content there, and a mistyped path must not close
    /// a directory that everybody uses.
    ///
    /// # Errors
    ///
    /// [`Error::Symlink`], [`Error::NotDirectory`], [`Error::ForeignOwner`], [`Error::Exposed`],
    /// [`Error::Io`].
    pub fn create(path: &Path) -> Result<Self, Error> {
        let path = absolute(path)?;
        // Whoever put something into it had it from here, after the sync of its parent: nothing is left to
        // make durable.
        if let Ok(used) = Self::open(&path)
            && !used.is_empty()?
        {
            return Ok(used);
        }
        crate::create_dir_all(&dir::parent_of(&path))?;
        if path.file_name().is_some() && !is_link(&path)? {
            make_dir(&RealDisk, &path, 0o700)?;
        }
        let found = Self::open_owned(path)?;
        if found.is_exposed()? && found.is_empty()? {
            found.dir.set_private().map_err(|e| Error::io("make private", &found.path, e))?;
        }
        found.refuse_exposed()
    }

    /// Opens the directory, which must exist.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create); [`Error::Io`] if there is none.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::open_owned(absolute(path)?)?.refuse_exposed()
    }

    /// The absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in the directory.
    ///
    /// # Panics
    ///
    /// If `name` is not one plain name: `..`, a path with separators or an absolute path would leave the
    /// directory.
    pub fn file(&self, name: &str) -> PathBuf {
        let mut components = Path::new(name).components();
        let is_plain = matches!((components.next(), components.next()), (Some(Component::Normal(_)), None));
        assert!(is_plain, "{name:?} is not a plain file name");
        self.path.join(name)
    }

    /// Whether the directory has no entries.
    pub fn is_empty(&self) -> Result<bool, Error> {
        self.dir.is_empty().map_err(|e| Error::io("list", &self.path, e))
    }

    fn open_owned(path: PathBuf) -> Result<Self, Error> {
        let dir = match Dir::open_nofollow(&path) {
            Ok(dir) => dir,
            Err(e) => return Err(refusal(path, e)),
        };
        let entry = dir.own_entry().map_err(|e| Error::io("look at", &path, e))?;
        if !dir::is_owned_by_us(&entry) {
            return Err(Error::ForeignOwner { path, uid: entry.uid() });
        }
        Ok(Self { dir, path })
    }

    fn is_exposed(&self) -> Result<bool, Error> {
        Ok(self.dir.own_entry().map_err(|e| Error::io("look at", &self.path, e))?.is_exposed())
    }

    fn refuse_exposed(self) -> Result<Self, Error> {
        let entry = self.dir.own_entry().map_err(|e| Error::io("look at", &self.path, e))?;
        if entry.is_exposed() {
            return Err(Error::Exposed { path: self.path, mode: entry.mode() });
        }
        Ok(self)
    }
}

/// Makes the path absolute and drops a trailing separator, with which even `O_NOFOLLOW` follows a link.
fn absolute(path: &Path) -> Result<PathBuf, Error> {
    let absolute = std::path::absolute(path).map_err(|e| Error::io("make absolute", path, e))?;
    Ok(absolute.components().collect())
}

fn is_link(path: &Path) -> Result<bool, Error> {
    match std::fs::symlink_metadata(path) {
        Ok(found) => Ok(found.is_symlink()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(Error::io("look at", path, e)),
    }
}

/// Says why a path did not open as a directory.
///
/// Systems answer a link that is not to be followed with ELOOP, ENOTDIR or EMLINK, so the path is asked
/// again; the answer only chooses the message.
fn refusal(path: PathBuf, error: io::Error) -> Error {
    match std::fs::symlink_metadata(&path) {
        Ok(found) if found.is_symlink() => Error::Symlink { path },
        Ok(found) if !found.is_dir() => Error::NotDirectory { path },
        _ => Error::io("open the directory", &path, error),
    }
}
