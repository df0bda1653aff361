//! A bounded queue in front of one consumer that takes everything at once.

mod consumer;
mod error;
mod lead;
mod shared;
mod state;

use std::fmt;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use crate::clock::{Clock, SystemClock};
use crate::primitive::Arc;
use crate::ticket::{Ticket, TicketError};

pub use self::consumer::{Consumer, Entry};
pub use self::error::SubmitError;
pub use self::lead::Lead;
use self::shared::{Patience, Shared};
use self::state::Queued;

/// Bounds what a queue holds. A queue that holds nothing cannot be written down.
///
/// # Examples
/// ```
/// use std::num::NonZeroUsize;
/// use unforget_sync::{Limits, SubmitError, WriteQueue};
///
/// let limits = Limits { ops: NonZeroUsize::MIN.saturating_add(1), bytes: NonZeroUsize::MIN.saturating_add(7) };
/// let (queue, _consumer) = WriteQueue::<&str, ()>::new(limits, |op| op.len());
/// assert!(queue.try_submit("six...").is_ok());
/// assert_eq!(queue.try_submit("three").err(), Some(SubmitError::Full("three")), "eight bytes hold six and two");
/// assert!(matches!(queue.try_submit("nine.....").err(), Some(SubmitError::TooLarge { limit: 8, .. })));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most operations.
    pub ops: NonZeroUsize,
    /// The most bytes, as the queue's `weigh` counts them. An operation heavier than this is refused at once.
    pub bytes: NonZeroUsize,
}

/// What becomes of the queued operations when a queue is closed. Either way no new ones get in.
///
/// To drain for a limited time, see [`WriteQueue::drain_until`].
///
/// # Examples
/// ```
/// # use std::num::NonZeroUsize;
/// use unforget_sync::{Close, Limits, SubmitError, TicketError, WriteQueue};
///
/// # let limits = Limits { ops: NonZeroUsize::MAX, bytes: NonZeroUsize::MAX };
/// let (queue, mut consumer) = WriteQueue::<u8, ()>::new(limits, |_| 1);
/// let ticket = queue.submit(1).expect("open");
/// queue.close(Close::Drain);
/// assert!(consumer.wait(), "what was accepted is still to be taken");
/// assert_eq!(queue.submit(2).err(), Some(SubmitError::Closed(2)));
/// queue.close(Close::Abort);
/// assert!(!consumer.wait(), "and now it is not");
/// assert_eq!(ticket.wait(), Err(TicketError::Aborted));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    /// The consumer gets them.
    Drain,
    /// They are dropped, and their tickets resolve as [`TicketError::Aborted`].
    Abort,
}

/// Hands operations from many threads to one [`Consumer`], which takes them in batches.
///
/// **Guarantee:** an operation that was accepted reaches the consumer exactly once, or its ticket says why not.
/// Operations are taken in the order they were accepted, and those of one thread in the order it submitted them.
/// Each [`Ticket`] resolves exactly once, also when the consumer panics: what it had taken is
/// [`Abandoned`](TicketError::Abandoned), what it had not is [`Aborted`](TicketError::Aborted).
///
/// **Fairness:** submitters that wait for room stand in line and get it in order; while anyone waits, a newcomer
/// does not overtake, even if its operation would fit. **Poisoning:** none.
///
/// Dropping the last handle closes the queue with [`Close::Drain`].
///
/// Limitations: submitting from the consumer's own thread to a full queue deadlocks. `weigh` is asked once, on the
/// submitting thread, and is believed.
///
/// # Examples
/// ```
/// use std::num::NonZeroUsize;
/// use unforget_sync::{Close, Limits, WriteQueue};
///
/// let limits = Limits { ops: NonZeroUsize::MIN.saturating_add(99), bytes: NonZeroUsize::MAX };
/// let (queue, mut consumer) = WriteQueue::new(limits, |op: &String| op.len());
/// let writer = std::thread::spawn(move || {
///     while consumer.wait() {
///         for entry in consumer.take() {
///             entry.completer.complete(entry.op.len());
///         }
///     }
/// });
///
/// let ticket = queue.submit("hello".to_owned()).expect("the queue is open");
/// assert_eq!(ticket.wait(), Ok(5));
/// queue.close(Close::Drain);
/// writer.join().expect("the consumer ends when the queue is closed and empty");
/// ```
pub struct WriteQueue<Op, R> {
    handle: Arc<Handle<Op, R>>,
}

/// What all clones of a queue share, so that the last of them closes it.
struct Handle<Op, R> {
    shared: Arc<Shared<Op, R>>,
}

impl<Op, R> WriteQueue<Op, R> {
    /// Creates an open queue and its one consumer. `weigh` says how many bytes an operation counts for.
    pub fn new(limits: Limits, weigh: fn(&Op) -> usize) -> (Self, Consumer<Op, R>) {
        let shared = Arc::new(Shared::new(limits, weigh));
        let consumer = Consumer::new(Arc::clone(&shared));
        (Self { handle: Arc::new(Handle { shared }) }, consumer)
    }

    /// Queues `op`, waiting for room.
    ///
    /// # Errors
    /// [`SubmitError::TooLarge`] or [`SubmitError::Closed`]; the operation comes back.
    ///
    /// # Blocking
    /// Until everyone who came before has room and this operation too, or the queue closes.
    pub fn submit(&self, op: Op) -> Result<Ticket<R>, SubmitError<Op>> {
        self.handle.shared.submit(op, &Patience::Unlimited)
    }

    /// Queues `op` if there is room now and nobody is waiting for it.
    ///
    /// # Errors
    /// Any [`SubmitError`]; the operation comes back.
    pub fn try_submit(&self, op: Op) -> Result<Ticket<R>, SubmitError<Op>> {
        self.handle.shared.submit(op, &Patience::None)
    }

    /// Queues `op`, waiting for room until `clock` reaches `deadline`. Room that is there wins over the deadline.
    ///
    /// # Errors
    /// Any [`SubmitError`]; the operation comes back.
    ///
    /// # Blocking
    /// As [`submit`](Self::submit), at most until the deadline.
    pub fn submit_until(
        &self,
        op: Op,
        clock: &dyn Clock,
        deadline: Instant,
    ) -> Result<Ticket<R>, SubmitError<Op>> {
        self.handle.shared.submit(op, &Patience::Until(clock, deadline))
    }

    /// Queues `op`, waiting for room for at most `timeout`.
    ///
    /// # Errors
    /// Any [`SubmitError`]; the operation comes back.
    ///
    /// # Blocking
    /// As [`submit`](Self::submit), at most for `timeout`.
    pub fn submit_timeout(&self, op: Op, timeout: Duration) -> Result<Ticket<R>, SubmitError<Op>> {
        match SystemClock.now().checked_add(timeout) {
            Some(deadline) => self.submit_until(op, &SystemClock, deadline),
            None => self.submit(op),
        }
    }

    /// Takes an operation back that the consumer has not taken yet.
    ///
    /// Its ticket resolves as [`TicketError::Withdrawn`], and its room is free. `None` means that there is nothing
    /// to take back: the consumer has it, or had it, or another queue issued the ticket.
    pub fn withdraw(&self, ticket: &Ticket<R>) -> Option<Op> {
        let shared = &self.handle.shared;
        let mut state = shared.lock();
        let Queued { op, completer, .. } = state.remove(ticket)?;
        shared.unlock_and_admit_next(state);
        completer.resolve(Err(TicketError::Withdrawn));
        Some(op)
    }

    /// Closes the queue. Closing again changes nothing, except that `Abort` after `Drain` drops what is left.
    ///
    /// Submitters that wait for room get their operation back as [`SubmitError::Closed`].
    pub fn close(&self, how: Close) {
        self.handle.shared.close(how);
    }

    /// Closes the queue like [`Close::Drain`], waits until the consumer has taken everything, and aborts what it has
    /// not taken when `clock` reaches `deadline`. Returns how many operations were aborted.
    ///
    /// What was taken may still be running: its tickets tell. So may the holder of a [`Lead`]: the consumer ends after
    /// it, so whoever joins the consumer's thread has waited for both.
    ///
    /// # Blocking
    /// Until nothing is queued, at most until the deadline.
    pub fn drain_until(&self, clock: &dyn Clock, deadline: Instant) -> usize {
        self.handle.shared.drain_until(clock, deadline)
    }

    /// Sits down in the consumer's place, if the consumer is idle and nobody came before.
    ///
    /// For a caller who would wait for its operation anyway: instead of handing it over, which takes two switches of
    /// threads, it does the operation itself, with the tools of the consumer. Those are in a mutex that both lock
    /// after they got the seat; the seat sees to it that neither ever waits there.
    ///
    /// `None` is the usual answer of a busy queue, and means to [`submit`](Self::submit): the consumer works, or does
    /// not lend ([`Consumer::wait_lending`]), another caller has the seat, something is queued, or the queue is closed.
    ///
    /// **Guarantee:** nothing accepted before is left in the queue, and the consumer is done with all it took, which it
    /// says by waiting again; nothing is taken until the [`Lead`] is dropped. So what its holder does has a place in the order of the operations.
    ///
    /// # Examples
    /// ```
    /// use std::sync::{Arc, Mutex};
    /// use unforget_sync::{Close, Limits, WriteQueue};
    /// # use std::num::NonZeroUsize;
    ///
    /// let limits = Limits { ops: NonZeroUsize::MIN, bytes: NonZeroUsize::MAX };
    /// let (queue, mut consumer) = WriteQueue::<u64, u64>::new(limits, |_| 8);
    /// let total = Arc::new(Mutex::new(0));
    /// let tools = Arc::clone(&total);
    /// let add = |total: &Mutex<u64>, n| {
    ///     let mut total = total.lock().expect("not poisoned");
    ///     *total += n;
    ///     *total
    /// };
    /// let writer = std::thread::spawn(move || {
    ///     while consumer.wait_lending() {
    ///         for entry in consumer.take() {
    ///             entry.completer.complete(add(&tools, entry.op));
    ///         }
    ///     }
    /// });
    ///
    /// let sum = match queue.try_lead() {
    ///     Some(_lead) => Ok(add(&total, 5)),
    ///     None => queue.submit(5).expect("the queue is open").wait(),
    /// };
    /// assert_eq!(sum, Ok(5));
    /// queue.close(Close::Drain);
    /// writer.join().expect("the consumer ends when the queue is closed and empty");
    /// ```
    pub fn try_lead(&self) -> Option<Lead<'_, Op, R>> {
        let shared = &*self.handle.shared;
        let lent = shared.lock().lend_seat();
        lent.then(|| Lead::new(shared))
    }

    /// Says how many operations are queued and not yet taken.
    pub fn len(&self) -> usize {
        self.handle.shared.lock().len()
    }

    /// Says whether nothing is queued.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Says how many submitters stand in line for room.
    pub fn waiting(&self) -> usize {
        self.handle.shared.lock().waiting()
    }

    /// Says whether the queue has been closed, by anyone, or has lost its consumer.
    pub fn is_closed(&self) -> bool {
        self.handle.shared.lock().is_closed()
    }
}

impl<Op, R> Clone for WriteQueue<Op, R> {
    fn clone(&self) -> Self {
        Self { handle: Arc::clone(&self.handle) }
    }
}

impl<Op, R> fmt::Debug for WriteQueue<Op, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteQueue").field("limits", &self.handle.shared.limits).finish_non_exhaustive()
    }
}

impl<Op, R> Drop for Handle<Op, R> {
    fn drop(&mut self) {
        self.shared.close(Close::Drain);
    }
}
