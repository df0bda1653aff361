//! Hands a batch its operations, one after the other, for as long as its budgets last.
//!
//! What was not handed out is still queued: its caller can withdraw it at its deadline and is told truthfully that it
//! was not started. So operations are taken one by one, and the clock is looked at before each: a lock that nobody
//! holds and a look at the clock are little beside a statement.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use unforget_sync::{Completer, Consumer, Entry, WriteQueue};

use crate::Error;
use crate::batch::Outcome;
use crate::generation::Counter;
use crate::op::{ExclusiveOp, Op, Reply, WriteOp};
use crate::told::{Told, panicked};

/// One operation of a batch and whom to tell.
pub(crate) struct Member {
    pub(crate) run: WriteOp,
    pub(crate) completer: Completer<Reply>,
}

/// Work that runs by itself, after the batch it was queued with.
pub(crate) struct Alone {
    run: ExclusiveOp,
    completer: Completer<Reply>,
}

/// How much one batch does before others get the turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    pub(crate) operations: usize,
    pub(crate) time: Duration,
}

/// Where operations come from.
pub(crate) enum Source<'a> {
    /// The queue, of which a batch takes no more than what is in it when the batch begins.
    Queue { consumer: &'a mut Consumer<Op, Reply>, queue: &'a WriteQueue<Op, Reply> },
    /// A caller who is alone.
    Caller(&'a mut Option<Entry<Op, Reply>>),
}

pub(crate) struct Intake<'a> {
    source: Source<'a>,
    /// The room in which an operation is handed from the queue.
    taken: Vec<Entry<Op, Reply>>,
    left: usize,
    until: Instant,
    has_begun: bool,
    alone: Option<Alone>,
}

impl<'a> Intake<'a> {
    /// Starts the clock; the transaction is open.
    pub(crate) fn begin(source: Source<'a>, budget: Budget) -> Self {
        let most = match &source {
            Source::Queue { queue, .. } => queue.len(),
            Source::Caller(_) => 1,
        };
        let left = most.min(budget.operations);
        let until = Instant::now() + budget.time;
        Self { source, taken: Vec::new(), left, until, has_begun: false, alone: None }
    }

    /// Tells whether there is one operation at most, before any was handed out.
    pub(crate) fn is_for_one(&self) -> bool {
        self.left <= 1
    }

    /// The next operation of the batch. The first is handed out whatever the clock says: every batch gets something done.
    pub(crate) fn next(&mut self) -> Option<Member> {
        let is_over =
            self.left == 0 || self.alone.is_some() || self.has_begun && Instant::now() >= self.until;
        let Entry { op, completer } = if is_over { None } else { self.take() }?;
        self.left -= 1;
        self.has_begun = true;
        match op {
            Op::Write { run, .. } => Some(Member { run, completer }),
            Op::Exclusive(run) => {
                self.alone = Some(Alone { run, completer });
                None
            }
        }
    }

    /// What was met that runs by itself; it ended the batch.
    pub(crate) fn into_alone(self) -> Option<Alone> {
        self.alone
    }

    fn take(&mut self) -> Option<Entry<Op, Reply>> {
        match &mut self.source {
            Source::Queue { consumer, .. } => consumer.take_at_most(1, &mut self.taken),
            Source::Caller(entry) => return entry.take(),
        }
        self.taken.pop()
    }
}

impl Source<'_> {
    pub(crate) fn take_all(self) -> Vec<Entry<Op, Reply>> {
        match self {
            Self::Queue { consumer, .. } => consumer.take(),
            Self::Caller(entry) => entry.take().into_iter().collect(),
        }
    }
}

impl Alone {
    /// It commits when it likes, so its whole run counts as a commit; one that fails may have left anything, and one
    /// whose disk failed leaves the outcome open.
    pub(crate) fn run(mut self, conn: &mut Connection, counter: &Counter) -> Outcome {
        let commit = counter.begin();
        let ran = catch_unwind(AssertUnwindSafe(|| (self.run)(conn))).map_err(panicked);
        if ran.as_ref().is_ok_and(|ran| ran.keep) {
            commit.undone();
        }
        let poisoned = ran.as_ref().is_ok_and(|ran| ran.disk_failed);
        let told = Told {
            completer: self.completer,
            reply: ran.map(|ran| ran.answer),
            after: Vec::new(),
            spent: None,
        };
        Outcome { told: vec![told], poisoned, ..Outcome::default() }
    }

    /// Nothing was tried.
    pub(crate) fn refused(self, error: &Error) -> Outcome {
        let Self { run, completer } = self;
        Outcome::refused(vec![Entry { op: Op::Exclusive(run), completer }], error)
    }
}
