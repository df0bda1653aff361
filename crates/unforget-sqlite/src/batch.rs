//! Runs the operations of one batch in one transaction, each in isolation, and commits once.
//!
//! States of a batch, all under the turn and inside `BEGIN IMMEDIATE`:
//!
//! 1. **running**: operation *i* runs between `SAVEPOINT` and `RELEASE` (kept) or `ROLLBACK TO` (its own error or
//!    a panic). After every operation autocommit is looked at: FULL, IOERR, NOMEM, INTERRUPT, `OR ROLLBACK` and
//!    `RAISE(ROLLBACK)` end the *whole* transaction.
//! 2. **restarting**: operation *i* ended the transaction. It is failed and taken out; what ran before it is gone
//!    from the file, so everybody else, before and after it, runs again in a new transaction. If that happens a
//!    second time in the batch, each remaining operation gets a transaction of its own: the work under the turn
//!    stays proportional to the batch.
//! 3. **committing**: one `COMMIT` for all. A constraint that surfaces only now (a deferred foreign key) does not
//!    say whose it is: here too, each operation gets a transaction of its own.
//! 4. **done**: every operation has its reply. Nobody is told before that, and nobody is told success before
//!    `COMMIT` returned.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};
use unforget_sync::{Backoff, Completer, SystemClock, retry};

use crate::generation::{Commit, Counter};
use crate::guard::Guard;
use crate::op::{Reply, WriteOp};
use crate::{Blocker, Error, Result, WriteTx, process};

/// One operation of a batch and whom to tell.
pub(crate) struct Member {
    pub(crate) run: WriteOp,
    pub(crate) completer: Completer<Reply>,
}

/// A finished operation: told only after the turn has been given back.
pub(crate) struct Told {
    pub(crate) completer: Completer<Reply>,
    pub(crate) reply: Reply,
    /// The operation, to be dropped after its caller was told.
    pub(crate) spent: Option<WriteOp>,
}

impl Told {
    /// Tells the caller.
    ///
    /// What the operation captured is dropped here, and its answer too if the ticket is gone. Their destructors
    /// are the caller's code: one that panics must not take the writer with it.
    pub(crate) fn tell(self, path: &Path) {
        let Self { completer, reply, spent } = self;
        let reply = reply.map_err(|error| error.at(path));
        contain(|| completer.complete(reply));
        discard(spent);
    }
}

/// What became of a batch.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) told: Vec<Told>,
    pub(crate) commits: u64,
    pub(crate) restarts: u64,
    /// Set when a commit failed in a way that leaves its outcome open.
    pub(crate) poisoned: bool,
}

impl Outcome {
    fn tell(&mut self, member: Member, reply: Reply) {
        self.told.push(Told { completer: member.completer, reply, spent: Some(member.run) });
    }

    fn fail_all(&mut self, members: Vec<Member>, error: &Error) {
        for member in members {
            self.tell(member, Err(error.clone()));
        }
    }
}

pub(crate) struct Batch<'a> {
    conn: &'a Connection,
    guard: &'a Guard,
    counter: &'a Counter,
    patience: Duration,
    outcome: Outcome,
}

impl<'a> Batch<'a> {
    /// Runs `members` in the transaction that is open on `conn`, and ends it.
    ///
    /// A transaction that has to be begun again waits for foreign programs for as long as `patience`.
    pub(crate) fn run(
        conn: &'a Connection,
        guard: &'a Guard,
        counter: &'a Counter,
        patience: Duration,
        members: Vec<Member>,
    ) -> Outcome {
        let mut batch = Self { conn, guard, counter, patience, outcome: Outcome::default() };
        batch.drive(members);
        if !conn.is_autocommit() {
            batch.rollback();
        }
        batch.outcome
    }

    fn drive(&mut self, mut members: Vec<Member>) {
        if members.is_empty() {
            return;
        }
        let (at, reply) = match self.run_all(&mut members) {
            Step::Ran(answers) => return self.commit(members, answers),
            Step::Ended { at, reply } => (at, reply),
        };
        self.rollback();
        self.outcome.restarts += 1;
        let culprit = members.remove(at);
        self.outcome.tell(culprit, reply);
        if self.outcome.poisoned {
            return self.outcome.fail_all(members, &Error::Poisoned);
        }
        if self.outcome.restarts > 1 {
            return self.run_each_alone(members);
        }
        match self.begin_again() {
            Ok(()) => self.drive(members),
            Err(error) => self.outcome.fail_all(members, &error),
        }
    }

    fn run_all(&mut self, members: &mut [Member]) -> Step {
        let mut answers = Vec::with_capacity(members.len());
        for (at, member) in members.iter_mut().enumerate() {
            match self.run_one(&mut member.run) {
                Isolated::Undisturbed(reply) => answers.push(reply),
                Isolated::Ended(reply) => {
                    // These answers belong to a transaction that is gone; their operations run again.
                    answers.into_iter().for_each(discard);
                    return Step::Ended { at, reply };
                }
            }
        }
        Step::Ran(answers)
    }

    fn run_one(&mut self, run: &mut WriteOp) -> Isolated {
        let conn = self.conn;
        if let Err(source) = savepoint(conn, SAVEPOINT) {
            return Isolated::Ended(Err(source));
        }
        let ran = self.guard.watch(|| catch_unwind(AssertUnwindSafe(|| run(&WriteTx::new(conn)))));
        let (keep, reply) = match ran {
            Ok(ran) => (ran.keep, Ok(ran.answer)),
            Err(panic) => (false, Err(panicked(panic))),
        };
        if conn.is_busy() {
            // A statement that was forgotten while it ran pins what this connection sees, for good.
            self.outcome.poisoned = true;
        }
        if self.outcome.poisoned || conn.is_autocommit() {
            if !keep {
                return Isolated::Ended(reply);
            }
            // An operation that answers success though its transaction is gone has swallowed the failure.
            discard(reply);
            return Isolated::Ended(Err(Error::Forbidden));
        }
        let undone = if keep { Ok(()) } else { savepoint(conn, ROLLBACK_TO) };
        match undone.and_then(|()| savepoint(conn, RELEASE)) {
            Ok(()) => Isolated::Undisturbed(reply),
            Err(error) => {
                discard(reply);
                Isolated::Ended(Err(error))
            }
        }
    }

    fn commit(&mut self, members: Vec<Member>, answers: Vec<Reply>) {
        if process::check().is_err() {
            // An operation forked, and this is the child, in whose place the parent commits.
            self.outcome.poisoned = true;
            answers.into_iter().for_each(discard);
            return self.outcome.fail_all(members, &Error::Forked);
        }
        let commit = announce(self.conn, self.counter);
        match self.conn.execute_batch("COMMIT") {
            Ok(()) => {
                commit.committed();
                self.outcome.commits += 1;
                for (member, reply) in members.into_iter().zip(answers) {
                    self.outcome.tell(member, reply);
                }
            }
            Err(source) => {
                answers.into_iter().for_each(discard);
                self.commit_failed(members, source, commit);
            }
        }
    }

    /// What is certainly not in the file ends the announced commit; anything else leaves its outcome open.
    fn commit_failed(&mut self, members: Vec<Member>, source: rusqlite::Error, commit: Commit<'_>) {
        self.rollback();
        match source.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation) if members.len() > 1 => {
                commit.undone();
                self.run_each_alone(members);
            }
            Some(ErrorCode::ConstraintViolation | ErrorCode::DiskFull | ErrorCode::DatabaseBusy) => {
                commit.undone();
                self.outcome.fail_all(members, &Error::classify(source));
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                self.outcome.poisoned = true;
                self.outcome.fail_all(members, &Error::classify(source));
            }
            _ => {
                self.outcome.poisoned = true;
                let error = Error::OutcomeUnknown { source: Some(Arc::new(source)) };
                self.outcome.fail_all(members, &error);
            }
        }
    }

    fn run_each_alone(&mut self, members: Vec<Member>) {
        for member in members {
            if self.outcome.poisoned {
                self.outcome.tell(member, Err(Error::Poisoned));
                continue;
            }
            match self.begin_again() {
                Ok(()) => self.run_alone(member),
                Err(error) => self.outcome.tell(member, Err(error)),
            }
        }
    }

    fn run_alone(&mut self, mut member: Member) {
        match self.run_one(&mut member.run) {
            Isolated::Undisturbed(reply) => self.commit(vec![member], vec![reply]),
            Isolated::Ended(reply) => {
                self.rollback();
                self.outcome.tell(member, reply);
            }
        }
    }

    fn begin_again(&self) -> Result<()> {
        let since = Instant::now();
        let backoff = Backoff::default().base(Duration::from_millis(5)).cap(Duration::from_millis(100));
        let backoff = backoff.attempts(u32::MAX).deadline(self.patience);
        retry(&SystemClock, &backoff, Error::is_retryable, || begin(self.conn)).map_err(|error| match error {
            Error::Busy { path, .. } => {
                Error::Busy { path, waited: since.elapsed(), blocker: Some(Blocker::Foreign) }
            }
            other => other,
        })
    }

    /// Ends the transaction if SQLite did not. A failing ROLLBACK leaves nothing to do: the transaction is
    /// undone when the connection closes, so the engine is declared unfit instead.
    fn rollback(&mut self) {
        if self.conn.is_autocommit() || process::check().is_err() {
            return;
        }
        if self.conn.execute_batch("ROLLBACK").is_err() {
            self.outcome.poisoned = true;
        }
    }
}

enum Step {
    Ran(Vec<Reply>),
    Ended { at: usize, reply: Reply },
}

enum Isolated {
    /// The transaction stands as the operation left it.
    Undisturbed(Reply),
    /// The whole transaction is gone, or no longer to be trusted.
    Ended(Reply),
}

// The comments keep these out of the way of a closure's own statements in the connection's cache, where a
// statement is found again without being authorised again.
const SAVEPOINT: &str = "SAVEPOINT unforget_op /* engine */";
const ROLLBACK_TO: &str = "ROLLBACK TO unforget_op /* engine */";
const RELEASE: &str = "RELEASE unforget_op /* engine */";

/// Opens, undoes or closes an operation's savepoint.
fn savepoint(conn: &Connection, sql: &str) -> Result<()> {
    conn.prepare_cached(sql)?.execute([])?;
    Ok(())
}

pub(crate) fn begin(conn: &Connection) -> Result<()> {
    conn.execute_batch("BEGIN IMMEDIATE").map_err(Error::classify)
}

/// Says to every process that the transaction of `conn` is about to be committed.
fn announce<'a>(conn: &Connection, counter: &'a Counter) -> Commit<'a> {
    counter.begin().overwriting(|| write_the_same(conn).is_ok())
}

/// Writes for certain and changes nothing: one page, with a value that it had.
fn write_the_same(conn: &Connection) -> Result<()> {
    let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(conn.pragma_update(None, "user_version", version)?)
}

/// Commits nothing new, so that the outcome of every earlier commit is known.
pub(crate) fn heal(conn: &Connection, counter: &Counter) -> Result<()> {
    begin(conn)?;
    let commit = announce(conn, counter);
    conn.execute_batch("COMMIT").map_err(Error::classify)?;
    commit.committed();
    Ok(())
}

/// Drops what a caller made, such as an answer or the payload of a panic. Its destructor is the caller's code: one
/// that panics must not take the writer with it.
fn discard<T>(made_by_a_caller: T) {
    contain(|| drop(made_by_a_caller));
}

#[expect(clippy::mem_forget, reason = "a panic whose payload may panic when dropped is not dropped")]
fn contain(runs_a_destructor: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(runs_a_destructor)) {
        std::mem::forget(panic);
    }
}

pub(crate) fn panicked(panic: Box<dyn Any + Send>) -> Error {
    let message = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    discard(panic);
    Error::Panicked { message }
}
