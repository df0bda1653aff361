//! Locks between processes that die with their holder.

mod held;
mod options;
mod owner;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use unforget_sync::retry;

use crate::dir::{self, Dir};
use crate::disk::{Entry, Open, RealDisk};
use crate::{Error, kernel_lock};

use held::{Reservation, Slot};
pub use options::LockOptions;
pub use owner::Owner;
use owner::{RECORD_LIMIT, Record};

/// How often a file is opened again because its name went to another file meanwhile. Every time costs
/// somebody a release, so many in a row only mean a busy lock.
const OPENED_AT_MOST: u32 = 16;

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
/// The path is for locks only. A file with content that is no record is refused, never overwritten.
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
        let began = options.clock.now();
        let outcome = retry(
            &*options.clock,
            &options.polling(),
            |refusal| matches!(refusal, Refusal::Busy),
            || Self::attempt(path, options),
        );
        outcome
            .map_err(|refusal| refusal.into_error(path, options.clock.now().saturating_duration_since(began)))
    }

    /// Acquires the lock if it is free; the timeout of `options` has no meaning here.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire); [`Error::Locked`] at once.
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
        let Some(file) = open_existing(path)? else { return Ok(None) };
        let entry = dir::entry_of(&file).map_err(|e| Error::io("look at", path, e))?;
        if !entry.is_regular() {
            return Err(Error::NotRegular { path: path.to_owned(), found: entry.kind().as_str() });
        }
        match read_record(&file) {
            Ok(Record::Held(owner)) if !owner.is_provably_dead() => Ok(Some(owner)),
            Ok(_) => Ok(None),
            // Where locks are mandatory, nobody reads a locked file.
            Err(_) if cfg!(windows) => Ok(None),
            Err(e) => Err(Error::io("read", path, e)),
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
    /// too late; a number that the resource does not check protects nothing. It is the time of acquisition in
    /// microseconds, or one more than the last holder's number if that is larger. So it also grows when the
    /// file was removed in between, provided that the clock was not set back.
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
        if std::process::id() != self.owner.pid {
            return Err(Error::Forked { path: self.path.clone(), opened_by: self.owner.pid });
        }
        if is_named(&self.dir, &self.name, &self.file).map_err(|e| Error::io("look at", &self.path, e))? {
            return Ok(());
        }
        Err(Error::LockReplaced { path: self.path.clone() })
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

    fn attempt(path: &Path, options: &LockOptions) -> Result<Self, Refusal> {
        let (dir, name) = dir::open_parent(&RealDisk, path)?;
        for _ in 0..OPENED_AT_MOST {
            let file = open_regular(&dir, &name)?;
            let Some(slot) = lock_here(&dir, &name, &file, path)? else { return Err(Refusal::Busy) };
            // Its last holder may have removed the file between our open and our lock; then others lock
            // another one.
            if is_named(&dir, &name, &file).map_err(|e| Error::io("look at", path, e))? {
                return Self::begin(dir, name, path, file, slot, options).map_err(Refusal::Failed);
            }
        }
        Err(Refusal::Busy)
    }

    /// Turns a kernel lock into a guard: looks who was here before, and signs.
    fn begin(
        dir: Dir,
        name: OsString,
        path: &Path,
        file: File,
        slot: Slot,
        options: &LockOptions,
    ) -> Result<Self, Error> {
        let record = read_record(&file).map_err(|e| Error::io("read", path, e))?;
        if record == Record::Foreign {
            return Err(Error::ForeignContent { path: path.to_owned() });
        }
        let owner = Owner::this_process(record.fence());
        write_record(&file, &Record::Held(owner.clone()))
            .map_err(|e| Error::io("write the owner to", path, e))?;
        slot.hold();
        let previous = if let Record::Held(previous) = record { Some(previous) } else { None };
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
        if std::process::id() != self.owner.pid {
            return Err(Error::Forked { path: self.path.clone(), opened_by: self.owner.pid });
        }
        let left = self.leave_file();
        drop(slot);
        kernel_lock::unlock(&self.file);
        left
    }

    fn leave_file(&self) -> Result<(), Error> {
        self.verify()?;
        if self.unlink_on_release {
            return self.dir.unlink(&self.name).map_err(|e| Error::io("remove", &self.path, e));
        }
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

/// Why an attempt did not get the lock.
enum Refusal {
    /// Somebody has it now.
    Busy,
    /// Waiting would not help.
    Failed(Error),
}

impl Refusal {
    fn into_error(self, path: &Path, waited: Duration) -> Error {
        match self {
            Self::Failed(error) => error,
            Self::Busy => {
                let holder = LockFile::holder(path).ok().flatten().map(Box::new);
                Error::Locked { path: path.to_owned(), holder, waited }
            }
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Takes the kernel's lock, and a place among the locks of this process; `None` if somebody else has it.
fn lock_here(dir: &Dir, name: &OsStr, file: &File, path: &Path) -> Result<Option<Slot>, Error> {
    let entry = dir::entry_of(file).map_err(|e| Error::io("look at", path, e))?;
    match held::reserve(dir.lock_key(name, &entry)) {
        Reservation::HeldHere => Err(Error::HeldHere { path: path.to_owned() }),
        Reservation::Contended => Ok(None),
        Reservation::Free(slot) => Ok(kernel_lock::try_lock(file, path)?.then_some(slot)),
    }
}

/// Whether `name` still names the open file.
pub(crate) fn is_named(dir: &Dir, name: &OsStr, file: &File) -> io::Result<bool> {
    let open = dir::entry_of(file)?;
    Ok(dir.entry(name)?.is_some_and(|named| named.id() == open.id()))
}

/// Opens or creates a lock file, and refuses what another user or another name could reach.
///
/// A FIFO, a device or a link could redirect or block us, and the record would be written into whatever it
/// is.
pub(crate) fn open_regular(dir: &Dir, name: &OsStr) -> Result<File, Error> {
    let path = dir.join(name);
    let file = dir.open_file(name, Open::OrCreate).map_err(|e| open_error(dir, name, e))?;
    let entry = dir::entry_of(&file).map_err(|e| Error::io("look at", &path, e))?;
    if !entry.is_regular() {
        return Err(Error::NotRegular { path, found: entry.kind().as_str() });
    }
    if entry.links() > 1 {
        return Err(Error::HardLinked { path, links: entry.links() });
    }
    if !dir::is_owned_by_us(&entry) {
        return Err(Error::ForeignOwner { path, uid: entry.uid() });
    }
    Ok(file)
}

/// Opens a file for reading; `None` if it, or its directory, is not there.
fn open_existing(path: &Path) -> Result<Option<File>, Error> {
    let (dir, name) = match dir::open_parent(&RealDisk, path) {
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    match dir.open_file(&name, Open::Read) {
        Ok(file) => Ok(Some(file)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(open_error(&dir, &name, e)),
    }
}

/// Says why a lock file did not open; asking again only chooses the message.
fn open_error(dir: &Dir, name: &OsStr, error: io::Error) -> Error {
    let path = dir.join(name);
    match dir.entry(name) {
        Ok(Some(found)) if found.is_symlink() => Error::Symlink { path },
        Ok(Some(found)) if !Entry::is_regular(&found) => {
            Error::NotRegular { path, found: found.kind().as_str() }
        }
        _ => Error::io("open", &path, error),
    }
}

fn read_record(mut file: &File) -> io::Result<Record> {
    use std::io::Seek;

    let mut content = Vec::new();
    file.rewind()?;
    file.take(RECORD_LIMIT).read_to_end(&mut content)?;
    Ok(Record::parse(&content))
}

/// Writes the record over the old one and cuts off what is longer, in this order: a file that is empty for a
/// moment would say "released cleanly" after a crash in that moment. The space is already there, so a full
/// disk does not matter.
fn write_record(file: &File, record: &Record) -> io::Result<()> {
    let line = record.to_line().ok_or(io::ErrorKind::InvalidData)?;
    dir::write_at_start(file, line.as_bytes())?;
    file.set_len(line.len() as u64)
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
