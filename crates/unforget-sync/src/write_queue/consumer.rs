//! The end of the queue that takes.

use std::collections::VecDeque;
use std::fmt;

use super::Close;
use super::shared::Shared;
use super::state::Queued;
use crate::primitive::Arc;
use crate::ticket::Completer;

/// Takes what is queued: all of it at once, or so much that the rest can still be withdrawn.
///
/// There is one per queue, so a batch is the consumer's alone. Dropping it, also by a panic, closes the queue with
/// [`Close::Abort`]: nobody is left waiting for a consumer that will not come.
///
/// # Examples
/// A consumer that uses the room of its batch again, and does a batch in one go:
/// ```
/// # use std::num::NonZeroUsize;
/// use unforget_sync::{Limits, WriteQueue};
///
/// # let limits = Limits { ops: NonZeroUsize::MAX, bytes: NonZeroUsize::MAX };
/// let (queue, mut consumer) = WriteQueue::<u64, u64>::new(limits, |_| 8);
/// let tickets = [1, 2, 3].map(|op| queue.submit(op).expect("open"));
/// drop(queue); // the last handle: what is queued is still taken
///
/// let mut batch = Vec::new();
/// while consumer.wait() {
///     consumer.take_into(&mut batch);
///     let sum = batch.iter().map(|entry| entry.op).sum();
///     for entry in batch.drain(..) {
///         entry.completer.complete(sum);
///     }
/// }
/// assert_eq!(tickets.map(|ticket| ticket.wait()), [Ok(6), Ok(6), Ok(6)]);
/// ```
pub struct Consumer<Op, R> {
    shared: Arc<Shared<Op, R>>,
    /// Empty, with the room of an earlier batch: swapped in for the next, so that the queue does not grow anew.
    spare: VecDeque<Queued<Op, R>>,
}

/// An operation taken from the queue and what tells its submitter the result: see [`Consumer`].
#[derive(Debug)]
pub struct Entry<Op, R> {
    /// The operation.
    pub op: Op,
    /// Resolves the operation's ticket; dropped, it resolves it as abandoned.
    pub completer: Completer<R>,
}

impl<Op, R> Consumer<Op, R> {
    pub(super) fn new(shared: Arc<Shared<Op, R>>) -> Self {
        Self { shared, spare: VecDeque::new() }
    }

    /// Waits until something is queued, and returns `false` once the queue is closed and empty.
    ///
    /// Takes nothing: between this and [`take`](Self::take) operations can still be withdrawn, and more can come.
    /// That is the place to wait for whatever the batch needs.
    ///
    /// # Blocking
    /// Until something is queued or the queue closes.
    pub fn wait(&self) -> bool {
        self.shared.wait_for_work(false)
    }

    /// Waits like [`wait`](Self::wait), and lends the consumer's seat meanwhile to callers who ask for it with
    /// [`WriteQueue::try_lead`](super::WriteQueue::try_lead).
    ///
    /// When it returns, the seat is the consumer's until it waits like this again.
    ///
    /// # Blocking
    /// As [`wait`](Self::wait), and as long as the seat is lent.
    pub fn wait_lending(&mut self) -> bool {
        self.shared.wait_for_work(true)
    }

    /// Lends the seat, if nothing is queued, before [`wait_lending`](Self::wait_lending) does: for what is left to be done
    /// after a batch that takes no seat, such as telling its submitters.
    ///
    /// Who is told would otherwise find the seat taken by a consumer that has yet to sit down and wait, and hand over
    /// its next operation too, and so for ever. Until the next wait nothing is to be taken and nothing to be used that
    /// belongs to the seat.
    ///
    /// ```
    /// # use std::num::NonZeroUsize;
    /// # use unforget_sync::{Limits, WriteQueue};
    /// # let limits = Limits { ops: NonZeroUsize::MIN, bytes: NonZeroUsize::MAX };
    /// let (queue, mut consumer) = WriteQueue::<char, ()>::new(limits, |_| 1);
    /// let ticket = queue.submit('a').expect("open");
    /// let batch = consumer.take();
    /// assert!(queue.try_lead().is_none(), "the consumer works");
    /// consumer.lend();
    /// for entry in batch {
    ///     entry.completer.complete(());
    /// }
    /// assert_eq!(ticket.wait(), Ok(()));
    /// assert!(queue.try_lead().is_some(), "whoever was told may lead");
    /// ```
    pub fn lend(&mut self) {
        self.shared.leave_seat();
    }

    /// Takes everything that is queued, in the order it was accepted. May be empty: see [`wait`](Self::wait).
    ///
    /// From here on the operations cannot be withdrawn, and submitters waiting for room get it.
    pub fn take(&mut self) -> Vec<Entry<Op, R>> {
        let mut batch = Vec::new();
        self.take_into(&mut batch);
        batch
    }

    /// Takes like [`take`](Self::take), and appends to `batch`, which can be used again for the next.
    pub fn take_into(&mut self, batch: &mut Vec<Entry<Op, R>>) {
        let mut taken = self.shared.take(std::mem::take(&mut self.spare));
        batch.extend(taken.drain(..).map(|Queued { op, completer, .. }| Entry { op, completer }));
        self.spare = taken;
    }

    /// Takes at most `most` operations, those accepted first, and appends them to `batch`. What is left can still be
    /// withdrawn, and holds its room.
    ///
    /// For a consumer that cannot say beforehand how many it will get done: it takes a few, looks at the clock, and
    /// takes more.
    ///
    /// ```
    /// # use std::num::NonZeroUsize;
    /// # use unforget_sync::{Limits, WriteQueue};
    /// # let limits = Limits { ops: NonZeroUsize::MAX, bytes: NonZeroUsize::MAX };
    /// let (queue, mut consumer) = WriteQueue::<char, ()>::new(limits, |_| 1);
    /// let [_first, _second, third] = ['a', 'b', 'c'].map(|op| queue.submit(op).expect("open"));
    /// let mut batch = Vec::new();
    /// consumer.take_at_most(2, &mut batch);
    /// assert_eq!(batch.iter().map(|entry| entry.op).collect::<String>(), "ab");
    /// assert_eq!(queue.withdraw(&third), Some('c'));
    /// ```
    pub fn take_at_most(&mut self, most: usize, batch: &mut Vec<Entry<Op, R>>) {
        // Before the lock is taken, and no more than is likely to come.
        batch.reserve(most.min(64));
        self.shared.take_at_most(most, |Queued { op, completer, .. }| batch.push(Entry { op, completer }));
    }
}

impl<Op, R> Drop for Consumer<Op, R> {
    fn drop(&mut self) {
        self.shared.close(Close::Abort);
    }
}

impl<Op, R> fmt::Debug for Consumer<Op, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").finish_non_exhaustive()
    }
}
