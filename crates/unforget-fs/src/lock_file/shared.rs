//! A lock that its holders share, and that keeps the exclusive one out.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::place::{Locked, Mode};
use super::record::Record;
use super::waiting::{Refusal, wait};
use super::{LockOptions, Owner};
use crate::disk::RealDisk;
use crate::{Error, own_file};

/// A [`LockFile`](crate::LockFile) held together with any number of others that share it.
///
/// While one of them exists nobody holds the lock exclusively, and the other way round. Within one process
/// shared guards do not exclude each other; an exclusive one is [`Error::HeldHere`] to them.
///
/// A shared holder writes nothing: it has no record, no fence number, and cannot be named in an error.
///
/// Fairness: none. As long as shared holders overlap, nobody gets the lock exclusively.
///
/// # Examples
///
/// ```
/// use unforget_fs::{Error, LockFile, LockOptions, SharedLock};
///
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("index.lock");
/// let options = LockOptions::default();
/// let (one, two) = (SharedLock::acquire(&path, &options)?, SharedLock::acquire(&path, &options)?);
/// assert!(matches!(LockFile::try_acquire(&path, &options), Err(Error::HeldHere { .. })));
/// one.release()?;
/// two.release()?;
/// LockFile::try_acquire(&path, &options)?.release()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "the lock is released as soon as this is dropped"]
pub struct SharedLock {
    path: PathBuf,
    /// Taken when the lock is given back.
    locked: Option<Locked>,
    previous: Option<Owner>,
    opened_by: u32,
}

impl SharedLock {
    /// Acquires the lock and waits for it up to the timeout of `options`.
    ///
    /// # Errors
    ///
    /// As [`LockFile::acquire`](crate::LockFile::acquire).
    ///
    /// # Blocking
    ///
    /// Sleeps between attempts, up to the timeout. No lock is held meanwhile.
    pub fn acquire(path: &Path, options: &LockOptions) -> Result<Self, Error> {
        wait(path, options, || Self::attempt(path))
    }

    /// Acquires the lock if nobody holds it exclusively.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire); [`Error::Locked`] at once.
    ///
    /// # Blocking
    ///
    /// Only while another thread of this process asks the kernel for the same lock, without waiting either.
    pub fn try_acquire(path: &Path) -> Result<Self, Error> {
        Self::attempt(path).map_err(|refusal| refusal.into_error(path, Duration::ZERO))
    }

    /// The last exclusive holder, if it ended without releasing the lock. Everybody is told until the next
    /// exclusive holder has been told.
    pub fn previous_unclean(&self) -> Option<&Owner> {
        self.previous.as_ref()
    }

    /// The path that was locked.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Checks that the lock still keeps exclusive holders out.
    ///
    /// # Errors
    ///
    /// [`Error::LockReplaced`] if somebody removed or replaced the file; [`Error::Forked`] in a child of the
    /// holder.
    pub fn verify(&self) -> Result<(), Error> {
        let Some(Locked { dir, name, file, .. }) = &self.locked else { return self.refuse_fork() };
        own_file::verify_lock(&RealDisk, (dir, name, file), &self.path, self.opened_by)
    }

    /// Releases the lock, and says whether it kept exclusive holders out to the end. Dropping it does the same
    /// without a word.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify). The lock is released in every case.
    pub fn release(mut self) -> Result<(), Error> {
        let kept = self.verify();
        self.give_back();
        kept
    }

    fn attempt(path: &Path) -> Result<Self, Refusal> {
        let locked = Locked::attempt(path, Mode::Shared)?;
        // Nobody writes to the file while the lock is shared.
        let previous = match locked.record(path)? {
            Record::Held(owner) => Some(owner),
            _ => None,
        };
        Ok(Self { path: path.to_owned(), locked: Some(locked), previous, opened_by: std::process::id() })
    }

    /// In a forked child nothing is unlocked: an unlock there would end the lock of the parent.
    fn give_back(&mut self) {
        let Some(locked) = self.locked.take() else { return };
        if self.refuse_fork().is_ok() {
            locked.unlock();
        }
    }

    fn refuse_fork(&self) -> Result<(), Error> {
        own_file::refuse_fork(&self.path, self.opened_by)
    }
}

impl Drop for SharedLock {
    fn drop(&mut self) {
        self.give_back();
    }
}
