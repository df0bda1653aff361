//! Moves the write-ahead log into the file, beside the commits and not in them.
//!
//! - **Every share** (`PASSIVE`, no turn): moves what no reader holds back. Writers and readers go on. While they do,
//!   there is always something new in the log, so this alone never makes it begin anew, and it grows without bound.
//! - **At the high-water mark** (`TRUNCATE`, with the turn): between two batches nothing new comes, so the rest, which
//!   is little after the first step, is moved and the log cut to nothing. SQLite's busy timeout is zero: a reader who
//!   holds the log must not hold the writers.
//! - **At one and a half times the mark** readers that come and go, one always there, may have refused every reset. The
//!   turn is then kept for a moment ([`Checkpoints::patience`]): the readers that hold back the rest end, all of it is
//!   moved, and new readers do not need the log any more. That takes as long as the longest read, which nobody knows,
//!   so every refusal doubles the patience. A reader who stays is not waited for: it shows in that nothing more could be
//!   moved than the time before. It is named ([`Wal::pinned_by`](crate::Wal::pinned_by)).

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use unforget_fs::Turnstile;

use crate::engine::{self, Shared};
use crate::wal::Answer;
use crate::{Error, HeldRead, Options, Result, file, settings};

/// Decides when the write-ahead log is moved into the file. Sizes are bytes of the log; they are minimums, reached by
/// whole batches.
///
/// ```
/// use unforget_sqlite::{Checkpoints, Options};
///
/// let options = Options::default().checkpoints(Checkpoints::default().every(1 << 20).reset_at(4 << 20));
/// assert_ne!(options, Options::default());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoints {
    pub(crate) every: u64,
    pub(crate) reset_at: u64,
    pub(crate) patience: Duration,
}

impl Default for Checkpoints {
    fn default() -> Self {
        Self { every: 16 << 20, reset_at: 48 << 20, patience: Duration::from_millis(20) }
    }
}

impl Checkpoints {
    /// Sets by how many bytes the log grows between two attempts to move it; 16 MiB unless set.
    #[must_use]
    pub fn every(mut self, bytes: u64) -> Self {
        self.every = bytes;
        self
    }

    /// Sets the length in bytes at which the log is cut to nothing when no reader is in the way; 48 MiB unless set. At
    /// one and a half times of it, writers wait for readers, for the patience at most.
    #[must_use]
    pub fn reset_at(mut self, bytes: u64) -> Self {
        self.reset_at = bytes;
        self
    }

    /// Sets how long writers wait for readers to let go of a log that is one and a half times too long; 20 ms unless
    /// set. If that is not enough, the next wait is twice as long, 16 times at most. A read that goes on from one
    /// attempt to the next is not waited for.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

/// What came of a checkpoint that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Checkpoint {
    /// Whether the log was cut to nothing: the file alone was complete at that moment.
    pub reset: bool,
    /// Pages that are in the log only, or also, after it.
    pub frames: u64,
    /// The reads of this process that were in the way, longest first. Those of other processes are not known.
    pub pinned_by: Vec<HeldRead>,
}

/// The thread that does it. Dropped, it is stopped and waited for: it takes the turn like a writer, so that may take as
/// long.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub(crate) fn start(shared: &Arc<Shared>, options: &Options) -> Result<Self> {
        let worker = Worker {
            shared: Arc::clone(shared),
            options: *options,
            tools: None,
            refusals: Refusals::default(),
        };
        let thread = thread::Builder::new()
            .name("unforget-checkpointer".to_owned())
            .spawn(|| worker.run())
            .map_err(|source| file::io("start the checkpointer of", &shared.path, source))?;
        Ok(Self { shared: Arc::clone(shared), thread: Some(thread) })
    }

    /// Waits until it has closed its connection.
    pub(crate) fn stop(&mut self) {
        self.shared.log.stop();
        if let Some(thread) = self.thread.take() {
            // It runs nobody's code, and if it did panic, the log is only longer.
            let _ended = thread.join();
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// How often what was written meanwhile is moved, before the turn is taken to move the rest: writers wait for that.
const ROUNDS: u32 = 3;

/// The patience is doubled no more often than this.
const LONGEST: u32 = 4;

struct Worker {
    shared: Arc<Shared>,
    options: Options,
    /// Opened when they are first needed: most programs write less than a share.
    tools: Option<Tools>,
    refusals: Refusals,
}

/// The resets that were refused since the last that was not.
#[derive(Debug, Clone, Copy, Default)]
struct Refusals {
    count: u32,
    /// How far the log could be moved the last time.
    moved: u64,
}

impl Refusals {
    fn next(self, answer: Answer) -> Self {
        if answer.refused { Self { count: self.count + 1, moved: answer.moved } } else { Self::default() }
    }

    /// How long to wait for readers, with the turn, when `answer` was refused.
    fn patience(self, base: Duration, answer: Answer) -> Duration {
        let same_reader = self.count == 0 || answer.moved == self.moved;
        if same_reader { Duration::ZERO } else { base * (1 << (self.count - 1).min(LONGEST)) }
    }
}

pub(crate) struct Tools {
    pub(crate) conn: Connection,
    turnstile: Turnstile,
}

impl Worker {
    fn run(mut self) {
        while let Some(asked) = self.shared.log.next() {
            let outcome = self.shorten(!asked.is_empty());
            if outcome.is_err() {
                // What is in the log is in the database; the next pass tries again.
                self.shared.log.failed();
            }
            self.shared.log.looked();
            for completer in asked {
                completer.complete(outcome.clone());
            }
        }
    }

    fn shorten(&mut self, asked: bool) -> Result<Checkpoint> {
        let (shared, refusals) = (Arc::clone(&self.shared), self.refusals);
        let base = self.options.checkpoints.patience;
        let Tools { conn, turnstile } = self.tools()?;
        let marks = shared.log.marks();
        let mut answer = checkpoint(conn, PASSIVE)?;
        shared.log.moved(answer);
        if !asked && answer.frames < marks.reset_at {
            return Ok(outcome(&shared, answer, false));
        }
        for _ in 0..ROUNDS {
            let is_pinned = answer.moved < answer.frames;
            if is_pinned || shared.log.figures().frames <= answer.moved + marks.every / 16 {
                break;
            }
            answer = checkpoint(conn, PASSIVE)?;
            shared.log.moved(answer);
        }
        let turn = turnstile.enter()?;
        let mut answer = checkpoint(conn, TRUNCATE)?;
        let patience = if asked { base } else { refusals.patience(base, answer) };
        if answer.refused && !patience.is_zero() && (asked || answer.frames >= marks.insist_at) {
            conn.busy_timeout(patience)?;
            let again = checkpoint(conn, TRUNCATE);
            conn.busy_timeout(Duration::ZERO)?;
            answer = again?;
        }
        drop(turn);
        shared.log.reset(answer);
        self.refusals = refusals.next(answer);
        Ok(outcome(&shared, answer, !answer.refused))
    }

    fn tools(&mut self) -> Result<&mut Tools> {
        if !self.shared.has_its_name() {
            self.tools = None;
            return Err(Error::Replaced { path: self.shared.path.clone() });
        }
        match &mut self.tools {
            Some(tools) => Ok(tools),
            tools => Ok(tools.insert(Tools::open(&self.shared, &self.options)?)),
        }
    }
}

impl Tools {
    pub(crate) fn open(shared: &Shared, options: &Options) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(&shared.path, flags)?;
        settings::apply_writer(&conn, options.durability, options.busy_wait())?;
        conn.busy_timeout(Duration::ZERO)?;
        Ok(Self { conn, turnstile: Turnstile::open(engine::directory(&shared.path))? })
    }
}

fn outcome(shared: &Shared, answer: Answer, reset: bool) -> Checkpoint {
    Checkpoint { reset, frames: answer.frames, pinned_by: shared.pinned_by() }
}

const PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";
const TRUNCATE: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

fn checkpoint(conn: &Connection, sql: &str) -> Result<Answer> {
    let frames = |n: i64| u64::try_from(n).unwrap_or(0);
    Ok(conn.query_row(sql, [], |row| {
        Ok(Answer {
            refused: row.get::<_, i64>(0)? != 0,
            frames: frames(row.get(1)?),
            moved: frames(row.get(2)?),
        })
    })?)
}
