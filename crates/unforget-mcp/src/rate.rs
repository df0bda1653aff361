//! How often each tool may be called.

use std::collections::HashMap;
use std::fmt::{self, Display};
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const MINUTE: Duration = Duration::from_mins(1);

/// A number of calls per minute, for each tool.
///
/// A tool that was not called for a minute may be called that often at once; after that, calls become possible again
/// one by one.
///
/// ```
/// use unforget_mcp::RateLimit;
///
/// assert_eq!("strict".parse(), Ok(RateLimit::STRICT));
/// assert_eq!("90/minute".parse::<RateLimit>().unwrap().to_string(), "90/minute");
/// assert!("fast".parse::<RateLimit>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    per_minute: NonZeroU32,
}

impl RateLimit {
    /// Five calls a minute.
    pub const STRICT: Self = Self { per_minute: NonZeroU32::MIN.saturating_add(4) };

    /// That many calls a minute.
    pub const fn per_minute(calls: NonZeroU32) -> Self {
        Self { per_minute: calls }
    }

    /// The time after which one more call is possible.
    fn interval(self) -> Duration {
        MINUTE / self.per_minute.get()
    }
}

impl Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/minute", self.per_minute)
    }
}

/// A text that names no rate limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no rate limit; give a number and `/minute`, as in `60/minute`, or `strict`")]
pub struct ParseRateLimitError {
    text: String,
}

impl FromStr for RateLimit {
    type Err = ParseRateLimitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "strict" {
            return Ok(Self::STRICT);
        }
        let number = text.strip_suffix("/minute").and_then(|number| number.parse().ok());
        number.map(Self::per_minute).ok_or_else(|| ParseRateLimitError { text: text.to_owned() })
    }
}

/// One bucket of calls for each tool.
///
/// A bucket is kept as the instant at which it will be full: a call moves that instant by one interval, and is refused
/// if that would put it more than a minute ahead.
#[derive(Debug)]
pub(crate) struct Buckets {
    limit: Option<RateLimit>,
    full_at: Mutex<HashMap<&'static str, Instant>>,
}

impl Buckets {
    pub(crate) fn new(limit: Option<RateLimit>) -> Self {
        Self { limit, full_at: Mutex::default() }
    }

    /// Takes one call of a tool; otherwise says how long it is until one can be taken.
    pub(crate) fn take(&self, tool: &'static str) -> Result<(), (RateLimit, Duration)> {
        let Some(limit) = self.limit else { return Ok(()) };
        let now = Instant::now();
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = full_at.entry(tool).or_insert(now);
        let next = (*bucket).max(now) + limit.interval();
        match next.checked_duration_since(now + MINUTE) {
            Some(wait) if !wait.is_zero() => Err((limit, wait)),
            _ => {
                *bucket = next;
                Ok(())
            }
        }
    }
}
