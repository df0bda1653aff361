//! The lock that makes one process the only one that appends.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::file;
use crate::disk::{Disk, Open, uninterrupted, write_all_at};
use crate::lock_file::{RECORD_LIMIT, Record};
use crate::{Error, Owner, kernel_lock, own_file};

/// What the name of a journal is extended by for its lock.
const SUFFIX: &str = ".lock";

/// The kernel's lock on a file beside the journal.
///
/// Beside it, because the journal's own file is another one after each rotation. The lock file is never
/// removed, and holds the same record as a [`LockFile`](crate::LockFile): for people.
#[derive(Debug)]
pub(super) struct JournalLock<D: Disk> {
    disk: D,
    dir: Arc<D::Dir>,
    name: OsString,
    file: D::File,
    owner: Owner,
}

impl<D: Disk> JournalLock<D> {
    /// Takes the lock of the journal called `journal`, if it is free.
    pub(super) fn try_acquire(disk: &D, dir: &Arc<D::Dir>, journal: &OsStr) -> Result<Self, Error> {
        let mut name = journal.to_owned();
        name.push(SUFFIX);
        let path = disk.show(dir, &name);
        let file = own_file::open(disk, dir, &name, Open::OrCreate)?;
        let is_ours =
            uninterrupted(|| disk.try_lock(&file)).map_err(|e| kernel_lock::lock_error(&path, e))?;
        let record = read_record(disk, &file);
        if !is_ours {
            // Where locks are mandatory, nobody reads a locked file.
            return Err(locked(path, record.unwrap_or(Record::Unreadable)));
        }
        let record = record.map_err(|e| Error::io("read", &path, e))?;
        if record == Record::Foreign {
            return Err(Error::ForeignContent { path });
        }
        let owner = Owner::this_process(record.fence());
        let lock = Self { disk: disk.clone(), dir: Arc::clone(dir), name, file, owner };
        lock.verify()?;
        lock.write(&Record::Held(lock.owner.clone()));
        Ok(lock)
    }

    /// Checks that the lock still excludes others.
    pub(super) fn verify(&self) -> Result<(), Error> {
        let opened = (&*self.dir, &*self.name, &self.file);
        own_file::verify_lock(&self.disk, opened, &self.path(), self.owner.pid)
    }

    fn path(&self) -> PathBuf {
        self.disk.show(&self.dir, &self.name)
    }

    /// Writes the record over the old one, and only then cuts off what is longer.
    ///
    /// Without it the lock excludes all the same, and a full disk is what a journal has to open on.
    fn write(&self, record: &Record) {
        let Some(line) = record.to_line() else { return };
        if write_all_at(&self.disk, &self.file, line.as_bytes(), 0).is_ok() {
            let _ = uninterrupted(|| self.disk.set_len(&self.file, line.len() as u64));
        }
    }
}

impl<D: Disk> Drop for JournalLock<D> {
    /// In a forked child nothing is unlocked: an unlock there would end the lock of the parent.
    fn drop(&mut self) {
        let verified = self.verify();
        if verified.is_ok() {
            self.write(&Record::Released { fence: self.owner.fence });
        }
        if !matches!(verified, Err(Error::Forked { .. })) {
            self.disk.unlock(&self.file);
        }
    }
}

fn locked(path: PathBuf, record: Record) -> Error {
    let holder = match record {
        Record::Held(owner) => Some(Box::new(owner)),
        _ => None,
    };
    Error::Locked { path, holder, waited: Duration::ZERO }
}

fn read_record<D: Disk>(disk: &D, file: &D::File) -> io::Result<Record> {
    Ok(Record::parse(&file::read_from(disk, file, 0, RECORD_LIMIT as u64)?))
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{RealDir, RealDisk};

    fn lock_in(root: &std::path::Path) -> Result<JournalLock<RealDisk>, Error> {
        let dir = Arc::new(RealDir::open(root).unwrap());
        JournalLock::try_acquire(&RealDisk, &dir, OsStr::new("journal"))
    }

    #[test]
    fn a_child_that_is_about_to_be_another_program_does_not_keep_the_lock() {
        let root = tempfile::tempdir().unwrap();
        let lock = lock_in(root.path()).unwrap();
        // What a child has between its `fork` and its `exec`.
        let childs = lock.file.try_clone().unwrap();
        drop(lock);
        drop(lock_in(root.path()).expect("it was given back"));
        drop(childs);
    }

    #[test]
    fn a_forked_child_releases_nothing() {
        let root = tempfile::tempdir().unwrap();
        let mut lock = lock_in(root.path()).unwrap();
        let parents = lock.file.try_clone().unwrap();
        lock.owner.pid += 1;
        drop(lock);
        let outcome = lock_in(root.path());
        assert!(matches!(outcome, Err(Error::Locked { .. })), "the parent still has it: {outcome:?}");
        drop(parents);
    }
}
