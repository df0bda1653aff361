//! Why there is no result.

use std::error::Error;
use std::fmt;

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
