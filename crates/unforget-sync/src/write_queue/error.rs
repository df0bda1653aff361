//! Why an operation did not get into the queue.

use std::error::Error;
use std::fmt;

/// Says why an operation was not queued, and gives it back.
///
/// # Examples
/// ```
/// # use std::num::NonZeroUsize;
/// use unforget_sync::{Limits, SubmitError, WriteQueue};
///
/// # let limits = Limits { ops: NonZeroUsize::MIN, bytes: NonZeroUsize::MAX };
/// let (queue, _consumer) = WriteQueue::<String, ()>::new(limits, String::len);
/// let _first = queue.try_submit("first".to_owned()).expect("there is room");
/// let later = match queue.try_submit("second".to_owned()) {
///     Ok(_) => unreachable!("there is room for one"),
///     Err(SubmitError::Full(op)) => op, // try again when a batch was taken
///     Err(error) => error.into_op(),
/// };
/// assert_eq!(later, "second");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub enum SubmitError<Op> {
    /// There was no room, now or by the deadline.
    Full(Op),
    /// It weighs more than the queue may ever hold, so waiting would not help.
    TooLarge {
        /// The operation.
        op: Op,
        /// What it weighs, in bytes.
        weight: usize,
        /// What the queue holds at most, in bytes.
        limit: usize,
    },
    /// The queue is closed, or its consumer is gone.
    Closed(Op),
}

impl<Op> SubmitError<Op> {
    /// Returns the operation.
    pub fn into_op(self) -> Op {
        match self {
            Self::Full(op) | Self::TooLarge { op, .. } | Self::Closed(op) => op,
        }
    }
}

/// Names the variant and leaves the operation out, so that any operation will do.
impl<Op> fmt::Debug for SubmitError<Op> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("Full(..)"),
            Self::TooLarge { weight, limit, .. } => f
                .debug_struct("TooLarge")
                .field("weight", weight)
                .field("limit", limit)
                .finish_non_exhaustive(),
            Self::Closed(_) => f.write_str("Closed(..)"),
        }
    }
}

impl<Op> fmt::Display for SubmitError<Op> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("the queue is full"),
            Self::TooLarge { weight, limit, .. } => {
                write!(f, "the operation weighs {weight} bytes, the queue holds at most {limit}")
            }
            Self::Closed(_) => f.write_str("the queue is closed"),
        }
    }
}

impl<Op> Error for SubmitError<Op> {}
