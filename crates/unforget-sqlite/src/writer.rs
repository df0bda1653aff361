//! The one thread that writes.
//!
//! ```text
//! wait until something is queued ──► the turn (blocks in the kernel) ──► BEGIN IMMEDIATE ──► take the whole queue
//!        ▲                                                                                          │
//!        └──── tell everybody ◄──── give the turn back ◄──── COMMIT ◄──── run each in isolation ◄───┘
//! ```
//!
//! Nothing is taken from the queue before the transaction is open. So a caller whose deadline passes while
//! another process has the turn, or a foreign program has the file locked, withdraws its operation and knows
//! that it was not started; and the batch grows while the writer waits.

use std::cell::OnceCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use unforget_fs::Turnstile;
use unforget_sync::{Backoff, Clock, Completer, Consumer, Entry, SystemClock, WriteQueue, retry};

use crate::batch::{self, Batch, Member, Told};
use crate::engine::{self, Shared};
use crate::guard::Guard;
use crate::op::{ExclusiveOp, Op, Reply};
use crate::{Error, Options, Result, settings};

pub(crate) struct Writer {
    conn: Connection,
    guard: Guard,
    turnstile: Turnstile,
    consumer: Consumer<Op, Reply>,
    /// To look whether anybody still waits.
    queue: WriteQueue<Op, Reply>,
    shared: Arc<Shared>,
    /// How long a batch that lost its transaction waits for the next one.
    patience: Duration,
}

thread_local! {
    /// The directory whose turn the writer on this thread takes.
    static RUNS_IN: OnceCell<PathBuf> = const { OnceCell::new() };
}

/// Tells whether the current thread is the writer of some database.
///
/// An operation that wrote to its own database would wait for itself; one that wrote to another in the same
/// directory would wait for the turn it has.
pub(crate) fn runs_here() -> bool {
    RUNS_IN.with(|directory| directory.get().is_some())
}

/// Tells whether the current thread is the writer of a database in `directory`.
pub(crate) fn runs_in(directory: &Path) -> bool {
    RUNS_IN.with(|own| own.get().is_some_and(|own| own == directory))
}

/// Says that the writer has stopped, however it stopped.
struct Farewell(Arc<Shared>);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.stopped();
    }
}

impl Writer {
    /// Opens the file under the turn, on the thread that will write.
    pub(crate) fn open(
        shared: Arc<Shared>,
        options: &Options,
        (queue, consumer): (WriteQueue<Op, Reply>, Consumer<Op, Reply>),
    ) -> Result<Self> {
        let directory = engine::directory(&shared.path);
        RUNS_IN.with(|own| own.get_or_init(|| directory.to_path_buf()).clone());
        let mut turnstile = Turnstile::open(directory)?;
        let turn = turnstile.enter()?;
        let conn = open_connection(&shared, options)?;
        shared.opened();
        let guard = Guard::install(&conn)?;
        drop(turn);
        Ok(Self { conn, guard, turnstile, consumer, queue, shared, patience: options.deadline })
    }

    /// Serves the queue until it is closed and empty.
    pub(crate) fn run(mut self) {
        // Dropped last: whoever waits for the end may open the file again at once.
        let _farewell = Farewell(Arc::clone(&self.shared));
        while self.consumer.wait() {
            for told in self.serve() {
                told.tell(&self.shared.path);
            }
        }
        self.fold_log();
        drop(self);
    }

    /// Moves what is only in the write-ahead log into the file, so that the file alone is complete.
    ///
    /// SQLite does it when the last connection closes, but the last one here may be a reader, which cannot. If
    /// somebody else is busy with the file, it is theirs to do: the log is part of the database until then.
    fn fold_log(&mut self) {
        if self.shared.is_poisoned() || !self.shared.has_its_name() {
            return;
        }
        if let Ok(Some(_turn)) = self.turnstile.try_enter() {
            let _others_use_it = self
                .conn
                .busy_timeout(Duration::ZERO)
                .and_then(|()| self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())));
        }
    }

    fn serve(&mut self) -> Vec<Told> {
        if self.shared.is_poisoned() {
            return refuse(self.consumer.take(), &Error::Poisoned);
        }
        let turn = match self.turnstile.enter() {
            Ok(turn) => turn,
            Err(error) => return refuse(self.consumer.take(), &error.into()),
        };
        if !self.shared.has_its_name() {
            self.shared.poison();
            return refuse(self.consumer.take(), &Error::Replaced { path: self.shared.path.clone() });
        }
        match open_transaction(&self.conn, &self.queue, &self.shared) {
            Ok(()) => {}
            Err(Error::Busy { .. }) => return Vec::new(),
            Err(error) => return refuse(self.consumer.take(), &error),
        }
        if let Some(schema) = self.shared.schema()
            && let Err(error) = schema.check(&self.conn, &self.shared.path)
        {
            Batch::run(&self.conn, &self.guard, self.patience, Vec::new());
            return refuse(self.consumer.take(), &error);
        }
        let (members, alone) = sort(self.consumer.take());
        let outcome = Batch::run(&self.conn, &self.guard, self.patience, members);
        self.shared.count(&outcome);
        let mut told = outcome.told;
        if !alone.is_empty() {
            // What is alone may take long; what is committed is told before it.
            told.drain(..).for_each(|told| told.tell(&self.shared.path));
        }
        told.extend(alone.into_iter().map(|job| job.run(&mut self.conn)));
        drop(turn);
        told
    }
}

/// Opens the connection that writes.
///
/// Of several processes that convert a fresh file to a write-ahead log at once some fail in spite of their busy
/// timeout, hence the turn; a foreign program or the last close of another process may still be in the way, hence
/// the retry.
fn open_connection(shared: &Shared, options: &Options) -> Result<Connection> {
    let path = &shared.path;
    let backoff = Backoff::default().base(Duration::from_millis(5)).attempts(100).deadline(options.deadline);
    let met_foreign = |error: &Error| {
        let busy = error.is_retryable();
        if busy {
            shared.count_busy();
        }
        busy
    };
    let conn = retry(&SystemClock, &backoff, met_foreign, || {
        unforget_fs::ensure_file(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(path, flags)?;
        settings::apply_writer(&conn, options.durability, options.busy_wait())?;
        Ok(conn)
    })?;
    shared.got_in();
    Ok(conn)
}

/// Begins a transaction, trying again for as long as somebody waits for it.
///
/// SQLite's own busy timeout comes first. Callers withdraw their operations at their deadlines, so this ends
/// when the file is free or, with [`Error::Busy`], when nobody wants it any more.
fn open_transaction(conn: &Connection, queue: &WriteQueue<Op, Reply>, shared: &Shared) -> Result<()> {
    let backoff = Backoff::default().base(Duration::from_millis(5)).cap(Duration::from_millis(100));
    let mut delays = backoff.delays();
    loop {
        match batch::begin(conn) {
            Err(Error::Busy { .. }) if !queue.is_empty() => {
                shared.count_busy();
                SystemClock.sleep(delays.next().unwrap_or(Duration::from_millis(100)));
            }
            other => {
                shared.got_in();
                return other;
            }
        }
    }
}

/// Work that runs by itself, after the batch it was queued with.
struct Alone {
    run: ExclusiveOp,
    completer: Completer<Reply>,
}

impl Alone {
    fn run(mut self, conn: &mut Connection) -> Told {
        let reply = catch_unwind(AssertUnwindSafe(|| (self.run)(conn))).map_err(batch::panicked);
        Told { completer: self.completer, reply, spent: None }
    }
}

fn sort(entries: Vec<Entry<Op, Reply>>) -> (Vec<Member>, Vec<Alone>) {
    let mut members = Vec::with_capacity(entries.len());
    let mut alone = Vec::new();
    for Entry { op, completer } in entries {
        match op {
            Op::Write { run, .. } => members.push(Member { run, completer }),
            Op::Exclusive(run) => alone.push(Alone { run, completer }),
        }
    }
    (members, alone)
}

fn refuse(entries: Vec<Entry<Op, Reply>>, error: &Error) -> Vec<Told> {
    let refused = |Entry { op, completer }| {
        let spent = match op {
            Op::Write { run, .. } => Some(run),
            Op::Exclusive(_) => None,
        };
        Told { completer, reply: Err(error.clone()), spent }
    };
    entries.into_iter().map(refused).collect()
}
