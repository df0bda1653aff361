//! What can be set.

use std::time::Duration;

use crate::RateLimit;

/// How long a call may take unless set.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// The longest line that is read unless set, in bytes.
pub const LINE_LIMIT: usize = 16 << 20;

/// The largest answer that is given unless set, in bytes of its text.
pub const ANSWER_LIMIT: usize = 32 << 20;

/// How long calls in flight are waited for at the end unless set.
pub const DRAIN: Duration = Duration::from_secs(10);

/// How a memory is [served](crate::serve()).
///
/// ```
/// use std::time::Duration;
/// use unforget_mcp::{RateLimit, Settings};
///
/// let settings = Settings::default().timeout(Duration::from_secs(5)).rate_limit(RateLimit::STRICT);
/// assert_eq!(settings, settings.clone());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub(crate) timeout: Duration,
    pub(crate) rate_limit: Option<RateLimit>,
    pub(crate) line_limit: usize,
    pub(crate) answer_limit: usize,
    pub(crate) drain: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeout: TIMEOUT,
            rate_limit: None,
            line_limit: LINE_LIMIT,
            answer_limit: ANSWER_LIMIT,
            drain: DRAIN,
        }
    }
}

impl Settings {
    /// Sets how long a call may take before it is answered with an error; [`TIMEOUT`] unless set.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Limits how often each tool may be called; any number of times unless set.
    #[must_use]
    pub fn rate_limit(mut self, limit: impl Into<Option<RateLimit>>) -> Self {
        self.rate_limit = limit.into();
        self
    }

    /// Sets the longest line that is read, in bytes; [`LINE_LIMIT`] unless set.
    #[must_use]
    pub fn line_limit(mut self, bytes: usize) -> Self {
        self.line_limit = bytes;
        self
    }

    /// Sets the largest answer that is given, in bytes of its text; [`ANSWER_LIMIT`] unless set.
    #[must_use]
    pub fn answer_limit(mut self, bytes: usize) -> Self {
        self.answer_limit = bytes;
        self
    }

    /// Sets how long calls in flight are waited for at the end, and the store after them; [`DRAIN`] unless set. The store
    /// is not waited for longer than five seconds.
    #[must_use]
    pub fn drain(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }
}
