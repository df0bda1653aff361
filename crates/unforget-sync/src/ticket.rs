//! The receipt for an operation that someone else carries out.

use std::error::Error;
use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::clock::{Clock, SystemClock};
use crate::primitive::{Arc, Condvar, Mutex, MutexGuard};
use crate::shortcut::{Hint, unshare};

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

    pub(crate) fn resolve(mut self, outcome: Outcome<R>) {
        if let Some(slot) = self.slot.take() {
            slot.resolve(outcome);
        }
    }

    pub(crate) fn resolves(&self, ticket: &Ticket<R>) -> bool {
        self.slot.as_ref().is_some_and(|slot| Arc::ptr_eq(slot, &ticket.slot))
    }
}

impl<R> Drop for Completer<R> {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            slot.resolve(Err(TicketError::Abandoned));
        }
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
    fn resolve(&self, outcome: Outcome<R>) {
        let before = replace(self.state.lock(), State::Resolved(outcome));
        self.come.set(true);
        if let State::Pending(waiting) = before {
            if waiting.blocked {
                self.resolved.notify_one();
            }
            if let Some(waker) = waiting.waker {
                let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
            }
        }
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

/// Says why an operation has no result, and with that whether it may be tried again.
///
/// # Examples
/// ```
/// use unforget_sync::TicketError;
///
/// /// Whether doing it again cannot do it twice.
/// fn was_never_started(error: TicketError) -> bool {
///     match error {
///         TicketError::Abandoned => false,
///         TicketError::Aborted | TicketError::Withdrawn => true,
///     }
/// }
/// assert!(was_never_started(TicketError::Aborted));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicketError {
    /// Whoever was to complete it panicked or lost it: the operation may or may not have taken effect.
    Abandoned,
    /// The queue was closed before the operation was taken: it was never started.
    Aborted,
    /// The operation was withdrawn before it was taken: it was never started.
    Withdrawn,
}

impl fmt::Display for TicketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Abandoned => "the operation was abandoned; whether it took effect is unknown",
            Self::Aborted => "the operation was not started: its queue was closed",
            Self::Withdrawn => "the operation was not started: it was withdrawn",
        })
    }
}

impl Error for TicketError {}

/// Says why a timed wait ended without a result.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use unforget_sync::{Ticket, WaitError};
///
/// let (ticket, completer) = Ticket::pair();
/// let ticket = match ticket.wait_timeout(Duration::ZERO) {
///     Err(WaitError::TimedOut(ticket)) => ticket, // it goes on: wait again, or withdraw it from its queue
///     outcome => unreachable!("nobody has completed it: {outcome:?}"),
/// };
/// completer.complete(1);
/// assert_eq!(ticket.wait(), Ok(1));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitError<T> {
    /// The deadline came first. Here is the ticket.
    TimedOut(T),
    /// The ticket was resolved without a result.
    Failed(TicketError),
}

impl<T> fmt::Display for WaitError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut(_) => f.write_str("the operation had no outcome by the deadline and goes on"),
            Self::Failed(_) => f.write_str("the operation has no result"),
        }
    }
}

impl<T: fmt::Debug> Error for WaitError<T> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::TimedOut(_) => None,
            Self::Failed(error) => Some(error),
        }
    }
}
