//! Time as something that can be handed over, so that nothing waits on a clock a test cannot move.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use crate::primitive::atomic::{AtomicU64, Ordering};
use crate::primitive::thread;

/// How long a waiter on a [`ManualClock`] goes without looking at it.
const MANUAL_RECHECK: Duration = Duration::from_millis(1);

/// Tells the time and waits for it to pass.
///
/// `now` never goes back. Timed waits ask it while they hold the lock they wait under, so `now` and
/// `recheck_after` must return at once and must not use the primitive that is asking. `remaining` may be any duration,
/// up to the longest.
///
/// # Examples
/// A clock that runs at a tenth of the speed:
/// ```
/// use std::time::{Duration, Instant};
/// use unforget_sync::{Clock, SystemClock};
///
/// #[derive(Debug)]
/// struct Slow(Instant);
///
/// impl Clock for Slow {
///     fn now(&self) -> Instant {
///         self.0 + self.0.elapsed() / 10
///     }
///
///     fn sleep(&self, duration: Duration) {
///         SystemClock.sleep(duration.saturating_mul(10));
///     }
///
///     fn recheck_after(&self, remaining: Duration) -> Duration {
///         remaining.saturating_mul(10)
///     }
/// }
///
/// let slow = Slow(Instant::now());
/// slow.sleep(Duration::from_micros(10));
/// assert!(slow.now() >= slow.0 + Duration::from_micros(10));
/// ```
pub trait Clock: Debug + Send + Sync {
    /// The present instant.
    fn now(&self) -> Instant;

    /// Returns when `duration` has passed on this clock.
    fn sleep(&self, duration: Duration);

    /// How much real time a waiter may let pass before it asks again, with `remaining` to go on this clock.
    ///
    /// The default fits a clock that runs at the speed of real time.
    fn recheck_after(&self, remaining: Duration) -> Duration {
        remaining
    }
}

/// The operating system's monotonic clock.
///
/// # Examples
/// ```
/// use unforget_sync::{Clock, SystemClock};
///
/// let before = SystemClock.now();
/// assert!(SystemClock.now() >= before);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep(&self, duration: Duration) {
        thread::sleep(duration);
    }
}

/// A clock that stands still until it is advanced.
///
/// Sleeping on it advances it by the time slept and returns at once, so that code with waits runs without
/// waiting. Timed waits on it look again every millisecond of real time, so an advance by another thread ends
/// them.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use unforget_sync::{Clock, ManualClock};
///
/// let clock = ManualClock::new();
/// let start = clock.now();
/// clock.sleep(Duration::from_secs(3600));
/// clock.advance(Duration::from_secs(1));
/// assert_eq!(clock.now() - start, Duration::from_secs(3601));
/// ```
#[derive(Debug)]
pub struct ManualClock {
    start: Instant,
    /// Nanoseconds since `start`. Relaxed: it publishes nothing but itself, and one atomic never goes back.
    elapsed: AtomicU64,
}

impl ManualClock {
    /// Creates a clock that stands at the present instant.
    pub fn new() -> Self {
        Self { start: Instant::now(), elapsed: AtomicU64::new(0) }
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        // Saturating: a clock that wrapped would go back, which no clock may.
        let _ = self
            .elapsed
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |elapsed| Some(elapsed.saturating_add(by)));
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.start + Duration::from_nanos(self.elapsed.load(Ordering::Relaxed))
    }

    fn sleep(&self, duration: Duration) {
        self.advance(duration);
    }

    fn recheck_after(&self, remaining: Duration) -> Duration {
        remaining.min(MANUAL_RECHECK)
    }
}
