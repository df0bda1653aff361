//! Runs the operations of one batch in one transaction, each in isolation, and commits once.
//!
//! States of a batch, all under the turn and inside `BEGIN IMMEDIATE`:
//!
//! 1. **running**: operations are taken and run one after the other, until the budgets are used up or nothing is
//!    left. After every operation autocommit is looked at: FULL, IOERR, NOMEM, INTERRUPT, `OR ROLLBACK` and
//!    `RAISE(ROLLBACK)` end the *whole* transaction. What undoes an operation that fails is said by [`Undo`].
//! 2. **restarting**: operation *i* ended the transaction. It is failed and taken out; what ran before it is gone
//!    from the file, so everybody else, before and after it, runs again in a new transaction. If that happens a
//!    second time in the batch, each remaining operation gets a transaction of its own: the work under the turn
//!    stays proportional to the batch.
//! 3. **ending**: the schema's hook does the rest for the rows that were marked. If it fails, that does not say whose
//!    row it was: each operation gets a transaction of its own.
//! 4. **committing**: one `COMMIT` for all. A constraint that surfaces only now (a deferred foreign key) does not
//!    say whose it is: here too, each operation gets a transaction of its own.
//! 5. **done**: every operation has its reply. Nobody is told before that, and nobody is told success before
//!    `COMMIT` returned.

mod announced;
mod isolated;
mod stage;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};
use unforget_sync::{Backoff, Entry, SystemClock, retry};

use self::announced::announce;
pub(crate) use self::announced::heal;
use self::isolated::{Isolated, Kept, Net, run_isolated};
pub(crate) use self::stage::Stage;
use crate::generation::Commit;
use crate::guard::Guard;
use crate::intake::{Intake, Member};
use crate::ledger::{BatchEnd, Ledger};
use crate::op::{Op, Reply, WriteOp};
use crate::told::{Told, discard, panicked};
use crate::{Blocker, Error, Result, WriteTx, process};

/// How many batches are run with savepoints after one had to be run again for want of them. Where every batch has an
/// operation that fails, one in so many is run twice, which is less than the savepoints cost.
const CAREFUL_BATCHES: u32 = 64;

/// What a batch works with.
pub(crate) struct Bench {
    pub(crate) conn: Connection,
    pub(crate) guard: Guard,
    /// How long a batch that lost its transaction waits for the next one.
    pub(crate) patience: Duration,
    /// How many of the next batches are to be run with savepoints.
    careful: Cell<u32>,
}

impl Bench {
    pub(crate) fn new(conn: Connection, guard: Guard, patience: Duration) -> Self {
        Self { conn, guard, patience, careful: Cell::new(0) }
    }

    /// Ends the transaction if SQLite did not; says whether that could be done. A forked child leaves it to its parent.
    pub(crate) fn rollback(&self) -> bool {
        self.conn.is_autocommit() || process::check().is_err() || self.conn.execute_batch("ROLLBACK").is_ok()
    }
}

/// What undoes an operation that fails in company.
///
/// A savepoint costs every operation 0.8 µs, and makes FTS5 write its index each time. Most batches have no operation
/// that fails, so savepoints are set only if the last ones had: without, a failure undoes the whole transaction, and
/// the batch runs again with them. Nothing has to be known about the statements for that to be right, such as whether
/// `OR FAIL` or a trigger leaves half of one behind.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Undo {
    StartOver,
    Savepoints,
}

/// What became of a batch.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) told: Vec<Told>,
    pub(crate) commits: u64,
    /// Operations whose changes are in the file now.
    pub(crate) kept: usize,
    pub(crate) restarts: u64,
    /// Set when a commit failed in a way that leaves its outcome open.
    pub(crate) poisoned: bool,
}

impl Outcome {
    /// Nothing was tried.
    pub(crate) fn refused(entries: Vec<Entry<Op, Reply>>, error: &Error) -> Self {
        let refused = |Entry { op, completer }| {
            let spent = match op {
                Op::Write { run, .. } => Some(run),
                Op::Exclusive(_) => None,
            };
            Told { completer, reply: Err(error.clone()), after: Vec::new(), spent }
        };
        Self { told: entries.into_iter().map(refused).collect(), ..Self::default() }
    }

    fn tell(&mut self, member: Member, reply: Reply) {
        self.told.push(Told {
            completer: member.completer,
            reply,
            after: Vec::new(),
            spent: Some(member.run),
        });
    }

    fn tell_committed(&mut self, member: Member, kept: Kept) {
        let Kept { reply, keep, later } = kept;
        self.kept += usize::from(keep);
        let after = later.runs;
        self.told.push(Told { completer: member.completer, reply, after, spent: Some(member.run) });
    }

    fn fail_all(&mut self, members: Vec<Member>, error: &Error) {
        for member in members {
            self.tell(member, Err(error.clone()));
        }
    }
}

pub(crate) struct Batch<'a> {
    bench: &'a Bench,
    stage: Stage<'a>,
    ledger: Ledger,
    undo: Undo,
    outcome: Outcome,
}

impl<'a> Batch<'a> {
    /// Runs what `intake` hands out in the transaction that is open on the bench's connection, and ends it.
    ///
    /// A transaction that has to be begun again waits for foreign programs for as long as the bench's patience.
    pub(crate) fn run(
        bench: &'a Bench,
        stage: Stage<'a>,
        batch_end: Option<BatchEnd>,
        intake: &mut Intake<'_>,
    ) -> Outcome {
        let careful = bench.careful.get();
        let undo = if careful == 0 { Undo::StartOver } else { Undo::Savepoints };
        let ledger = Ledger::new(batch_end);
        let mut batch = Self { bench, stage, ledger, undo, outcome: Outcome::default() };
        if intake.is_for_one() {
            if let Some(member) = intake.next() {
                batch.run_alone(member);
            }
        } else {
            bench.careful.set(careful.saturating_sub(1));
            batch.drive(intake);
        }
        batch.rollback();
        batch.outcome
    }

    fn drive(&mut self, intake: &mut Intake<'_>) {
        let mut members = Vec::new();
        loop {
            match self.run_all(&mut members, intake) {
                Step::Ran(_) if members.is_empty() => return,
                Step::Ran(kept) => return self.commit(members, kept),
                Step::Ended { at, reply } => match self.start_over(members, at, reply) {
                    Some(to_be_run_again) => members = to_be_run_again,
                    None => return,
                },
            }
        }
    }

    /// Runs the members that there are, and then takes more for as long as there may be more.
    fn run_all(&mut self, members: &mut Vec<Member>, intake: &mut Intake<'_>) -> Step {
        let mut answers = Vec::with_capacity(members.len());
        loop {
            let at = answers.len();
            if at == members.len() {
                match if self.ledger.is_full() { None } else { intake.next() } {
                    Some(member) => members.push(member),
                    None => return Step::Ran(answers),
                }
            }
            let net = if self.undo == Undo::Savepoints { Net::Savepoint } else { Net::Transaction };
            match self.run_one(&mut members[at].run, net) {
                Isolated::Undisturbed(kept) => answers.push(kept),
                Isolated::Ended(reply) => {
                    // These answers belong to a transaction that is gone; their operations run again.
                    answers.into_iter().for_each(discard);
                    return Step::Ended { at, reply };
                }
            }
        }
    }

    /// After operation `at` ended the transaction: answers who is to be run again in the new one, which is open, or
    /// brings the batch to its end.
    fn start_over(&mut self, mut members: Vec<Member>, at: usize, reply: Reply) -> Option<Vec<Member>> {
        self.rollback();
        let panicked = matches!(reply, Err(Error::Panicked { .. }));
        let for_want_of_savepoints = self.undo == Undo::StartOver && !self.outcome.poisoned;
        if for_want_of_savepoints {
            self.undo = Undo::Savepoints;
            self.bench.careful.set(CAREFUL_BATCHES);
        } else {
            self.outcome.restarts += 1;
        }
        if for_want_of_savepoints && !panicked {
            // It may have failed for what a neighbour wrote, and that is not in the file yet: it is asked again.
            discard(reply);
        } else {
            let culprit = members.remove(at);
            self.outcome.tell(culprit, reply);
        }
        if self.outcome.poisoned {
            self.outcome.fail_all(members, &Error::Poisoned);
            return None;
        }
        if self.outcome.restarts > 1 {
            self.run_each_alone(members);
            return None;
        }
        match self.begin_again() {
            Ok(()) => Some(members),
            Err(error) => {
                self.outcome.fail_all(members, &error);
                None
            }
        }
    }

    fn run_one(&mut self, run: &mut WriteOp, net: Net) -> Isolated {
        let isolated = run_isolated(self.bench, &self.ledger, run, net);
        if self.bench.conn.is_busy() {
            // A statement that was forgotten while it ran pins what this connection sees, for good.
            self.outcome.poisoned = true;
            return Isolated::Ended(isolated.into_failure());
        }
        isolated
    }

    fn commit(&mut self, members: Vec<Member>, mut answers: Vec<Kept>) {
        let ended = self.end(&mut answers);
        if process::check().is_err() {
            // An operation or the end of the batch forked, and this is the child, in whose place the parent commits.
            self.outcome.poisoned = true;
            answers.into_iter().for_each(discard);
            return self.outcome.fail_all(members, &Error::Forked);
        }
        if let Err(error) = ended {
            answers.into_iter().for_each(discard);
            return self.end_failed(members, &error);
        }
        let commit = announce(&self.bench.conn, self.stage.counter());
        let moments = self.stage.moments(&commit);
        match engine_statement(&self.bench.conn, COMMIT) {
            Ok(()) => {
                self.stage.publish(&commit, moments, &mut answers);
                commit.committed();
                self.outcome.commits += 1;
                for (member, kept) in members.into_iter().zip(answers) {
                    self.outcome.tell_committed(member, kept);
                }
            }
            Err(source) => {
                answers.into_iter().for_each(discard);
                self.commit_failed(members, source, commit);
            }
        }
    }

    /// Lets the schema's hook do the rest for the rows that were marked. It runs once, when no savepoint is open.
    fn end(&mut self, answers: &mut [Kept]) -> Result<()> {
        let Some((batch_end, pending)) = self.ledger.take_pending() else {
            return Ok(());
        };
        process::check()?;
        let bench = self.bench;
        let own = Ledger::new(None);
        let tx = WriteTx::new(&bench.conn, &own);
        let ended = bench.guard.watch(|| catch_unwind(AssertUnwindSafe(|| batch_end(&tx, &pending))));
        if let Some(last) = answers.last_mut() {
            last.later.append(own.keep_operation());
        }
        if bench.conn.is_busy() {
            self.outcome.poisoned = true;
            return Err(Error::Poisoned);
        }
        ended.unwrap_or_else(|panic| Err(panicked(panic)))?;
        if bench.conn.is_autocommit() { Err(Error::Forbidden) } else { Ok(()) }
    }

    fn end_failed(&mut self, members: Vec<Member>, error: &Error) {
        self.rollback();
        if members.len() > 1 && !self.outcome.poisoned {
            self.run_each_alone(members);
        } else {
            self.outcome.fail_all(members, error);
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

    /// The transaction is its own, and what undoes it.
    fn run_alone(&mut self, mut member: Member) {
        match self.run_one(&mut member.run, Net::Transaction) {
            Isolated::Undisturbed(kept) => self.commit(vec![member], vec![kept]),
            Isolated::Ended(reply) => {
                self.rollback();
                self.outcome.tell(member, reply);
            }
        }
    }

    fn begin_again(&self) -> Result<()> {
        let since = Instant::now();
        let backoff = Backoff::default().base(Duration::from_millis(5)).cap(Duration::from_millis(100));
        let backoff = backoff.attempts(u32::MAX).deadline(self.bench.patience);
        let begun = retry(&SystemClock, &backoff, Error::is_retryable, || begin(&self.bench.conn));
        begun.map_err(|error| match error {
            Error::Busy { path, .. } => {
                Error::Busy { path, waited: since.elapsed(), blocker: Some(Blocker::Foreign) }
            }
            other => other,
        })
    }

    /// Ends the transaction, and forgets what was left to be done for it. A failing ROLLBACK leaves nothing to do: the
    /// transaction is undone when the connection closes, so the engine is declared unfit instead.
    fn rollback(&mut self) {
        self.ledger.clear();
        if !self.bench.rollback() {
            self.outcome.poisoned = true;
        }
    }
}

enum Step {
    Ran(Vec<Kept>),
    Ended { at: usize, reply: Reply },
}

pub(crate) fn begin(conn: &Connection) -> Result<()> {
    engine_statement(conn, BEGIN).map_err(Error::classify)
}

// The comments keep these out of the way of a closure's own statements in the connection's cache, where a
// statement is found again without being authorised again.
const BEGIN: &str = "BEGIN IMMEDIATE /* engine */";
const COMMIT: &str = "COMMIT /* engine */";

/// Runs a statement of the engine's own, which is compiled once.
fn engine_statement(conn: &Connection, sql: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(drop)
}
