//! A bounded queue in front of one consumer that takes everything at once.

mod consumer;
mod error;
mod state;

use std::fmt;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use crate::clock::{Clock, SystemClock};
use crate::hint::Hint;
use crate::primitive::{Arc, Condvar, Mutex, MutexGuard};
use crate::ticket::{Completer, Ticket, TicketError};

pub use self::consumer::{Consumer, Entry};
pub use self::error::SubmitError;
use self::state::{Queued, State};

/// Bounds what a queue holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most operations.
    pub ops: NonZeroUsize,
    /// The most bytes, as the queue's `weigh` counts them. An operation heavier than this is refused at once.
    pub bytes: NonZeroUsize,
}

/// What becomes of the queued operations when a queue is closed. Either way no new ones get in.
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

/// What the queue and its consumer share.
///
/// One lock, and under it no foreign code and no other lock: operations and results are weighed, dropped and
/// completed outside, threads are woken after unlocking. Everything that a wakeup is about is decided by `state`
/// alone, under the lock, so that a wakeup may come late or for nothing but is never the only trace of a change.
struct Shared<Op, R> {
    limits: Limits,
    weigh: fn(&Op) -> usize,
    state: Mutex<State<Op, R>>,
    /// Notified when something is queued while a consumer is blocked, and when the queue closes. All waiters: `Consumer::wait` takes
    /// nothing, so that one woken waiter does not stand for another.
    not_empty: Condvar,
    /// Set while there is something for the consumer to do.
    pending: Hint,
}

/// How long a submitter waits for room.
enum Patience<'a> {
    None,
    Until(&'a dyn Clock, Instant),
    Unlimited,
}

enum Refused {
    Full,
    Closed,
}

impl<Op, R> WriteQueue<Op, R> {
    /// Creates an open queue and its one consumer. `weigh` says how many bytes an operation counts for.
    pub fn new(limits: Limits, weigh: fn(&Op) -> usize) -> (Self, Consumer<Op, R>) {
        let shared = Arc::new(Shared {
            limits,
            weigh,
            state: Mutex::new(State::new()),
            not_empty: Condvar::new(),
            pending: Hint::new(),
        });
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
        let mut state = shared.state.lock();
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

    /// Says how many operations are queued and not yet taken.
    pub fn len(&self) -> usize {
        self.handle.shared.state.lock().len()
    }

    /// Says whether nothing is queued.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Says how many submitters stand in line for room.
    pub fn waiting(&self) -> usize {
        self.handle.shared.state.lock().waiting()
    }

    /// Says whether the queue has been closed, by anyone, or has lost its consumer.
    pub fn is_closed(&self) -> bool {
        self.handle.shared.state.lock().is_closed()
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

impl<Op, R> Shared<Op, R> {
    fn submit(&self, op: Op, patience: &Patience<'_>) -> Result<Ticket<R>, SubmitError<Op>> {
        let weight = (self.weigh)(&op);
        let limit = self.limits.bytes.get();
        if weight > limit {
            return Err(SubmitError::TooLarge { op, weight, limit });
        }
        // Allocated before the lock is taken: what is held up there is everybody.
        let (completer, ticket) = Completer::pending();
        let mut state = match self.admit(weight, patience) {
            Ok(state) => state,
            Err(Refused::Full) => return Err(SubmitError::Full(op)),
            Err(Refused::Closed) => return Err(SubmitError::Closed(op)),
        };
        if state.len() == 0 {
            self.pending.set(true);
        }
        let sequence = state.push(op, weight, completer);
        let blocked = state.wake_consumer();
        self.unlock_and_admit_next(state);
        if blocked {
            self.not_empty.notify_all();
        }
        Ok(ticket.into_ticket(sequence))
    }

    /// Returns with the lock held and room for `weight`, or says why not.
    fn admit(&self, weight: usize, patience: &Patience<'_>) -> Result<MutexGuard<'_, State<Op, R>>, Refused> {
        let state = self.state.lock();
        if state.is_closed() {
            Err(Refused::Closed)
        } else if state.waiting() == 0 && state.has_room(&self.limits, weight) {
            Ok(state)
        } else if matches!(patience, Patience::None) {
            Err(Refused::Full)
        } else {
            self.stand_in_line(state, weight, patience)
        }
    }

    /// Waits for room behind those who came before.
    ///
    /// Whoever leaves the line, for whatever reason, makes the next one its head, and that one may fit although
    /// this one did not. So nobody leaves without [`unlock_and_admit_next`](Self::unlock_and_admit_next): here, or
    /// in `submit` once the operation is queued.
    fn stand_in_line<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<Op, R>>,
        weight: usize,
        patience: &Patience<'_>,
    ) -> Result<MutexGuard<'a, State<Op, R>>, Refused> {
        let my_turn = Arc::new(Condvar::new());
        let place = state.join_line(weight, &my_turn);
        let mut timed_out = false;
        let refused = loop {
            if state.is_closed() {
                break Refused::Closed;
            }
            if state.is_head(place) && state.has_room(&self.limits, weight) {
                state.leave_line(place);
                return Ok(state);
            }
            if timed_out {
                break Refused::Full;
            }
            (state, timed_out) = match patience {
                Patience::Until(clock, deadline) => my_turn.wait_until(state, *clock, *deadline),
                Patience::None | Patience::Unlimited => (my_turn.wait(state), false),
            };
        };
        state.leave_line(place);
        self.unlock_and_admit_next(state);
        Err(refused)
    }

    /// Ends a change that may have made room, or a new head of the line.
    fn unlock_and_admit_next(&self, state: MutexGuard<'_, State<Op, R>>) {
        let admitted = state.head_with_room(&self.limits);
        drop(state);
        if let Some(turn) = admitted {
            turn.notify_one();
        }
    }

    fn close(&self, how: Close) {
        let mut state = self.state.lock();
        state.close();
        let line = state.everyone_in_line();
        let aborted = match how {
            Close::Drain => Vec::new(),
            Close::Abort => Vec::from(state.swap_queued(Vec::new().into())),
        };
        drop(state);
        self.pending.set(true);
        self.not_empty.notify_all();
        for turn in line {
            turn.notify_one();
        }
        abort(aborted);
    }
}

/// All tickets first: should an operation's destructor panic, the others are still known not to have started.
fn abort<Op, R>(queued: Vec<Queued<Op, R>>) {
    let (ops, completers): (Vec<_>, Vec<_>) =
        queued.into_iter().map(|queued| (queued.op, queued.completer)).unzip();
    for completer in completers {
        completer.resolve(Err(TicketError::Aborted));
    }
    drop(ops);
}
