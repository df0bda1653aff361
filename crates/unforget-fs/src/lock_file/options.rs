//! How long and how often a lock is asked for.

use std::sync::Arc;
use std::time::Duration;

use unforget_sync::{Backoff, Clock, SystemClock};

/// How a lock is waited for, and what a [`LockFile`](crate::LockFile) leaves behind.
#[derive(Debug, Clone)]
pub struct LockOptions {
    timeout: Duration,
    backoff: Backoff,
    pub(crate) clock: Arc<dyn Clock>,
    pub(super) unlink_on_release: bool,
}

impl LockOptions {
    /// Waits up to 10 seconds, asks again after 2 to 20 milliseconds, and keeps the file.
    ///
    /// So whoever waits has the lock within some 20 milliseconds of its release, or of its holder's death, and
    /// asks at most 100 times in a second, for some microseconds each.
    pub fn new() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            backoff: Backoff::default()
                .base(Duration::from_millis(2))
                .cap(Duration::from_millis(20))
                .attempts(u32::MAX),
            clock: Arc::new(SystemClock),
            unlink_on_release: false,
        }
    }

    /// Sets how long to wait for the lock.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the delays between attempts. The number of its attempts counts; its deadline gives way to the
    /// timeout.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets the clock to wait by.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Removes the file of a [`LockFile`](crate::LockFile) on release, for a directory that should look
    /// untouched. The other locks always do, or never.
    ///
    /// A file that is kept is cheaper, and its fence numbers grow even when the clock is set back.
    #[must_use]
    pub fn unlink_on_release(mut self, unlink: bool) -> Self {
        self.unlink_on_release = unlink;
        self
    }

    /// The delays, ended by the timeout.
    pub(super) fn polling(&self) -> Backoff {
        self.backoff.clone().deadline(self.timeout)
    }
}

impl Default for LockOptions {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiter_never_pauses_for_longer_than_twenty_milliseconds() {
        let options = LockOptions::new().timeout(Duration::from_mins(1));
        let pauses: Vec<_> = options.polling().delays().collect();
        assert!(pauses.len() > 3000, "it asks to the end: {}", pauses.len());
        assert!(pauses.iter().all(|pause| *pause <= Duration::from_millis(20)), "and often: {pauses:?}");
    }
}
