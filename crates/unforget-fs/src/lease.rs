//! A right to work that ends by itself when it is not renewed.

mod record;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::lock_file::{LockOptions, Locked, Mode, Owner, Record, Refusal, read_at, wait, write_line};
use crate::{Error, own_file};
use record::Written;

/// How many times a lease is renewed within its duration, if all goes well: two may be late.
const RENEWALS: u32 = 3;

/// The leadership of one process, which others may take over when it is not renewed in time.
///
/// A lease is not a lock. A [`LockFile`](crate::LockFile) excludes until its holder releases it or dies, also
/// if the holder hangs; a lease passes on after its duration whatever its holder believes. A holder that was
/// stopped for longer than that wakes up and goes on beside its successor. So a lease is for work that must go
/// on and may be done twice, or whose *resource* refuses who comes too late:
///
/// - Every holder has a [`fence`](Self::fence) number, larger than that of all before.
/// - The resource stores the largest number that it was given, and refuses smaller ones, in one step with the
///   change itself. The example does so under a lock of the resource.
/// - A number that the resource does not check protects nothing. [`verify`](Self::verify) only makes the
///   overlap rarer.
///
/// The caller renews: call [`renew`](Self::renew) every [`renewal_interval`](Self::renewal_interval), a third
/// of the duration. Nothing here starts a thread.
///
/// Clocks of different machines are never compared. Who wants the lease watches its record, and takes over when
/// by its own clock the record has not changed for the holder's duration. That takes a whole duration, so a
/// timeout shorter than it can only get a lease that is free or whose holder is
/// [provably dead](Owner::is_provably_dead).
///
/// The file is locked for the moment of each change, some microseconds for a renewal and a sync for an
/// acquisition. A process that is stopped in just that moment keeps the lease from everybody, itself included,
/// until it goes on or is ended.
///
/// # Examples
///
/// A journal that accepts entries from the newest leader only.
///
/// ```
/// use std::path::Path;
/// use std::time::Duration;
/// use unforget_fs::{Lease, LockFile, LockOptions, ReplaceOptions, replace_if};
///
/// # type AnyError = Box<dyn std::error::Error>;
/// fn append(journal: &Path, lease: &Lease, entry: &str) -> Result<(), AnyError> {
///     let guard = LockFile::acquire(&journal.with_extension("lock"), &LockOptions::default())?;
///     let old = std::fs::read_to_string(journal).unwrap_or_else(|_| "0\n".into());
///     let (newest, entries) = old.split_once('\n').ok_or("a number comes first")?;
///     if newest.parse::<u64>()? > lease.fence() {
///         return Err("somebody leads since then".into());
///     }
///     let content = format!("{}\n{entries}{entry}\n", lease.fence());
///     replace_if(journal, content.as_bytes(), &ReplaceOptions::default(), || guard.verify())?;
///     Ok(guard.release()?)
/// }
///
/// # let dir = tempfile::tempdir()?;
/// let (path, journal) = (dir.path().join("leader"), dir.path().join("journal"));
/// let options = LockOptions::default();
/// let first = Lease::acquire(&path, Duration::from_millis(20), &options)?;
/// append(&journal, &first, "from the first")?;
/// // The first one is stopped here, for longer than its lease lasts.
/// let second = Lease::acquire(&path, Duration::from_millis(20), &options)?;
/// append(&journal, &second, "from the second")?;
/// assert!(append(&journal, &first, "too late").is_err(), "its number is not the newest");
/// # Ok::<(), AnyError>(())
/// ```
#[derive(Debug)]
#[must_use = "the lease is given up as soon as this is dropped"]
pub struct Lease {
    path: PathBuf,
    written: Written,
    previous: Option<Owner>,
    options: LockOptions,
    /// When the last renewal began, so that we never believe longer than others do.
    renewed: Instant,
    is_held: bool,
}

/// A record of somebody else, and since when it is known to be the same.
#[derive(Debug)]
struct Sighting {
    nonce: String,
    renewals: u64,
    since: Instant,
}

impl Lease {
    /// Acquires the lease and waits for it up to the timeout of `options`.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] at the deadline; otherwise as [`LockFile::acquire`](crate::LockFile::acquire).
    ///
    /// # Blocking
    ///
    /// Sleeps between attempts, up to the timeout, and waits for the disk once.
    pub fn acquire(path: &Path, duration: Duration, options: &LockOptions) -> Result<Self, Error> {
        let (path, mut seen) = (absolute(path)?, None);
        wait(&path, options, || Self::attempt(&path, duration, options, &mut seen))
    }

    /// Acquires the lease if it is free or its holder is provably dead.
    ///
    /// # Errors
    ///
    /// As [`acquire`](Self::acquire); [`Error::Locked`] at once.
    pub fn try_acquire(path: &Path, duration: Duration, options: &LockOptions) -> Result<Self, Error> {
        let path = absolute(path)?;
        Self::attempt(&path, duration, options, &mut None)
            .map_err(|refusal| refusal.into_error(&path, Duration::ZERO))
    }

    /// Who has the lease by its own record, whether or not it is late; `None` if it is free or the holder is
    /// provably dead.
    ///
    /// # Errors
    ///
    /// As [`LockFile::holder`](crate::LockFile::holder).
    pub fn holder(path: &Path) -> Result<Option<Owner>, Error> {
        crate::LockFile::holder(path)
    }

    /// Takes the lease from the holder whose [nonce](Owner::nonce) was read, and from no other; says whether
    /// it had it.
    ///
    /// That holder learns of it at its next [`renew`](Self::renew) or [`verify`](Self::verify).
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] if the file is locked for longer than the timeout of `options`; [`Error::Io`].
    pub fn force_break(path: &Path, nonce: &str, options: &LockOptions) -> Result<bool, Error> {
        change(path, options, |file| match Written::read(file)? {
            Some(written) if written.owner.nonce == nonce => {
                release(file, written.owner.fence)?;
                Ok(true)
            }
            _ => Ok(false),
        })
    }

    /// Tells others that the holder is alive; the lease lasts its whole duration from now on.
    ///
    /// Also after a renewal that came too late, if nobody has taken over.
    ///
    /// # Errors
    ///
    /// [`Error::LeaseLost`] if it has passed on; [`Error::Forked`] in a child of the holder; [`Error::Locked`]
    /// if the file was locked for a third of the duration; [`Error::Io`].
    ///
    /// # Blocking
    ///
    /// Waits for others that look at the lease at the same moment, up to a third of the duration.
    pub fn renew(&mut self) -> Result<(), Error> {
        self.refuse_fork()?;
        let began = self.options.clock.now();
        // Counted also if it fails half-way: a number that others have seen says nothing new to them.
        self.written = self.written.renewed();
        let is_ours = change(&self.path, &self.brief(), |file| {
            let is_ours = Written::read(file)?.is_some_and(|written| written.owner == self.written.owner);
            if is_ours {
                write_line(file, &self.written.to_line())?;
            }
            Ok(is_ours)
        })?;
        if !is_ours {
            return Err(self.lost());
        }
        self.renewed = began;
        Ok(())
    }

    /// Checks that the lease has not run out and has not passed on.
    ///
    /// It may the moment after: see [`Lease`] for what the resource has to check.
    ///
    /// # Errors
    ///
    /// [`Error::LeaseLost`]; [`Error::Forked`] in a child of the holder; [`Error::Io`].
    pub fn verify(&self) -> Result<(), Error> {
        self.refuse_fork()?;
        let content = read_at(&self.path)?.unwrap_or_default();
        let is_ours = Written::parse(&content).is_some_and(|written| written.owner == self.written.owner);
        let elapsed = self.options.clock.now().saturating_duration_since(self.renewed);
        if is_ours && elapsed < self.written.duration() { Ok(()) } else { Err(self.lost()) }
    }

    /// A number larger than that of every holder before, durable before it is told.
    ///
    /// It is larger than the one in the file, and at least the time of acquisition in microseconds, so it grows
    /// also when somebody removed the file.
    pub fn fence(&self) -> u64 {
        self.written.owner.fence
    }

    /// How often to [`renew`](Self::renew): three times within the duration.
    pub fn renewal_interval(&self) -> Duration {
        self.written.duration() / RENEWALS
    }

    /// The holder before this one, if it did not release the lease.
    pub fn previous_unclean(&self) -> Option<&Owner> {
        self.previous.as_ref()
    }

    /// The record of this acquisition.
    pub fn owner(&self) -> &Owner {
        &self.written.owner
    }

    /// Gives the lease up. Dropping it does the same without a word.
    ///
    /// # Errors
    ///
    /// As [`renew`](Self::renew).
    pub fn release(mut self) -> Result<(), Error> {
        self.give_up()
    }

    fn attempt(
        path: &Path,
        duration: Duration,
        options: &LockOptions,
        seen: &mut Option<Sighting>,
    ) -> Result<Self, Refusal> {
        let began = options.clock.now();
        let locked = lock(path)?;
        let taken = Self::take(&locked, path, duration, seen, options.clock.now());
        locked.unlock();
        let (written, previous) = taken?;
        let options = options.clone();
        Ok(Self { path: path.to_owned(), written, previous, options, renewed: began, is_held: true })
    }

    /// Under the lock of the file: looks whether the lease is to be had, and signs.
    fn take(
        locked: &Locked,
        path: &Path,
        duration: Duration,
        seen: &mut Option<Sighting>,
        now: Instant,
    ) -> Result<(Written, Option<Owner>), Refusal> {
        let record = locked.record(path)?;
        let found = Written::read(&locked.file).map_err(|e| Error::io("read", path, e))?;
        let seems_alive = match (&found, &record) {
            (Some(found), _) if found.owner.is_provably_dead() => false,
            (Some(found), _) => !has_run_out(&found.owner.nonce, found.renewals, found.duration(), seen, now),
            // Torn by a power loss, or of a later version: who wrote it may live, and is given our own time.
            (None, Record::Unreadable) => !has_run_out("", 0, duration, seen, now),
            (None, _) => false,
        };
        if seems_alive {
            return Err(Refusal::Busy);
        }
        let written = Written::begin(Owner::this_process(record.fence()), duration);
        write_line(&locked.file, &written.to_line()).map_err(|e| Error::io("write the owner to", path, e))?;
        locked.sync(path)?;
        Ok((written, found.map(|found| found.owner)))
    }

    fn give_up(&mut self) -> Result<(), Error> {
        if !std::mem::take(&mut self.is_held) {
            return Ok(());
        }
        self.refuse_fork()?;
        if Self::force_break(&self.path, &self.written.owner.nonce, &self.brief())? {
            return Ok(());
        }
        Err(self.lost())
    }

    fn lost(&self) -> Error {
        let holder = Self::holder(&self.path).ok().flatten();
        let holder = holder.filter(|owner| *owner != self.written.owner).map(Box::new);
        Error::LeaseLost { path: self.path.clone(), holder }
    }

    /// Options that leave time for another attempt before the lease runs out.
    fn brief(&self) -> LockOptions {
        self.options.clone().timeout(self.renewal_interval())
    }

    fn refuse_fork(&self) -> Result<(), Error> {
        own_file::refuse_fork(&self.path, self.written.owner.pid)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // An error has nobody to go to; `release` is for those who want to know.
        let _ = self.give_up();
    }
}

/// Whether the record has been the same for as long as its holder asked for.
///
/// The holder counts from before it wrote, and we count from after we had the lock under which we read, so it is
/// the first to know.
fn has_run_out(
    nonce: &str,
    renewals: u64,
    duration: Duration,
    seen: &mut Option<Sighting>,
    now: Instant,
) -> bool {
    if let Some(seen) = seen
        && seen.nonce == nonce
        && seen.renewals == renewals
    {
        return now.saturating_duration_since(seen.since) >= duration;
    }
    *seen = Some(Sighting { nonce: nonce.to_owned(), renewals, since: now });
    false
}

/// A lease goes by its path, since the file may be another one at each renewal; so the path must not depend
/// on the working directory of the moment.
fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|e| Error::io("make absolute", path, e))
}

/// Locks the file of a lease for the moment of a change; other threads of this process wait like others.
fn lock(path: &Path) -> Result<Locked, Refusal> {
    match Locked::attempt(path, Mode::Exclusive) {
        Err(Refusal::Failed(Error::HeldHere { .. })) => Err(Refusal::Busy),
        outcome => outcome,
    }
}

/// Runs a change of the record under the lock of its file.
fn change<T>(
    path: &Path,
    options: &LockOptions,
    change: impl FnOnce(&File) -> std::io::Result<T>,
) -> Result<T, Error> {
    let locked = wait(path, options, || lock(path))?;
    let changed = change(&locked.file).map_err(|e| Error::io("change the lease", path, e));
    locked.unlock();
    changed
}

fn release(file: &File, fence: u64) -> std::io::Result<()> {
    crate::lock_file::write_record(file, &Record::Released { fence })
}
