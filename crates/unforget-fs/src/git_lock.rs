//! Changing a file of a git repository, with git's own lock.

use std::ffi::OsString;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::{AtomicFile, DotLock, Error, LockOptions, Owner, ReplaceOptions, SymlinkPolicy};

/// The lock on a file `X` that git takes too: `X.lock`, and new content for `X`.
///
/// Git changes `X` by creating `X.lock`, which must not exist, and renaming it to `X`. So does every program
/// that works on a repository beside git; while one of them has `X.lock`, the others fail or wait. This one
/// writes its [`Owner`] to `X.lock` and the new content to a temporary file, which gets the name `X` in the
/// [`commit`](Self::commit) before `X.lock` goes. Thus a reader sees the old file or the new one, and a lock
/// that was left by a killed process says whose it was: the next `GitLock` takes it over if that process is
/// [provably dead](Owner::is_provably_dead). A lock that git left names nobody, and stays until a person
/// removes it.
///
/// Read `X` after the lock was acquired; what was read before may be old. Dropped without a commit, `X` is as
/// it was.
///
/// Unlike git, the commit syncs the content and the name. Links are not followed unless `writing` says so, and
/// then the lock is still that of the path that was given; git locks the file that the link leads to.
///
/// # Examples
///
/// ```
/// use std::io::Write;
/// use unforget_fs::{GitLock, LockOptions, ReplaceOptions};
///
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("packed-refs");
/// let mut file = GitLock::acquire(&path, &LockOptions::default(), &ReplaceOptions::default())?;
/// assert!(dir.path().join("packed-refs.lock").exists(), "git waits now");
/// file.write_all(b"# pack-refs with: peeled fully-peeled sorted\n")?;
/// file.commit()?;
/// assert!(path.exists() && !dir.path().join("packed-refs.lock").exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "what was written is dropped unless it is committed"]
pub struct GitLock {
    /// Dropped first: a temporary file is removed while the lock is held.
    file: AtomicFile,
    lock: DotLock,
}

impl GitLock {
    /// Locks `path` and begins new content for it; waits up to the timeout of `options`.
    ///
    /// # Errors
    ///
    /// As [`DotLock::acquire`] for `X.lock`, and as [`AtomicFile::create`] for `X`; [`Error::LockReplaced`] if the
    /// directory was replaced in between.
    ///
    /// # Blocking
    ///
    /// Sleeps between attempts, up to the timeout, and waits for the disk.
    pub fn acquire(path: &Path, options: &LockOptions, writing: &ReplaceOptions) -> Result<Self, Error> {
        Self::begin(DotLock::acquire(&lock_of(path)?, options)?, path, *writing)
    }

    /// Locks `path` if it is not locked.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire); [`Error::Locked`] at once.
    pub fn try_acquire(path: &Path, writing: &ReplaceOptions) -> Result<Self, Error> {
        Self::begin(DotLock::try_acquire(&lock_of(path)?)?, path, *writing)
    }

    /// Begins new content, in the directory that the lock is in: a path may lead elsewhere by now, where the lock
    /// excludes nobody.
    fn begin(lock: DotLock, path: &Path, writing: ReplaceOptions) -> Result<Self, Error> {
        let file = AtomicFile::create(path, &writing)?;
        let is_beside = file.is_in(lock.dir()).map_err(|e| Error::io("look at the directory of", path, e))?;
        if is_beside || writing.symlinks == SymlinkPolicy::Follow {
            return Ok(Self { file, lock });
        }
        Err(Error::LockReplaced { path: lock.path().to_owned() })
    }

    /// Who has locked `path`; `None` also if that is git, which leaves no record.
    ///
    /// # Errors
    ///
    /// As [`DotLock::holder`].
    pub fn holder(path: &Path) -> Result<Option<Owner>, Error> {
        DotLock::holder(&lock_of(path)?)
    }

    /// Removes the lock on `path` whose nonce was read, as [`DotLock::force_break`] does.
    ///
    /// # Errors
    ///
    /// As [`DotLock::force_break`].
    pub fn force_break(path: &Path, nonce: &str) -> Result<bool, Error> {
        DotLock::force_break(&lock_of(path)?, nonce)
    }

    /// The lock: its path, its owner, and whether the holder before died.
    pub fn lock(&self) -> &DotLock {
        &self.lock
    }

    /// Gives what was written the name that was locked, durably, and releases the lock.
    ///
    /// # Errors
    ///
    /// Before the renaming, [`Error::LockReplaced`] if somebody removed the lock, and what [`AtomicFile`] may
    /// say: the file is as it was, the lock is released, and what was written is gone. After it,
    /// [`Error::CommittedNotDurable`], and what [`DotLock::release`] may say: the file *is* new.
    ///
    /// # Blocking
    ///
    /// Waits for the disk: twice with [`Durability::Full`](crate::Durability::Full).
    pub fn commit(self) -> Result<(), Error> {
        let Self { file, lock } = self;
        file.commit_if(|| lock.verify())?;
        lock.release()
    }

    /// Releases the lock and leaves the file as it is. Dropping it does the same without a word.
    ///
    /// # Errors
    ///
    /// As [`DotLock::release`].
    pub fn rollback(self) -> Result<(), Error> {
        let Self { file, lock } = self;
        drop(file);
        lock.release()
    }
}

impl Write for GitLock {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for GitLock {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// `X.lock` beside `X`.
fn lock_of(path: &Path) -> Result<PathBuf, Error> {
    let mut name = OsString::from(crate::dir::file_name(path)?);
    name.push(".lock");
    Ok(path.with_file_name(name))
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_swapped_after_the_lock_gets_no_content() {
        let root = tempfile::tempdir().unwrap();
        let (here, moved) = (root.path().join("here"), root.path().join("moved"));
        std::fs::create_dir(&here).unwrap();
        let path = here.join("config");
        let lock = DotLock::try_acquire(&lock_of(&path).unwrap()).unwrap();
        std::fs::rename(&here, &moved).unwrap();
        std::fs::create_dir(&here).unwrap();
        let outcome = GitLock::begin(lock, &path, ReplaceOptions::new());
        assert!(matches!(outcome, Err(Error::LockReplaced { .. })), "nobody is excluded there: {outcome:?}");
        for dir in [here, moved] {
            assert_eq!(dir.read_dir().unwrap().count(), 0, "nothing is left in {}", dir.display());
        }
    }
}
