//! Why a value was not accepted, and why a flush did not succeed.

use std::error::Error;
use std::fmt;

/// Says why a value was not accepted, and gives it back with its key.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use unforget_sync::{Coalescer, PutError, SystemClock, Window};
///
/// let (saves, _deliverer) = Coalescer::new(Window::default(), Arc::new(SystemClock));
/// saves.close();
/// let error = saves.put("letter", 1).expect_err("it is closed");
/// assert_eq!(error, PutError::Closed("letter", 1));
/// assert_eq!(error.into_pair(), ("letter", 1));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub enum PutError<K, V> {
    /// There was no room for another key, now or by the deadline.
    Full(K, V),
    /// The coalescer is closed, or its deliverer is gone.
    Closed(K, V),
}

impl<K, V> PutError<K, V> {
    /// Returns the key and the value.
    pub fn into_pair(self) -> (K, V) {
        match self {
            Self::Full(key, value) | Self::Closed(key, value) => (key, value),
        }
    }
}

/// Names the variant and leaves the rest out, so that any key and any value will do.
impl<K, V> fmt::Debug for PutError<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(..) => "Full(..)",
            Self::Closed(..) => "Closed(..)",
        })
    }
}

impl<K, V> fmt::Display for PutError<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(..) => "the coalescer has no room for another key",
            Self::Closed(..) => "the coalescer is closed",
        })
    }
}

impl<K, V> Error for PutError<K, V> {}

/// Says why a flush returned before everything was delivered.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use unforget_sync::{Coalescer, FlushError, SystemClock, Window};
///
/// let (saves, deliverer) = Coalescer::new(Window::default(), Arc::new(SystemClock));
/// saves.put("letter", 1).expect("open");
/// drop(deliverer);
/// assert_eq!(saves.flush(), Err(FlushError::Undelivered));
/// assert_eq!(saves.drain(), [("letter", 1)]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlushError {
    /// The deliveries had not ended by the deadline. They go on.
    TimedOut,
    /// The deliverer is gone, or values were given back instead of delivered.
    Undelivered,
}

impl fmt::Display for FlushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TimedOut => "not everything was delivered by the deadline",
            Self::Undelivered => "some values will not be delivered; draining gives them back",
        })
    }
}

impl Error for FlushError {}
