//! Locks between processes that die with their holder.

mod held;
mod options;
mod owner;
mod place;
mod process;
mod record;
mod shared;
mod waiting;

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::dir::Dir;
use crate::disk::{RealDisk, uninterrupted};
use crate::{Error, kernel_lock, own_file};

use held::Slot;
pub use options::LockOptions;
pub use owner::{Owner, boot_id};
pub(crate) use place::{Locked, Mode, read_at, read_content, read_record, write_line, write_record};
pub(crate) use record::{RECORD_LIMIT, Record};
pub use shared::SharedLock;
pub(crate) use waiting::{Refusal, wait};

/// A lock between processes, held until it is released or dropped, or its process ends.
///
/// The lock is the kernel's, on the file that the path names. It dies with its holder at once, however the
/// holder ends, so nobody guesses from ages or process ids whether it is stale. The record in the file says
/// who holds it, and is for people only.
///
/// A second acquisition by the same process fails with [`Error::HeldHere`] and does not wait for itself. In a
/// forked child a guard is dead: it neither holds nor releases anything.
///
/// Fairness: none. Waiters poll with random delays, which is right for few waiters with deadlines; writers
/// that share a lock all the time use a [`Turnstile`](crate::Turnstile).
///
/// The path is for locks only. A file with content that is no record is refused, never overwritten; one that is
/// empty, or has what a power failure leaves of a record, gets a new one.
///
/// # Examples
///
/// ```
/// use unforget_fs::{Error, LockFile, LockOptions};
///
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("index.lock");
/// let guard = LockFile::acquire(&path, &LockOptions::default())?;
/// assert_eq!(LockFile::holder(&path)?.expect("we hold it").pid, std::process::id());
/// assert!(matches!(LockFile::try_acquire(&path, &LockOptions::default()), Err(Error::HeldHere { .. })));
/// guard.release()?;
/// assert_eq!(LockFile::holder(&path)?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "the lock is released as soon as this is dropped"]
pub struct LockFile {
    dir: Dir,
    name: OsString,
    path: PathBuf,
    file: File,
    owner: Owner,
    previous: Option<Owner>,
    unlink_on_release: bool,
    /// Taken when the lock is given back.
    slot: Option<Slot>,
}

impl LockFile {
    /// Acquires the lock and waits for it up to the timeout of `options`.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] at the deadline, [`Error::HeldHere`] at once; [`Error::Symlink`],
    /// [`Error::NotRegular`], [`Error::HardLinked`], [`Error::ForeignOwner`] and [`Error::ForeignContent`]
    /// for a file that is no lock of ours; [`Error::LocksUnsupported`]; [`Error::Io`], also when the record
    /// cannot be written.
    ///
    /// # Blocking
    ///
    /// Sleeps between attempts, up to the timeout. No lock is held meanwhile.
    pub fn acquire(path: &Path, options: &LockOptions) -> Result<Self, Error> {
        wait(path, options, || Self::attempt(path, options))
    }

    /// Acquires the lock if it is free; the timeout of `options` has no meaning here.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire); [`Error::Locked`] at once.
    ///
    /// # Blocking
    ///
    /// Only while another thread of this process asks the kernel for the same lock, without waiting either.
    pub fn try_acquire(path: &Path, options: &LockOptions) -> Result<Self, Error> {
        Self::attempt(path, options).map_err(|refusal| refusal.into_error(path, Duration::ZERO))
    }

    /// Who holds the lock at `path`, by the holder's own record; disturbs neither holder nor waiters.
    ///
    /// For people and messages, not for decisions: it is read without a lock. `None` if the last holder
    /// released it or is [provably dead](Owner::is_provably_dead), and if there is no readable record.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; a missing file is not an error.
    pub fn holder(path: &Path) -> Result<Option<Owner>, Error> {
        let Some(content) = read_at(path)? else { return Ok(None) };
        match Record::parse(&content) {
            Record::Held(owner) if !owner.is_provably_dead() => Ok(Some(owner)),
            _ => Ok(None),
        }
    }

    /// The holder before this one, if it ended without releasing the lock: what it was doing may be half
    /// done.
    pub fn previous_unclean(&self) -> Option<&Owner> {
        self.previous.as_ref()
    }

    /// The record of this acquisition.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// A number larger than that of every holder before.
    ///
    /// A resource that stores it and refuses smaller ones is safe from a holder that was stopped and woke up
    /// too late; a number that the resource does not check protects nothing. The check and the change have to
    /// be one step of the resource: a `WHERE fence <= ?` in the same statement, or a lock of its own, as in the
    /// example of [`Lease`](crate::Lease).
    ///
    /// It is the time of acquisition in microseconds, or one more than the last holder's number if that is
    /// larger. So it also grows when the file was removed or lost its content in between, provided that the
    /// clock was not set back.
    pub fn fence(&self) -> u64 {
        self.owner.fence
    }

    /// The path that was locked.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Checks that the lock still excludes others: the last thing to do before a change becomes visible.
    ///
    /// # Errors
    ///
    /// [`Error::LockReplaced`] if somebody removed or replaced the file without holding the lock;
    /// [`Error::Forked`] in a child of the holder.
    pub fn verify(&self) -> Result<(), Error> {
        let opened = (&self.dir, &*self.name, &self.file);
        own_file::verify_lock(&RealDisk, opened, &self.path, self.owner.pid)
    }

    /// Releases the lock, and says whether it excluded others to the end. Dropping it does the same without a
    /// word.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify), and [`Error::Io`] if the record could not be changed. The lock is
    /// released in every case.
    pub fn release(mut self) -> Result<(), Error> {
        self.give_back()
    }

    /// Turns a kernel lock into a guard: looks who was here before, and signs.
    fn attempt(path: &Path, options: &LockOptions) -> Result<Self, Refusal> {
        let locked = Locked::attempt(path, Mode::Exclusive)?;
        let record = locked.record(path)?;
        let owner = Owner::this_process(record.fence());
        write_record(&locked.file, &Record::Held(owner.clone()))
            .map_err(|e| Error::io("write the owner to", path, e))?;
        let previous = if let Record::Held(previous) = record { Some(previous) } else { None };
        let Locked { dir, name, file, slot } = locked;
        let unlink_on_release = options.unlink_on_release;
        Ok(Self {
            dir,
            name,
            path: path.to_owned(),
            file,
            owner,
            previous,
            unlink_on_release,
            slot: Some(slot),
        })
    }

    /// Changes the file first and unlocks it last: whoever gets the lock sees it as it was left.
    ///
    /// Removing it after the unlock would remove the lock that somebody else has just taken.
    fn give_back(&mut self) -> Result<(), Error> {
        let Some(slot) = self.slot.take() else { return Ok(()) };
        own_file::refuse_fork(&self.path, self.owner.pid)?;
        let left = self.leave_file();
        drop(slot);
        kernel_lock::unlock(&self.file);
        left
    }

    fn leave_file(&self) -> Result<(), Error> {
        self.verify()?;
        let removed = self.unlink_on_release.then(|| uninterrupted(|| self.dir.unlink(&self.name)));
        match removed {
            Some(Ok(())) => Ok(()),
            // The file stays, and its next holder must not take us for dead.
            Some(Err(e)) => self.write_release().and(Err(Error::io("remove", &self.path, e))),
            None => self.write_release(),
        }
    }

    fn write_release(&self) -> Result<(), Error> {
        let released = Record::Released { fence: self.owner.fence };
        write_record(&self.file, &released).map_err(|e| Error::io("write the release to", &self.path, e))
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // An error has nobody to go to; `release` is for those who want to know.
        let _ = self.give_back();
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forked_child_closes_its_guard_and_releases_nothing() {
        for unlink in [false, true] {
            let root = tempfile::tempdir().unwrap();
            let path = root.path().join("x.lock");
            let options = LockOptions::new().unlink_on_release(unlink);
            let mut guard = LockFile::try_acquire(&path, &options).unwrap();
            let record = std::fs::read(&path).unwrap();
            // What a parent keeps: a descriptor that shares the lock with the child's.
            let parents = guard.file.try_clone().unwrap();
            guard.owner.pid += 1;
            assert!(matches!(guard.verify(), Err(Error::Forked { .. })));
            assert!(matches!(guard.release(), Err(Error::Forked { .. })));
            assert_eq!(std::fs::read(&path).unwrap(), record, "the parent's file is as it was");
            let outcome = LockFile::try_acquire(&path, &options);
            assert!(matches!(outcome, Err(Error::Locked { .. })), "the parent still has it: {outcome:?}");
            drop(parents);
            drop(LockFile::try_acquire(&path, &options).expect("it ended with the parent's descriptor"));
        }
    }

    #[test]
    fn a_place_is_given_back_when_the_kernel_refuses() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("x.lock");
        let theirs = File::create(&path).unwrap();
        theirs.lock().unwrap();
        for _ in 0..2 {
            let outcome = LockFile::try_acquire(&path, &LockOptions::new());
            assert!(matches!(outcome, Err(Error::Locked { .. })), "not held by a guard of ours: {outcome:?}");
        }
    }
}
