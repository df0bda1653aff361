//! The one thread that writes.
//!
//! ```text
//! wait until something is queued ──► the turn (blocks in the kernel) ──► BEGIN IMMEDIATE ──► take one, run it ◄─┐
//!        ▲                                                                                  │      └───────────┘
//!        └──── tell everybody ◄──── give the turn back ◄──── COMMIT ◄──── nothing left, or a budget is used up
//! ```
//!
//! Nothing is taken from the queue before the transaction is open, and no more than the budgets of a batch allow. So
//! a caller whose deadline passes while another process has the turn, a foreign program has the file locked, or many
//! operations are before its own, withdraws its operation and knows that it was not started; and the batch grows
//! while the writer waits. What is left over goes into the next batch, for which the turn is taken anew.
//!
//! A caller who is alone does not hand over: it sits down in the idle writer's seat and does the same itself ([`lead`]).

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use unforget_fs::Turnstile;
use unforget_sync::{Backoff, Clock, Consumer, Entry, SystemClock, Ticket, WriteQueue, retry};

use crate::batch::{self, Batch, Bench, Outcome, Stage};
use crate::checkpoint::{Checkpointer, keep_log};
use crate::engine::{self, Shared};
use crate::generation::{self, Counter, TurnInPage};
use crate::guard::Guard;
use crate::intake::{Alone, Budget, Intake, Source};
use crate::op::{Op, Reply};
use crate::told::Told;
use crate::{Error, Options, Result, here, process, settings};

/// How many compiled statements the writing connection keeps. A program's closures have some dozens, of some KiB each;
/// compiling one anew costs more than running it.
const CACHED_STATEMENTS: usize = 128;

pub(crate) struct Writer {
    consumer: Consumer<Op, Reply>,
    /// To look whether anybody still waits.
    queue: WriteQueue<Op, Reply>,
    shared: Arc<Shared>,
    checkpointer: Checkpointer,
}

/// What writing takes: for whoever has the consumer's seat in the queue, and nobody else.
pub(crate) struct Desk {
    pub(crate) bench: Bench,
    turnstile: Turnstile,
    budget: Budget,
    /// How long SQLite waits for a foreign program by itself.
    busy_wait: Duration,
    /// When it was last seen that the page of the counter still has its name.
    looked: Instant,
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
        here::stay(engine::directory(&shared.path));
        let desk = Desk::open(&shared, options)?;
        shared.log.follow(&desk.bench.conn, options.checkpoints)?;
        let checkpointer = Checkpointer::start(&shared, options)?;
        *shared.desk.lock() = Some(desk);
        Ok(Self { consumer, queue, shared, checkpointer })
    }

    /// Serves the queue until it is closed and empty.
    ///
    /// The seat is lent while there is one caller at a time, who would do nothing but wait: it is faster than two
    /// switches of threads. Where many write, a caller who commits alone would cost all others a commit.
    pub(crate) fn run(mut self) {
        // Dropped last: whoever waits for the end may open the file again at once.
        let _farewell = Farewell(Arc::clone(&self.shared));
        let mut one_at_a_time = true;
        while if one_at_a_time { self.consumer.wait_lending() } else { self.consumer.wait() } {
            let outcome = self.serve();
            one_at_a_time = outcome.told.len() <= 1;
            let told = publish(&self.shared, outcome);
            if one_at_a_time {
                // Before anybody is told, or a lone caller would find the seat taken and never get away from here.
                self.consumer.lend();
            }
            tell(&self.shared, told);
        }
        self.checkpointer.stop();
        let desk = self.shared.desk.lock().take();
        if let Some(mut desk) = desk {
            desk.fold_log(&self.shared);
            if self.shared.is_poisoned() {
                keep_log(&desk.bench.conn);
            }
        }
        drop(self);
    }

    fn serve(&mut self) -> Outcome {
        let Self { consumer, queue, shared, .. } = self;
        shared.log.ease();
        let mut desk = shared.desk.lock();
        let Some(desk) = desk.as_mut() else {
            return Outcome::refused(consumer.take(), &Error::Closed);
        };
        desk.look_at_the_page(shared);
        let _turn = match desk.turnstile.enter() {
            Ok(turn) => turn,
            Err(error) => return Outcome::refused(consumer.take(), &error.into()),
        };
        let opened = || open_transaction(&desk.bench.conn, queue, shared);
        let source = Source::Queue { consumer, queue };
        match transact(&desk.bench, desk.budget, shared, opened, source) {
            None => Outcome::default(),
            Some((outcome, None)) => outcome,
            Some((outcome, Some(job))) => {
                // What is alone may take long; what is committed is told before it.
                tell(shared, publish(shared, outcome));
                run_alone(job, &mut desk.bench.conn, shared)
            }
        }
    }
}

/// Runs one operation on the caller's thread, if the writer is idle, nothing is queued, and neither another process
/// nor a foreign program is in the way. Gives it back otherwise: whatever takes waiting is the writer's, from which
/// it can be withdrawn.
pub(crate) fn lead(
    shared: &Shared,
    queue: &WriteQueue<Op, Reply>,
    op: Op,
) -> std::result::Result<Ticket<Reply>, Op> {
    if shared.log.is_too_long() {
        return Err(op);
    }
    let Some(seat) = queue.try_lead() else {
        return Err(op);
    };
    let (ticket, completer) = Ticket::pair();
    let mut entry = Some(Entry { op, completer });
    let told = {
        let _here = here::enter(engine::directory(&shared.path));
        let served = shared.desk.lock().as_mut().and_then(|desk| desk.serve_at_once(shared, &mut entry));
        served.map(|outcome| publish(shared, outcome))
    };
    drop(seat);
    // What callers gave us is dropped here, when they may write again.
    tell(shared, told.unwrap_or_default());
    match entry {
        Some(Entry { op, .. }) => Err(op),
        None => Ok(ticket),
    }
}

impl Desk {
    fn open(shared: &Shared, options: &Options) -> Result<Self> {
        let record = TurnInPage::new(&shared.board);
        let mut turnstile = Turnstile::open_recording_in(engine::directory(&shared.path), record)?;
        let counter = &shared.board.counter;
        // Before the turn, so that who has it and who waits for it can be named; and again, because it may have lost
        // its name by then.
        counter.open()?;
        let turn = turnstile.enter()?;
        counter.open()?;
        let (conn, log_is_empty) = open_connection(shared, options)?;
        shared.opened();
        if log_is_empty {
            counter.nothing_is_left();
        } else if !counter.is_known() {
            // A disk that failed is not asked to move the log when this connection closes.
            heal(&conn, counter).inspect_err(|_| keep_log(&conn))?;
        }
        let guard = Guard::install(&conn)?;
        drop(turn);
        let bench = Bench::new(conn, guard, options.deadline);
        let (budget, busy_wait) = (options.budget(), options.busy_wait());
        Ok(Self { bench, turnstile, budget, busy_wait, looked: Instant::now() })
    }

    /// Moves on to another page if this one has lost its name, which costs a system call and is rare.
    fn look_at_the_page(&mut self, shared: &Shared) {
        if self.looked.elapsed() >= generation::INTERVAL {
            // Other processes treat us as a foreign program until this succeeds.
            let _tried_again = shared.board.counter.open();
            self.looked = Instant::now();
        }
    }

    /// As the writer serves, but waiting for nobody; `None` if that would have been necessary.
    fn serve_at_once(&mut self, shared: &Shared, entry: &mut Option<Entry<Op, Reply>>) -> Option<Outcome> {
        self.look_at_the_page(shared);
        let _turn = self.turnstile.try_enter().ok().flatten()?;
        let conn = &self.bench.conn;
        let begin_at_once = || {
            conn.busy_timeout(Duration::ZERO)?;
            let begun = batch::begin(conn);
            conn.busy_timeout(self.busy_wait)?;
            begun
        };
        let source = Source::Caller(entry);
        let (outcome, _no_such_op) = transact(&self.bench, self.budget, shared, begin_at_once, source)?;
        Some(outcome)
    }

    /// Moves what is only in the write-ahead log into the file, so that the file alone is complete.
    ///
    /// SQLite does it when the last connection closes, but the last one here may be a reader, which cannot. If
    /// somebody else is busy with the file, it is theirs to do: the log is part of the database until then.
    fn fold_log(&mut self, shared: &Shared) {
        if shared.is_poisoned() || !shared.has_its_name() {
            return;
        }
        if let Ok(Some(_turn)) = self.turnstile.try_enter() {
            empty_log_or_end(&self.bench.conn, shared);
        }
    }
}

/// One transaction, under the turn: looks whether it may be, opens it, takes, runs and commits. Answers whom to tell,
/// and what is to run alone; `None`, having taken nothing, when the file is in use and nobody waits for it.
fn transact(
    bench: &Bench,
    budget: Budget,
    shared: &Shared,
    open: impl FnOnce() -> Result<()>,
    source: Source<'_>,
) -> Option<(Outcome, Option<Alone>)> {
    let all_refused =
        |source: Source<'_>, error: &Error| Some((Outcome::refused(source.take_all(), error), None));
    if shared.is_poisoned() {
        return all_refused(source, &Error::Poisoned);
    }
    if !shared.has_its_name() {
        shared.poison();
        return all_refused(source, &Error::Replaced { path: shared.path.clone() });
    }
    match open() {
        Ok(()) => {}
        Err(Error::Busy { .. }) => return None,
        Err(error) => return all_refused(source, &error),
    }
    // What a killed writer left may have come to light in this transaction.
    shared.board.counter.see();
    let schema = shared.schema();
    if let Some(schema) = schema
        && let Err(error) = schema.check(&bench.conn, &shared.path)
    {
        if !bench.rollback() {
            shared.poison();
        }
        return all_refused(source, &error);
    }
    let mut intake = Intake::begin(source, budget);
    let outcome =
        Batch::run(bench, Stage::of(shared), schema.and_then(|schema| schema.at_batch_end()), &mut intake);
    shared.count(&outcome);
    if outcome.poisoned && process::check().is_ok() {
        empty_log_or_end(&bench.conn, shared);
    }
    Some((outcome, intake.into_alone()))
}

/// Runs what needs the connection for itself, unless the batch before it left the engine unfit, or in a forked child.
fn run_alone(job: Alone, conn: &mut Connection, shared: &Shared) -> Outcome {
    if shared.is_poisoned() {
        return job.refused(&Error::Poisoned);
    }
    let outcome = job.run(conn, &shared.board.counter);
    shared.log.committed();
    if outcome.poisoned {
        shared.poison();
        empty_log_or_end(conn, shared);
    }
    outcome
}

/// Runs what is to be run after a commit: before anybody is told, so that whoever is finds what was published for
/// it, and after the turn was given back, where there is nothing else to do under it.
fn publish(shared: &Shared, outcome: Outcome) -> Vec<Told> {
    let Outcome { mut told, kept, .. } = outcome;
    told.iter_mut().for_each(Told::publish);
    if kept > 0
        && let Some(observers) = shared.observers.all()
    {
        observers.tell(kept);
    }
    shared.board.announce();
    told
}

fn tell(shared: &Shared, told: Vec<Told>) {
    for told in told {
        told.tell(&shared.path);
    }
}

/// Opens the connection that writes.
///
/// Of several processes that convert a fresh file to a write-ahead log at once some fail in spite of their busy
/// timeout, hence the turn; a foreign program or the last close of another process may still be in the way, hence
/// the retry.
///
/// Answers also whether the log is empty.
fn open_connection(shared: &Shared, options: &Options) -> Result<(Connection, bool)> {
    let path = &shared.path;
    let backoff = Backoff::default().base(Duration::from_millis(5)).attempts(100).deadline(options.deadline);
    let met_foreign = |error: &Error| {
        let busy = error.is_retryable();
        if busy {
            shared.count_busy();
        }
        busy
    };
    let opened = retry(&SystemClock, &backoff, met_foreign, || {
        unforget_fs::ensure_file(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(path, flags)?;
        settings::apply_writer(&conn, options.durability, options.busy_wait())?;
        let log_is_empty = empty_log(&conn).inspect_err(|_| keep_log(&conn))?;
        conn.busy_timeout(options.busy_wait())?;
        conn.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
        Ok((conn, log_is_empty))
    })?;
    shared.got_in();
    Ok(opened)
}

/// Moves the log into the file and cuts it, as far as others do not use it, and answers whether it is empty then.
/// Leaves no busy timeout.
///
/// A sync that failed is not made good by a later one that succeeds: the system has given up on what was written
/// before it, and still shows it. So a commit whose sync failed may be found in the log by who opens the file next,
/// and be gone after a power cut, together with every commit that was appended to it since. What was moved into the
/// file was written again, and its sync counts. So the log is emptied where a commit failed, and when the file is
/// opened, before anything is appended. If others have the file open, they keep the log's index, which does not
/// know of commits that failed.
fn empty_log(conn: &Connection) -> Result<bool> {
    conn.busy_timeout(Duration::ZERO)?;
    Ok(conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| Ok(row.get::<_, i64>(0)? == 0))?)
}

/// Makes the outcome of every earlier commit known. If a foreign program is in the way, it is left to a later commit.
fn heal(conn: &Connection, counter: &Counter) -> Result<()> {
    match batch::heal(conn, counter) {
        Err(error) if error.is_retryable() => Ok(()),
        outcome => outcome,
    }
}

/// As [`empty_log`]. If it fails, whoever opens the file next does it before anything is acknowledged; if that is because
/// of the disk, with no connection left from before.
fn empty_log_or_end(conn: &Connection, shared: &Shared) {
    if empty_log(conn).is_err_and(|error| matches!(error, Error::DiskFailed { .. })) {
        shared.distrust();
    }
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
