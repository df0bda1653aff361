//! What operations leave to be done later: rows for the end of their batch, and closures for after the commit.

use std::any::Any;
use std::cell::RefCell;
use std::mem::{self, size_of};

use crate::told::discard;
use crate::{Error, Result, WriteTx};

/// What one operation may leave: 64 MiB, as much as the queue takes of operations unless set. Counted are the
/// entries and the old texts; a closure counts as an entry, whatever it owns.
pub(crate) const LIMIT_OF_ONE: usize = 64 << 20;

/// When a batch takes no more operations: at 8 MiB, some 200,000 rows, which already take longer than other processes
/// should wait. So a ledger never holds more than this and what one operation may leave.
const LIMIT_OF_A_BATCH: usize = 8 << 20;

/// Does the rest for the rows that a batch's operations marked; see [`Schema::batch_end`](crate::Schema::batch_end).
pub type BatchEnd = fn(&WriteTx<'_>, &[Pending]) -> Result<()>;

/// Runs after an operation was committed.
pub(crate) type AfterCommit = Box<dyn FnOnce() + Send>;

/// What an operation has written, for those who keep copies.
pub(crate) type News = Box<dyn Any + Send + Sync>;

/// What an operation left for when it is committed.
#[derive(Default)]
pub(crate) struct Later {
    pub(crate) news: Vec<News>,
    pub(crate) runs: Vec<AfterCommit>,
}

impl Later {
    pub(crate) fn append(&mut self, mut other: Self) {
        self.news.append(&mut other.news);
        self.runs.append(&mut other.runs);
    }

    /// All of it is the caller's.
    fn discard(self) {
        let Self { news, runs } = self;
        news.into_iter().for_each(discard);
        runs.into_iter().for_each(discard);
    }
}

/// A row that an operation marked for the end of its batch.
///
/// Rows are handed over as they were marked, in order, also when several operations marked the same one. So the
/// first `old` of a row is what it said before the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pending {
    /// What kind of row: a name that the operations and the end of the batch agree on, such as its table.
    pub kind: &'static str,
    /// Its row id.
    pub row: i64,
    /// What it said before, for an index that has to be told what it is to forget.
    pub old: Option<Box<str>>,
}

impl Pending {
    /// Names a row that is new, or of which nobody has to know what it said.
    pub fn new(kind: &'static str, row: i64) -> Self {
        Self { kind, row, old: None }
    }

    /// Says what the row said before the operation changed or removed it.
    #[must_use]
    pub fn was(mut self, old: impl Into<Box<str>>) -> Self {
        self.old = Some(old.into());
        self
    }

    fn weight(&self) -> usize {
        size_of::<Self>() + self.old.as_ref().map_or(0, |old| old.len())
    }
}

/// Collects for one transaction. Operations write into it only through [`WriteTx`].
pub(crate) struct Ledger {
    batch_end: Option<BatchEnd>,
    left: RefCell<Left>,
}

#[derive(Default)]
struct Left {
    pending: Vec<Pending>,
    bytes: usize,
    /// Of the operation that runs: what it left for later, and where its part begins.
    later: Later,
    operation_began: (usize, usize),
}

impl Ledger {
    pub(crate) fn new(batch_end: Option<BatchEnd>) -> Self {
        Self { batch_end, left: RefCell::default() }
    }

    pub(crate) fn pend(&self, pending: Pending) -> Result<()> {
        if self.batch_end.is_none() {
            return Err(Error::NoBatchEnd);
        }
        let mut left = self.left.borrow_mut();
        left.add(pending.weight())?;
        left.pending.push(pending);
        Ok(())
    }

    pub(crate) fn after_commit(&self, run: AfterCommit) -> Result<()> {
        let mut left = self.left.borrow_mut();
        left.add(size_of::<AfterCommit>())?;
        left.later.runs.push(run);
        Ok(())
    }

    pub(crate) fn publish(&self, news: News) -> Result<()> {
        let mut left = self.left.borrow_mut();
        left.add(size_of::<News>())?;
        left.later.news.push(news);
        Ok(())
    }

    pub(crate) fn begin_operation(&self) {
        let mut left = self.left.borrow_mut();
        left.operation_began = (left.pending.len(), left.bytes);
    }

    /// Keeps the marks of the operation that ran, and hands out what it left for after the commit.
    pub(crate) fn keep_operation(&self) -> Later {
        mem::take(&mut self.left.borrow_mut().later)
    }

    /// Forgets everything that the operation that ran has left.
    pub(crate) fn undo_operation(&self) {
        let mut left = self.left.borrow_mut();
        let (marks, bytes) = left.operation_began;
        left.pending.truncate(marks);
        left.bytes = bytes;
        let later = mem::take(&mut left.later);
        drop(left);
        later.discard();
    }

    /// The transaction is gone, and with it what was to be done for it.
    pub(crate) fn clear(&self) {
        let left = mem::take(&mut *self.left.borrow_mut());
        left.later.discard();
    }

    pub(crate) fn is_full(&self) -> bool {
        self.left.borrow().bytes >= LIMIT_OF_A_BATCH
    }

    /// What is to be done at the end of the batch, if anything.
    pub(crate) fn take_pending(&self) -> Option<(BatchEnd, Vec<Pending>)> {
        let Left { pending, .. } = mem::take(&mut *self.left.borrow_mut());
        self.batch_end.filter(|_| !pending.is_empty()).map(|batch_end| (batch_end, pending))
    }
}

impl Left {
    fn add(&mut self, weight: usize) -> Result<()> {
        if self.bytes - self.operation_began.1 + weight > LIMIT_OF_ONE {
            return Err(Error::TooMuchPending { limit: LIMIT_OF_ONE });
        }
        self.bytes += weight;
        Ok(())
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").finish_non_exhaustive()
    }
}
