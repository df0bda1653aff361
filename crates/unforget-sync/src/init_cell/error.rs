//! Why there is no value.

use std::error::Error;
use std::fmt;

use crate::primitive::Arc;

/// Says why an [`InitCell`](crate::InitCell) has no value for this caller.
///
/// # Examples
/// ```
/// use unforget_sync::{InitCell, InitError};
///
/// let cell: InitCell<u32, std::num::ParseIntError> = InitCell::new();
/// let answer = match cell.get_or_try_init(|| "seven".parse()) {
///     Ok(value) => value.to_string(),
///     Err(InitError::Failed(error)) => format!("no number: {error}"), // the same error for all who waited
///     Err(InitError::Panicked) => "ask again".to_owned(),
///     Err(InitError::Reentrant) => unreachable!("parsing does not ask this cell"),
/// };
/// assert_eq!(answer, "no number: invalid digit found in string");
/// ```
#[derive(Debug)]
pub enum InitError<E> {
    /// The initialiser returned this error. Every caller of the attempt, or of its cool-down, has the same one.
    Failed(Arc<E>),
    /// The initialiser that this caller waited for panicked. The cell is empty, so calling again tries again.
    Panicked,
    /// The initialiser asked its own cell for the value that it is making.
    Reentrant,
}

impl<E> Clone for InitError<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Failed(error) => Self::Failed(Arc::clone(error)),
            Self::Panicked => Self::Panicked,
            Self::Reentrant => Self::Reentrant,
        }
    }
}

impl<E> fmt::Display for InitError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failed(_) => "initialisation failed",
            Self::Panicked => "initialisation panicked in another thread; calling again tries again",
            Self::Reentrant => "initialisation asked for its own result",
        })
    }
}

impl<E: Error + 'static> Error for InitError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(error) => Some(&**error),
            Self::Panicked | Self::Reentrant => None,
        }
    }
}
