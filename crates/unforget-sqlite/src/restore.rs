//! Puts a backup in the place of a database that nobody uses.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use unforget_fs::Turnstile;
use unforget_sync::{Backoff, SystemClock, retry};

use crate::backup::{Scratch, remove_side_files};
use crate::generation::{self, Counter};
use crate::{Error, Options, Result, engine, file, here, settings};

/// Copies the database in `from` over the one in `to`.
pub(crate) fn run(from: &Path, to: &Path) -> Result<()> {
    let to = file::resolve(to)?;
    let scratch = Scratch::beside(&to)?;
    copy(&scratch, from).and_then(|()| scratch.verify(from)).map_err(|error| error.at(from))?;
    Claim::new(&to)?.replace_by(scratch)
}

fn copy(scratch: &Scratch, from: &Path) -> Result<()> {
    // SQLite takes a file without content for a database without tables.
    if from.metadata().is_ok_and(|metadata| metadata.len() == 0) {
        let faults = vec!["the file is empty".to_owned()];
        return Err(Error::Unsound { path: from.to_path_buf(), faults });
    }
    let mut source = open_source(from)?;
    source.set_transaction_behavior(TransactionBehavior::Deferred);
    let snapshot = source.transaction()?;
    snapshot.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    scratch.fill(&snapshot, &mut |_| ControlFlow::Continue(()))
}

pub(crate) fn open_source(from: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(from, flags)?;
    settings::apply_reader(&source, Options::default().busy_wait())?;
    Ok(source)
}

/// A place that nobody uses, with the right to put something there.
///
/// It has the turn, so that nobody who takes turns opens what is there; and SQLite's exclusive lock on it, which is
/// granted only if no connection of any process, also of a foreign program, has it open.
pub(crate) struct Claim {
    to: PathBuf,
    turnstile: Turnstile,
    counter: Counter,
}

impl Claim {
    /// Gets ready to claim; nothing is locked yet.
    pub(crate) fn new(to: &Path) -> Result<Self> {
        if here::is_writing() {
            return Err(Error::Reentrant);
        }
        let turnstile = Turnstile::open(engine::directory(to))?;
        Ok(Self { to: to.to_path_buf(), turnstile, counter: Counter::of(to) })
    }

    /// Puts `scratch` there.
    ///
    /// What is left of the old log is removed *before* the new file has the name: its frames carry valid checksums,
    /// and SQLite would apply them to whatever database it finds beside them. A database that is sound has nothing in
    /// its log by then, because claiming it has moved everything into the file.
    pub(crate) fn replace_by(mut self, scratch: Scratch) -> Result<()> {
        let (to, counter, since) = (self.to, self.counter, Instant::now());
        let backoff = Backoff::default().base(Duration::from_millis(5)).cap(Duration::from_millis(50));
        let backoff = backoff.attempts(u32::MAX).deadline(Options::default().deadline);
        let mut scratch = Some(scratch);
        retry(&SystemClock, &backoff, Error::is_retryable, || {
            let turn = self.turnstile.try_enter()?;
            // Asked without the turn too: the writers of a database in use may never leave the turn to us.
            let _nobody_uses_it = lock_out(&to).map_err(|error| error.at(&to))?;
            if turn.is_none() {
                return Err(busy(&to, &counter, since));
            }
            let Some(scratch) = scratch.take() else { return Ok(()) };
            counter.open_existing()?;
            let commit = counter.begin();
            scratch.place(|| remove_side_files(&to))?;
            commit.nothing_is_left();
            Ok(())
        })
    }
}

fn busy(to: &Path, counter: &Counter, since: Instant) -> Error {
    let blocker = generation::blocker(counter, engine::directory(to));
    Error::Busy { path: Some(to.to_path_buf()), waited: since.elapsed(), blocker }
}

/// Takes the exclusive lock on what is at `to`, which moves its log into the file and removes it; `None` if nothing is
/// there, or nothing that SQLite can lock.
fn lock_out(to: &Path) -> Result<Option<Connection>> {
    if to.symlink_metadata().is_err() {
        return Ok(None);
    }
    match try_lock_out(to) {
        Ok(conn) => Ok(Some(conn)),
        Err(Error::Busy { .. }) => Err(Error::InUse { path: to.to_path_buf(), pids: users_of(to) }),
        // What is no database any more cannot be asked who uses it. Our own engines look, under the turn, whether
        // their file still has its name before they write.
        Err(Error::Corrupt { .. } | Error::NotADatabase { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

pub(crate) fn try_lock_out(to: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(to, flags)?;
    settings::apply_claim(&conn)?;
    conn.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    conn.execute_batch("BEGIN EXCLUSIVE")?;
    Ok(conn)
}

/// The processes that have locks on a file, as far as the system tells: for people, not for decisions.
#[cfg(target_os = "linux")]
fn users_of(file: &Path) -> Vec<u32> {
    use std::os::unix::fs::MetadataExt;
    let Ok(metadata) = file.metadata() else { return Vec::new() };
    let inode = format!(":{}", metadata.ino());
    let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    // 1: POSIX  ADVISORY  READ 4711 08:01:393228 1073741826 1073742335
    let holder = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let is_its = fields.get(1) == Some(&"POSIX") && fields.get(5).is_some_and(|at| at.ends_with(&inode));
        if is_its { fields.get(4)?.parse().ok() } else { None }
    };
    let mut pids: Vec<u32> = locks.lines().filter_map(holder).collect();
    pids.sort_unstable();
    pids.dedup();
    pids
}

#[cfg(not(target_os = "linux"))]
fn users_of(_: &Path) -> Vec<u32> {
    Vec::new()
}
