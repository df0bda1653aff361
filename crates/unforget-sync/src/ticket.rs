//! The receipt for an operation that someone else carries out.

mod error;

use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::clock::{Clock, SystemClock};
use crate::primitive::{Arc, Condvar, Mutex, MutexGuard};
use crate::shortcut::{Hint, unshare};

pub use self::error::{TicketError, WaitError};

type Outcome<R> = Result<R, TicketError>;

/// Waits for the result of an operation: by blocking, until a deadline, or as a future of any executor.
///
/// **Guarantee:** resolved exactly once, also when whoever held the [`Completer`] panicked or lost it. Dropping a
/// ticket cancels nothing: the operation runs, and its result is dropped.
///
/// Limitations: waiting on the thread that is to complete the ticket deadlocks. A ticket that was polled and then
/// dropped keeps its waker, and with it perhaps a task, until the operation has ended.
///
/// # Examples
/// ```
/// use unforget_sync::{Ticket, TicketError};
///
/// let (ticket, completer) = Ticket::pair();
/// std::thread::spawn(move || completer.complete(42));
/// assert_eq!(ticket.wait(), Ok(42));
///
/// let (ticket, completer) = Ticket::<u32>::pair();
/// drop(completer);
/// assert_eq!(ticket.wait(), Err(TicketError::Abandoned));
/// ```
#[must_use = "a dropped ticket leaves nobody to learn the outcome"]
pub struct Ticket<R> {
    slot: Arc<Slot<R>>,
    /// The operation's place in the queue that issued this ticket.
    sequence: u64,
    /// The future has returned the outcome, so that there is nothing left to wait for.
    finished: bool,
}

/// Resolves the [`Ticket`] that it was made with.
///
/// Dropping it without [`complete`](Self::complete), also by a panic, resolves the ticket as
/// [`TicketError::Abandoned`].
///
/// # Examples
/// ```
/// use unforget_sync::Ticket;
///
/// let (ticket, completer) = Ticket::pair();
/// assert!(!ticket.is_resolved());
/// completer.complete("done");
/// assert_eq!(ticket.wait(), Ok("done"));
/// ```
#[must_use = "dropping a completer tells its ticket that the operation was abandoned"]
pub struct Completer<R> {
    /// Empty once resolved, so that the destructor knows.
    slot: Option<Arc<Slot<R>>>,
}

/// Where the two meet. Its lock is a leaf: nothing is called and no other lock is taken while it is held.
struct Slot<R> {
    state: Mutex<State<R>>,
    /// Notified once, after `state` became `Resolved`, if someone was blocked. One waiter: a ticket cannot be cloned.
    resolved: Condvar,
    /// Set once `state` is `Resolved`.
    come: Hint,
}

/// Only ever moves down this list.
enum State<R> {
    Pending(Waiting),
    Resolved(Outcome<R>),
    Taken,
}

/// Who is to be told. Both can be: a ticket that was polled may be waited for, for a while, and polled again.
#[derive(Default)]
struct Waiting {
    /// A thread waits, or has waited, for the notification. Without one it is not sent: it is a call of the kernel.
    blocked: bool,
    waker: Option<Waker>,
}

impl<R> Ticket<R> {
    /// Creates a ticket and what resolves it.
    pub fn pair() -> (Self, Completer<R>) {
        let (completer, pending) = Completer::pending();
        (pending.into_ticket(0), completer)
    }

    /// Waits for the outcome.
    ///
    /// # Blocking
    /// Until the ticket is resolved.
    ///
    /// # Panics
    /// If this ticket has already returned its outcome as a future.
    pub fn wait(self) -> Result<R, TicketError> {
        self.assert_not_finished();
        self.slot.come.wait_a_moment();
        let slot = match unshare(self.slot) {
            // The completer has let go, which it does after resolving.
            Ok(slot) => return slot.state.into_inner().into_outcome(),
            Err(shared) => shared,
        };
        let mut state = slot.state.lock();
        loop {
            if let Some(outcome) = state.take_or_block() {
                return outcome;
            }
            state = slot.resolved.wait(state);
        }
    }

    /// Waits for the outcome until `clock` reaches `deadline`. An outcome that is there wins over the deadline.
    ///
    /// # Errors
    /// [`WaitError::TimedOut`] gives the ticket back: the operation goes on, and can be waited for again.
    ///
    /// # Blocking
    /// Until the ticket is resolved, at most until the deadline.
    ///
    /// # Panics
    /// If this ticket has already returned its outcome as a future.
    pub fn wait_until(self, clock: &dyn Clock, deadline: Instant) -> Result<R, WaitError<Self>> {
        self.assert_not_finished();
        match self.outcome_until(clock, deadline) {
            Some(outcome) => outcome.map_err(WaitError::Failed),
            None => Err(WaitError::TimedOut(self)),
        }
    }

    /// Waits for the outcome for at most `timeout`.
    ///
    /// # Errors
    /// As [`wait_until`](Self::wait_until).
    ///
    /// # Blocking
    /// Until the ticket is resolved, at most for `timeout`.
    ///
    /// # Panics
    /// If this ticket has already returned its outcome as a future.
    pub fn wait_timeout(self, timeout: Duration) -> Result<R, WaitError<Self>> {
        match SystemClock.now().checked_add(timeout) {
            Some(deadline) => self.wait_until(&SystemClock, deadline),
            None => self.wait().map_err(WaitError::Failed),
        }
    }

    /// Says whether waiting would return at once.
    pub fn is_resolved(&self) -> bool {
        !matches!(*self.slot.state.lock(), State::Pending(_))
    }

    fn outcome_until(&self, clock: &dyn Clock, deadline: Instant) -> Option<Outcome<R>> {
        let mut state = self.slot.state.lock();
        let mut timed_out = false;
        loop {
            if let Some(outcome) = state.take_or_block() {
                return Some(outcome);
            }
            if timed_out {
                return None;
            }
            (state, timed_out) = self.slot.resolved.wait_until(state, clock, deadline);
        }
    }

    /// Without this, waiting on would wait for ever.
    fn assert_not_finished(&self) {
        assert!(!self.finished, "the ticket has already returned its outcome as a future");
    }

    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }
}

impl<R> Future for Ticket<R> {
    type Output = Result<R, TicketError>;

    /// # Panics
    /// If polled after it has returned its outcome.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.assert_not_finished();
        // Cloning and dropping a waker run the executor's code, so both happen outside the lock.
        let waker = context.waker().clone();
        let mut state = self.slot.state.lock();
        if let Some(outcome) = state.take() {
            drop(state);
            self.finished = true;
            return Poll::Ready(outcome);
        }
        let replaced = state.poll_with(waker);
        drop(state);
        drop(replaced);
        Poll::Pending
    }
}

impl<R> fmt::Debug for Ticket<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("is_resolved", &self.is_resolved()).finish_non_exhaustive()
    }
}

impl<R> Completer<R> {
    /// A completer and what becomes its ticket once its place in the queue is known.
    pub(crate) fn pending() -> (Self, PendingTicket<R>) {
        let state = Mutex::new(State::Pending(Waiting::default()));
        let slot = Arc::new(Slot { state, resolved: Condvar::new(), come: Hint::new() });
        (Self { slot: Some(Arc::clone(&slot)) }, PendingTicket(slot))
    }

    /// Resolves the ticket with a result.
    ///
    /// Wakes whoever waits. A waker that panics does so without consequence here: it is the caller's code, and
    /// must not take down whoever completes everybody's operations.
    ///
    /// # Panics
    /// If nobody has the ticket any more, the result is dropped here: when its destructor panics.
    pub fn complete(self, result: R) {
        self.resolve(Ok(result));
    }

    /// Resolves the ticket with a result like [`complete`](Self::complete), and leaves waking whoever waits to the
    /// returned [`Wake`]; `None` if nobody is to be woken.
    ///
    /// For a batch: a thread that waits for many tickets, woken by the first, would find the second unresolved and block
    /// again, and so on. Complete all, keep what is returned, and then drop it: everybody is woken once.
    ///
    /// # Examples
    /// ```
    /// use unforget_sync::Ticket;
    ///
    /// let (tickets, completers): (Vec<_>, Vec<_>) = (0..3).map(|_| Ticket::pair()).unzip();
    /// let consumer = std::thread::spawn(move || {
    ///     let wakes: Vec<_> = completers.into_iter().filter_map(|completer| completer.complete_quietly(7)).collect();
    ///     drop(wakes);
    /// });
    /// assert!(tickets.into_iter().all(|ticket| ticket.wait() == Ok(7)));
    /// consumer.join().expect("nothing panics");
    /// ```
    pub fn complete_quietly(mut self, result: R) -> Option<Wake<R>> {
        self.slot.take().and_then(|slot| Slot::settle(slot, Ok(result)))
    }

    pub(crate) fn resolve(mut self, outcome: Outcome<R>) {
        drop(self.slot.take().and_then(|slot| Slot::settle(slot, outcome)));
    }

    pub(crate) fn resolves(&self, ticket: &Ticket<R>) -> bool {
        self.slot.as_ref().is_some_and(|slot| Arc::ptr_eq(slot, &ticket.slot))
    }
}

impl<R> Drop for Completer<R> {
    fn drop(&mut self) {
        drop(self.slot.take().and_then(|slot| Slot::settle(slot, Err(TicketError::Abandoned))));
    }
}

impl<R> fmt::Debug for Completer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completer").finish_non_exhaustive()
    }
}

/// A ticket that nobody holds yet.
pub(crate) struct PendingTicket<R>(Arc<Slot<R>>);

impl<R> PendingTicket<R> {
    pub(crate) fn into_ticket(self, sequence: u64) -> Ticket<R> {
        Ticket { slot: self.0, sequence, finished: false }
    }
}

impl<R> Slot<R> {
    /// Resolves, and says whom to wake.
    fn settle(slot: Arc<Self>, outcome: Outcome<R>) -> Option<Wake<R>> {
        let before = replace(slot.state.lock(), State::Resolved(outcome));
        slot.come.set(true);
        match before {
            State::Pending(waiting) if waiting.blocked || waiting.waker.is_some() => {
                Some(Wake { slot, waiting })
            }
            State::Pending(_) | State::Resolved(_) | State::Taken => None,
        }
    }
}

/// Wakes whoever waits for a ticket that has been resolved, when it is dropped.
///
/// Forgetting it (`mem::forget`) leaves them waiting.
#[must_use = "dropping it is what wakes; keep it until the rest of the batch is resolved"]
pub struct Wake<R> {
    slot: Arc<Slot<R>>,
    waiting: Waiting,
}

impl<R> Drop for Wake<R> {
    fn drop(&mut self) {
        if self.waiting.blocked {
            self.slot.resolved.notify_one();
        }
        if let Some(waker) = self.waiting.waker.take() {
            let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        }
    }
}

impl<R> fmt::Debug for Wake<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wake").finish_non_exhaustive()
    }
}

/// Replaces what the lock protects and unlocks before the caller can drop what was there.
fn replace<T>(mut guard: MutexGuard<'_, T>, value: T) -> T {
    mem::replace(&mut *guard, value)
}

impl<R> State<R> {
    fn take(&mut self) -> Option<Outcome<R>> {
        match mem::replace(self, Self::Taken) {
            Self::Resolved(outcome) => Some(outcome),
            unresolved => {
                *self = unresolved;
                None
            }
        }
    }

    /// For who holds the state alone. Then it is resolved: a completer resolves before it lets go.
    fn into_outcome(self) -> Outcome<R> {
        match self {
            Self::Resolved(outcome) => outcome,
            Self::Pending(_) | Self::Taken => Err(TicketError::Abandoned),
        }
    }

    /// Whoever gets `None` is notified once there is an outcome, if it lets go of the lock only by waiting.
    fn take_or_block(&mut self) -> Option<Outcome<R>> {
        let outcome = self.take();
        if let Self::Pending(waiting) = self {
            waiting.blocked = true;
        }
        outcome
    }

    /// Has `waker` woken once there is an outcome, and returns the one that it replaces.
    fn poll_with(&mut self, waker: Waker) -> Option<Waker> {
        match self {
            Self::Pending(waiting) => waiting.waker.replace(waker),
            Self::Resolved(_) | Self::Taken => Some(waker),
        }
    }
}
