//! A lock for busy writers: processes take turns, wait in the kernel, and nobody starves.

mod record;

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};

pub use self::record::{TurnHolder, TurnRecord};
use crate::dir::{self, Dir};
use crate::disk::{FileId, Open, RealDisk};
use crate::{Error, kernel_lock, own_file};

/// Held while one waits for the turn, so that whoever waits is next.
const QUEUE: &str = "turn.queue";
/// Held while one has the turn; its content says who has it, unless that is recorded elsewhere.
const TURN: &str = "turn.lock";

/// How often the turn is taken again when its file was replaced while we waited. Every time costs somebody
/// the removal of a file, so reaching this means that a program removes it all the time.
const REPLACED_FILES_ACCEPTED: u32 = 16;

/// Takes turns with every other process, and every other `Turnstile`, on the same directory.
///
/// One value is for one thread at a time: its locks belong to its descriptors, so a second
/// [`enter`](Self::enter) on the same value would exclude nothing, and `&mut self` forbids it. Threads that
/// share a directory each open their own and exclude each other like processes. A thread that enters a second
/// `Turnstile` on a directory whose turn it has waits for itself, for ever.
///
/// Fairness: a queue lock is held while waiting for the turn, so a process that gave the turn back stands
/// behind all that were waiting. Who is first among several that wait for the queue lock is decided by the
/// kernel, in order of arrival on Linux.
///
/// Two files in the directory, `turn.queue` and `turn.lock`, are created once and never removed.
///
/// # Examples
///
/// ```
/// use unforget_fs::Turnstile;
///
/// # let dir = tempfile::tempdir()?;
/// let mut turnstile = Turnstile::open(dir.path())?;
/// {
///     let _turn = turnstile.enter()?;
///     let holder = Turnstile::holder_of(dir.path())?.expect("we have it");
///     assert_eq!(holder.pid, std::process::id());
/// }
/// assert_eq!(Turnstile::holder_of(dir.path())?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Turnstile {
    dir: Dir,
    queue: File,
    turn: File,
    /// Which file that is: it stays the same for as long as it is open.
    turn_id: FileId,
    queue_path: PathBuf,
    turn_path: PathBuf,
    opened_by: u32,
    /// Where it is written down who has the turn and who is next; in the two files if nowhere else.
    elsewhere: Option<Box<dyn TurnRecord>>,
}

impl Turnstile {
    /// Opens the two files in `dir` and creates those that are missing.
    ///
    /// # Errors
    ///
    /// [`Error::Symlink`], [`Error::NotRegular`], [`Error::HardLinked`] or [`Error::ForeignOwner`] if
    /// something else has one of their names.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        Self::open_with(dir, None)
    }

    /// Opens it as [`open`](Self::open) does, to write down in `record` who has the turn.
    ///
    /// For who syncs another file of the same file system in every turn: a record in the two files changes them each
    /// time, and such a sync may have to wait for that as well. [`holder_of`](Self::holder_of) does not know of `record`;
    /// others with the same directory exclude this one as ever.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_recording_in(dir: &Path, record: impl TurnRecord + 'static) -> Result<Self, Error> {
        Self::open_with(dir, Some(Box::new(record)))
    }

    fn open_with(dir: &Path, elsewhere: Option<Box<dyn TurnRecord>>) -> Result<Self, Error> {
        let path = dir;
        let dir = Dir::open(path).map_err(|e| Error::io("open the directory", path, e))?;
        let (queue_path, turn_path) = (path.join(QUEUE), path.join(TURN));
        let queue = open_file(&dir, QUEUE)?;
        let (turn, turn_id) = open_turn(&dir, &turn_path)?;
        let opened_by = std::process::id();
        Ok(Self { dir, queue, turn, turn_id, queue_path, turn_path, opened_by, elsewhere })
    }

    /// Waits for the turn and takes it.
    ///
    /// # Errors
    ///
    /// [`Error::Forked`] in a child of the process that opened it; [`Error::LockReplaced`] if the files are
    /// removed again and again; [`Error::LocksUnsupported`]; [`Error::Io`].
    ///
    /// # Blocking
    ///
    /// In the kernel, for as long as others have the turn; there is no deadline. A process that dies gives up
    /// the turn, or its place in the queue, at once; one that is stopped keeps both, and everybody waits;
    /// [`holder_of`](Self::holder_of) names it.
    pub fn enter(&mut self) -> Result<Turn<'_>, Error> {
        self.refuse_fork()?;
        for _ in 0..=REPLACED_FILES_ACCEPTED {
            kernel_lock::lock(&self.queue, &self.queue_path)?;
            let taken = self.take_turn();
            kernel_lock::unlock(&self.queue);
            taken?;
            if self.keep_if_named()? {
                return Ok(Turn::begin(self));
            }
        }
        Err(Error::LockReplaced { path: self.turn_path.clone() })
    }

    /// Takes the turn if nobody has it and nobody waits for it.
    ///
    /// # Errors
    ///
    /// As [`enter`](Self::enter).
    pub fn try_enter(&mut self) -> Result<Option<Turn<'_>>, Error> {
        self.refuse_fork()?;
        for _ in 0..=REPLACED_FILES_ACCEPTED {
            if !kernel_lock::try_lock(&self.queue, &self.queue_path)? {
                return Ok(None);
            }
            let taken = kernel_lock::try_lock(&self.turn, &self.turn_path);
            kernel_lock::unlock(&self.queue);
            if !taken? {
                return Ok(None);
            }
            if self.keep_if_named()? {
                return Ok(Some(Turn::begin(self)));
            }
        }
        Err(Error::LockReplaced { path: self.turn_path.clone() })
    }

    /// Who keeps others from the turn on `dir`, by its own record; from any thread, disturbing nobody.
    ///
    /// That is who has the turn. If nobody has it, it is who is next in line and does not take it, such as a
    /// process that was stopped (SIGSTOP) while it waited.
    ///
    /// It is for people and messages, not for decisions: it is read without a lock. A process that was killed
    /// is named until the next one comes. `None` also where nothing was ever opened.
    pub fn holder_of(dir: &Path) -> Result<Option<TurnHolder>, Error> {
        if let Some(holder) = record::read(dir, TURN)? {
            return Ok(Some(holder));
        }
        let next = record::read(dir, QUEUE)?;
        Ok(next.map(|next| TurnHolder { waits: true, ..next }))
    }

    /// Takes the turn; the caller has the queue. Only who has to wait leaves a record in the queue, so that a
    /// free turn costs no more.
    fn take_turn(&self) -> Result<(), Error> {
        if kernel_lock::try_lock(&self.turn, &self.turn_path)? {
            return Ok(());
        }
        self.record_next(Some(self.ourselves(true)));
        let taken = kernel_lock::lock(&self.turn, &self.turn_path);
        self.record_next(None);
        taken
    }

    /// Keeps the turn if the locked file is still the one that others will open; otherwise opens that one.
    ///
    /// Somebody who cleans up by hand may have removed it while we waited for it. Whoever opens it next locks
    /// another file, so a lock on this one is worth nothing.
    fn keep_if_named(&mut self) -> Result<bool, Error> {
        let named = self.dir.entry(OsStr::new(TURN));
        if matches!(&named, Ok(Some(named)) if *named.id() == self.turn_id) {
            return Ok(true);
        }
        kernel_lock::unlock(&self.turn);
        named.map_err(|e| Error::io("look at", &self.turn_path, e))?;
        self.queue = open_file(&self.dir, QUEUE)?;
        (self.turn, self.turn_id) = open_turn(&self.dir, &self.turn_path)?;
        Ok(false)
    }

    /// A child of a fork shares the descriptions, and so the locks, of its parent: it would be let in beside
    /// it.
    fn refuse_fork(&self) -> Result<(), Error> {
        own_file::refuse_fork(&self.turn_path, self.opened_by)
    }

    /// Who waits or has the turn is who opened it: [`refuse_fork`](Self::refuse_fork) has seen that.
    fn ourselves(&self, waits: bool) -> TurnHolder {
        TurnHolder { pid: self.opened_by, since_ms: crate::timestamp::now_ms(), waits }
    }

    fn record_holder(&self, holder: Option<TurnHolder>) {
        match &self.elsewhere {
            Some(record) => record.set_holder(holder),
            None => record::write(&self.turn, holder),
        }
    }

    fn record_next(&self, next: Option<TurnHolder>) {
        match &self.elsewhere {
            Some(record) => record.set_next(next),
            None => record::write(&self.queue, next),
        }
    }
}

/// The turn; it ends when this is dropped.
#[derive(Debug)]
#[must_use = "the turn ends as soon as this is dropped"]
pub struct Turn<'turnstile> {
    turnstile: &'turnstile Turnstile,
}

impl<'turnstile> Turn<'turnstile> {
    fn begin(turnstile: &'turnstile Turnstile) -> Self {
        turnstile.record_holder(Some(turnstile.ourselves(false)));
        Self { turnstile }
    }
}

impl Drop for Turn<'_> {
    /// In a forked child nothing is unlocked: an unlock there would end the turn of the parent.
    fn drop(&mut self) {
        if std::process::id() == self.turnstile.opened_by {
            self.turnstile.record_holder(None);
            kernel_lock::unlock(&self.turnstile.turn);
        }
    }
}

fn open_file(dir: &Dir, name: &str) -> Result<File, Error> {
    own_file::open(&RealDisk, dir, OsStr::new(name), Open::OrCreate)
}

fn open_turn(dir: &Dir, path: &Path) -> Result<(File, FileId), Error> {
    let turn = open_file(dir, TURN)?;
    let entry = dir::entry_of(&turn).map_err(|e| Error::io("look at", path, e))?;
    Ok((turn, entry.id().clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_forked_child_neither_enters_nor_ends_the_turn_of_its_parent() {
        let root = tempfile::tempdir().unwrap();
        let mut turnstile = Turnstile::open(root.path()).unwrap();
        // What a child has: the descriptors of its parent, whose locks they share, under another process id.
        let (queue, turn) = (turnstile.queue.try_clone().unwrap(), turnstile.turn.try_clone().unwrap());
        drop(turnstile.enter().unwrap());
        let mut child = Turnstile::open(root.path()).unwrap();
        (child.queue, child.turn, child.opened_by) = (queue, turn, std::process::id() + 1);
        assert!(matches!(child.enter(), Err(Error::Forked { .. })));
        assert!(matches!(child.try_enter(), Err(Error::Forked { .. })));

        let turn = turnstile.enter().unwrap();
        drop(Turn { turnstile: &child });
        let mut other = Turnstile::open(root.path()).unwrap();
        assert!(other.try_enter().unwrap().is_none(), "the parent still has the turn");
        assert!(Turnstile::holder_of(root.path()).unwrap().is_some(), "and its record is there");
        drop(turn);
    }
}
