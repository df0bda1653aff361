//! Locks by the existence of a file, for file systems without the kernel's locks.

mod taking;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::dir::{self, Dir};
use crate::disk::{RealDisk, uninterrupted};
use crate::lock_file::{LockFile, LockOptions, Owner, wait};
use crate::{Error, digest, own_file};

/// A lock that is held while its file exists: for file systems without kernel locks.
///
/// Where [`LockFile`] says [`Error::LocksUnsupported`], this excludes by a file that is created with its whole
/// record, in one step, if nothing has the name. Such a file stays when its holder is killed. The next one
/// takes it over if the holder is [provably dead](Owner::is_provably_dead): by machine, boot, pid namespace and
/// start time of the process, and never by age. Every doubt means alive: another machine, another container, a
/// file without a readable record. Then a person decides, with [`force_break`](Self::force_break).
///
/// A dead holder is replaced under a second lock of the same kind, after its record was read again inside, so
/// that of several who found it dead one takes over. The second lock's file is in the same directory; its name
/// is `.unforget-break-` and 16 hexadecimal digits. One that was left by a process that died in that moment stays
/// until the next dead holder is replaced.
///
/// A path is for one kind of lock: a `LockFile` and a `DotLock` on the same path do not see each other.
///
/// Fairness: none; waiters poll. Cost: a sync of the record, so some hundred times that of a [`LockFile`].
///
/// # Examples
///
/// ```
/// use unforget_fs::{DotLock, Error, LockOptions};
///
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("index.lock");
/// let guard = DotLock::acquire(&path, &LockOptions::default())?;
/// assert_eq!(DotLock::holder(&path)?.expect("we hold it").pid, std::process::id());
/// assert!(matches!(DotLock::try_acquire(&path), Err(Error::HeldHere { .. })));
/// guard.release()?;
/// assert!(!path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "the lock is released as soon as this is dropped"]
pub struct DotLock {
    dir: Arc<Dir>,
    name: OsString,
    path: PathBuf,
    /// Open, so that no other file can have its identity.
    file: File,
    owner: Owner,
    previous: Option<Owner>,
    is_held: bool,
}

impl DotLock {
    /// Acquires the lock and waits for it up to the timeout of `options`.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] at the deadline, also if the file has no record that could be read;
    /// [`Error::HeldHere`] at once; [`Error::Symlink`] and [`Error::NotRegular`] if the name is that of
    /// something else; [`Error::Io`], also where the file system has no hard links.
    ///
    /// # Blocking
    ///
    /// Sleeps between attempts, up to the timeout, and waits for the disk.
    pub fn acquire(path: &Path, options: &LockOptions) -> Result<Self, Error> {
        wait(path, options, || taking::attempt(path))
    }

    /// Acquires the lock if it is free or its holder is provably dead.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire); [`Error::Locked`] at once.
    pub fn try_acquire(path: &Path) -> Result<Self, Error> {
        taking::attempt(path).map_err(|refusal| refusal.into_error(path, Duration::ZERO))
    }

    /// Who holds the lock at `path`, by the holder's own record. `None` also if the holder is provably dead or
    /// left no record.
    ///
    /// # Errors
    ///
    /// As [`LockFile::holder`].
    pub fn holder(path: &Path) -> Result<Option<Owner>, Error> {
        LockFile::holder(path)
    }

    /// Removes the lock whose [nonce](Owner::nonce) was read, and no other; says whether it was there.
    ///
    /// For an operator who knows that the holder is gone although nobody can prove it, such as on a machine
    /// that will not come back. If it lives, there are two holders from now on; it learns of that from
    /// [`verify`](Self::verify). Release or another holder since the nonce was read means `false`.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] with the path of the second lock if somebody is taking the lock over at this moment,
    /// or ended doing so where that cannot be proved; [`Error::Io`].
    ///
    /// # Examples
    ///
    /// ```
    /// use unforget_fs::{DotLock, LockOptions};
    ///
    /// # let dir = tempfile::tempdir()?;
    /// let path = dir.path().join("index.lock");
    /// let guard = DotLock::acquire(&path, &LockOptions::default())?;
    /// assert!(!DotLock::force_break(&path, "the nonce of another holder")?);
    /// assert!(DotLock::force_break(&path, &guard.owner().nonce)?);
    /// assert!(guard.verify().is_err(), "it is not ours any more");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn force_break(path: &Path, nonce: &str) -> Result<bool, Error> {
        taking::force_break(path, nonce)
    }

    /// The holder before this one, if it died with the lock: what it was doing may be half done.
    pub fn previous_unclean(&self) -> Option<&Owner> {
        self.previous.as_ref()
    }

    /// The record of this acquisition.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// The directory that the lock is in.
    pub(crate) fn dir(&self) -> &Dir {
        &self.dir
    }

    /// The path that was locked.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Checks that the lock still excludes others: the last thing to do before a change becomes visible.
    ///
    /// # Errors
    ///
    /// [`Error::LockReplaced`] if somebody removed the file or broke the lock; [`Error::Forked`] in a child of
    /// the holder.
    pub fn verify(&self) -> Result<(), Error> {
        let opened = (&*self.dir, &*self.name, &self.file);
        own_file::verify_lock(&RealDisk, opened, &self.path, self.owner.pid)
    }

    /// Releases the lock, and says whether it excluded others to the end. Dropping it does the same without a
    /// word.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify), and then nothing is removed; [`Error::Io`] if the file could not be
    /// removed: then the lock stays until this process ends.
    pub fn release(mut self) -> Result<(), Error> {
        self.give_back()
    }

    /// Nobody else removes the file of a holder that lives, so it is ours from the check to the removal.
    fn give_back(&mut self) -> Result<(), Error> {
        if !std::mem::take(&mut self.is_held) {
            return Ok(());
        }
        self.verify()?;
        uninterrupted(|| self.dir.unlink(&self.name)).map_err(|e| Error::io("remove", &self.path, e))
    }
}

impl Drop for DotLock {
    fn drop(&mut self) {
        // An error has nobody to go to; `release` is for those who want to know.
        let _ = self.give_back();
    }
}

/// Opens the directory of a lock and returns its name there.
fn place_of(path: &Path) -> Result<(Arc<Dir>, OsString), Error> {
    let (dir, name) = dir::open_parent(&RealDisk, path)?;
    Ok((Arc::new(dir), name))
}

/// The name of the lock under which a dead holder of `name` is replaced.
///
/// Its length does not depend on `name`, so that a longest name has a second lock too. Two names with the same
/// digits only wait for each other.
fn second_name(name: &OsStr) -> OsString {
    format!(".unforget-break-{:016x}", digest::of(name.as_encoded_bytes())).into()
}
