//! A lock for busy writers: processes take turns, wait in the kernel, and nobody starves.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::dir::{self, Dir};
use crate::disk::{FileId, Open, RealDisk};
use crate::{Error, kernel_lock, own_file};

/// Held while one waits for the turn, so that whoever waits is next.
const QUEUE: &str = "turn.queue";
/// Held while one has the turn; its content says who has it.
const TURN: &str = "turn.lock";

/// The record has one size, so that one write replaces it whole: two numbers of at most 20 digits, a space, a
/// newline.
const RECORD_SIZE: usize = 42;

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
}

impl Turnstile {
    /// Opens the two files in `dir` and creates those that are missing.
    ///
    /// # Errors
    ///
    /// [`Error::Symlink`], [`Error::NotRegular`], [`Error::HardLinked`] or [`Error::ForeignOwner`] if
    /// something else has one of their names.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let path = dir;
        let dir = Dir::open(path).map_err(|e| Error::io("open the directory", path, e))?;
        let (queue_path, turn_path) = (path.join(QUEUE), path.join(TURN));
        let queue = open_file(&dir, QUEUE)?;
        let (turn, turn_id) = open_turn(&dir, &turn_path)?;
        Ok(Self { dir, queue, turn, turn_id, queue_path, turn_path, opened_by: std::process::id() })
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
        if let Some(holder) = read_record(dir, TURN)? {
            return Ok(Some(holder));
        }
        let next = read_record(dir, QUEUE)?;
        Ok(next.map(|next| TurnHolder { waits: true, ..next }))
    }

    /// Takes the turn; the caller has the queue. Only who has to wait leaves a record in the queue, so that a
    /// free turn costs no more.
    fn take_turn(&self) -> Result<(), Error> {
        if kernel_lock::try_lock(&self.turn, &self.turn_path)? {
            return Ok(());
        }
        write_record(&self.queue, &self.own_record());
        let taken = kernel_lock::lock(&self.turn, &self.turn_path);
        write_record(&self.queue, "");
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
    fn own_record(&self) -> String {
        format!("{} {}", self.opened_by, crate::timestamp::now_ms())
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
        write_record(&turnstile.turn, &turnstile.own_record());
        Self { turnstile }
    }
}

impl Drop for Turn<'_> {
    /// In a forked child nothing is unlocked: an unlock there would end the turn of the parent.
    fn drop(&mut self) {
        if std::process::id() == self.turnstile.opened_by {
            write_record(&self.turnstile.turn, "");
            kernel_lock::unlock(&self.turnstile.turn);
        }
    }
}

/// Who has the turn, or is next in line for it, by its own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TurnHolder {
    /// The process id, in the holder's own pid namespace.
    pub pid: u32,
    /// When its turn or its waiting began, in milliseconds since 1970 by its wall clock.
    pub since_ms: u64,
    /// Whether it is next in line and does not have the turn.
    pub waits: bool,
}

impl TurnHolder {
    fn parse(record: &[u8]) -> Option<Self> {
        let mut fields = std::str::from_utf8(record).ok()?.split_ascii_whitespace();
        let (pid, since_ms) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        fields.next().is_none().then_some(Self { pid, since_ms, waits: false })
    }
}

impl std::fmt::Display for TurnHolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let next = if self.waits { " (next in line)" } else { "" };
        write!(f, "process {}{next} since {}", self.pid, crate::timestamp::Utc::from_ms(self.since_ms))
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

/// Writes a record. It informs and protects nothing, so a full disk must not take the turn from us.
fn write_record(file: &File, record: &str) {
    let padded = format!("{record:<width$}\n", width = RECORD_SIZE - 1);
    let _ = dir::write_at_start(file, padded.as_bytes());
}

fn read_record(dir: &Path, name: &str) -> Result<Option<TurnHolder>, Error> {
    let path = dir.join(name);
    let opened = Dir::open(dir).and_then(|dir| dir.open_file(OsStr::new(name), Open::Read));
    let file = match opened {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io("open", &path, e)),
    };
    let mut record = Vec::with_capacity(RECORD_SIZE);
    match file.take(RECORD_SIZE as u64).read_to_end(&mut record) {
        Ok(_) => Ok(TurnHolder::parse(&record)),
        // Where locks are mandatory, nobody reads a locked file.
        Err(_) if cfg!(windows) => Ok(None),
        Err(e) => Err(Error::io("read", &path, e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_two_numbers_and_nothing_else() {
        let holder = |pid, since_ms| Some(TurnHolder { pid, since_ms, waits: false });
        assert_eq!(TurnHolder::parse(b"12 1790000000000      \n"), holder(12, 1_790_000_000_000));
        assert_eq!(TurnHolder::parse(b"                      \n"), None);
        for broken in [&b""[..], b"12", b"12 x", b"12 13 14", b"-1 5", b"\xff\xfe 5", b"99999999999 5"] {
            assert_eq!(TurnHolder::parse(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn the_largest_record_fits() {
        assert!(format!("{} {}", u32::MAX, u64::MAX).len() < RECORD_SIZE);
    }

    #[test]
    fn a_holder_is_shown_to_people() {
        let holder = TurnHolder { pid: 12, since_ms: 1_790_000_000_000, waits: false };
        assert_eq!(holder.to_string(), "process 12 since 2026-09-21 14:13:20 UTC");
    }

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
