//! Waiting between attempts: exponential, jittered, capped, and never past a deadline.

use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::random::SplitMix64;

/// Describes how long to wait between the attempts of an operation.
///
/// With the default additive jitter, the wait before attempt *n* + 1 is `base`·2^(*n*−1) plus a random part of up
/// to the same length. It is never longer than the cap: a step beyond half the cap is taken as half the cap, so
/// that the random part stays as large as the fixed one. Cutting the sum instead would make every waiter that has
/// reached the cap wait exactly the cap, and retry together with all the others.
///
/// With [`full_jitter`](Self::full_jitter) the wait is random between zero and the step, capped.
///
/// Limitations: polling starves under load. A lock that busy threads or processes share should block, with
/// fairness; backoff is for the few and for the foreign.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use unforget_sync::Backoff;
///
/// let backoff = Backoff::default().base(Duration::from_millis(10)).attempts(3).seed(7);
/// let delays: Vec<Duration> = backoff.delays().collect();
/// assert_eq!(delays.len(), 2, "three attempts have two waits between them");
/// assert!(delays[0] >= Duration::from_millis(10) && delays[0] <= Duration::from_millis(20));
/// ```
#[derive(Debug, Clone)]
pub struct Backoff {
    base: Duration,
    attempts: u32,
    cap: Duration,
    deadline: Duration,
    jitter: Jitter,
    seed: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
enum Jitter {
    Additive,
    Full,
}

impl Default for Backoff {
    /// 100 ms doubling over 5 attempts (4 waits), each at most 2 s, all within 10 s.
    fn default() -> Self {
        Self {
            base: Duration::from_millis(100),
            attempts: 5,
            cap: Duration::from_secs(2),
            deadline: Duration::from_secs(10),
            jitter: Jitter::Additive,
            seed: None,
        }
    }
}

impl Backoff {
    /// Sets the first step, from which the others double.
    #[must_use]
    pub fn base(mut self, base: Duration) -> Self {
        self.base = base;
        self
    }

    /// Sets how often the operation runs at most. At least once, so zero counts as one.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// Sets the longest single wait, jitter included.
    #[must_use]
    pub fn cap(mut self, cap: Duration) -> Self {
        self.cap = cap;
        self
    }

    /// Sets the elapsed time, from the first attempt on, past which no wait lasts.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Draws the whole wait at random, from zero: spreads many contenders wider, at the price of short waits.
    #[must_use]
    pub fn full_jitter(mut self) -> Self {
        self.jitter = Jitter::Full;
        self
    }

    /// Makes the waits repeatable. Without a seed every call of [`delays`](Self::delays) draws others.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Returns the waits between attempts, in order: one fewer than attempts.
    ///
    /// Their sum is at most the deadline: the last may be cut to fit, and those that no longer fit are left out.
    /// That counts waits only; [`retry`] counts the time that the attempts take as well.
    pub fn delays(&self) -> Delays {
        Delays {
            step: self.base,
            left: self.attempts - 1,
            time_left: self.deadline,
            cap: self.cap,
            jitter: self.jitter,
            random: self.seed.map_or_else(SplitMix64::from_entropy, SplitMix64::seeded),
        }
    }
}

/// The waits of a [`Backoff`], made by [`Backoff::delays`].
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use unforget_sync::Backoff;
///
/// let mut delays = Backoff::default().attempts(2).delays();
/// assert!(delays.next().is_some_and(|delay| delay >= Duration::from_millis(100)));
/// assert_eq!(delays.next(), None, "after the second attempt nothing is waited for");
/// ```
#[derive(Debug, Clone)]
pub struct Delays {
    step: Duration,
    left: u32,
    time_left: Duration,
    cap: Duration,
    jitter: Jitter,
    random: SplitMix64,
}

impl Delays {
    fn jittered(&mut self) -> Duration {
        match self.jitter {
            Jitter::Additive => {
                let step = self.step.min(self.cap / 2);
                step + self.random.duration_up_to(step)
            }
            Jitter::Full => self.random.duration_up_to(self.step.min(self.cap)),
        }
    }
}

impl Iterator for Delays {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        if self.left == 0 || self.time_left.is_zero() {
            return None;
        }
        let delay = self.jittered().min(self.time_left);
        self.left -= 1;
        self.time_left -= delay;
        self.step = self.step.saturating_mul(2);
        Some(delay)
    }
}

/// Runs `op` until it succeeds, fails for good, or the attempts or the time of `backoff` are used up.
///
/// Returns the last error. The wait before the last attempt may be cut so that it begins at the deadline; an
/// attempt that is running when the deadline comes is not interrupted.
///
/// # Blocking
/// Sleeps on `clock` between attempts, in total at most until the deadline. No lock is held.
///
/// # Examples
/// ```
/// use unforget_sync::{Backoff, ManualClock, retry};
///
/// let mut calls = 0;
/// let result = retry(&ManualClock::new(), &Backoff::default(), |error| *error == "busy", || {
///     calls += 1;
///     if calls < 3 { Err("busy") } else { Ok(calls) }
/// });
/// assert_eq!(result, Ok(3));
/// ```
pub fn retry<T, E>(
    clock: &dyn Clock,
    backoff: &Backoff,
    is_retryable: impl Fn(&E) -> bool,
    mut op: impl FnMut() -> Result<T, E>,
) -> Result<T, E> {
    let start = clock.now();
    // Made when one is needed: seeding the jitter costs more than most calls that succeed at once.
    let mut delays = None;
    loop {
        let error = match op() {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if !is_retryable(&error) {
            return Err(error);
        }
        let delays = delays.get_or_insert_with(|| backoff.delays());
        let Some(delay) = time_left(backoff, start, clock).and_then(|left| Some(delays.next()?.min(left)))
        else {
            return Err(error);
        };
        clock.sleep(delay);
    }
}

/// What remains of the deadline; none when it has come.
fn time_left(backoff: &Backoff, start: Instant, clock: &dyn Clock) -> Option<Duration> {
    let elapsed = clock.now().saturating_duration_since(start);
    backoff.deadline.checked_sub(elapsed).filter(|left| !left.is_zero())
}
