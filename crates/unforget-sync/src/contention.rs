//! How often a lock was contended and how long its users waited.

use std::array;
use std::fmt;
use std::time::{Duration, Instant};

use crate::clock::{Clock, SystemClock};
use crate::primitive::Arc;
use crate::primitive::atomic::{AtomicU64, Ordering};

/// How many classes of waits are counted.
pub const WAIT_CLASSES: usize = 32;
/// Waits of less than two to this power of nanoseconds are in the first class.
const FIRST_CLASS_BITS: usize = 9;

/// Counts how often a lock was waited for, and how long.
///
/// Every [`acquire`](Self::acquire) tries first and waits only if that fails. A wait is counted when it begins, and
/// its length when it has ended, so waits that go on can be seen.
///
/// **Guarantee:** no acquisition and no wait is missed, however many threads count at the same time. Two numbers of
/// one [`ContentionSnapshot`] may be of different moments, but it never holds more ended waits than begun ones.
///
/// **Cost:** one relaxed add where nobody waits; the clock is read only around a wait, the second time with the lock
/// in hand. A [ranked lock](crate::ranked) that is built without statistics pays nothing, in time or in space.
///
/// # Blocking
/// Counting never waits. **Fairness:** trying first lets a newcomer overtake those who wait, as std's locks do.
/// **Poisoning:** none; of an acquisition that panics while it waits, the beginning stays counted.
///
/// # Limitations
/// Counters wrap after 2^64, which is not checked. Time that a thread could have run but did not is wait, too.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use unforget_sync::{Contention, ContentionSnapshot};
///
/// let contention = Contention::new();
/// assert_eq!(contention.acquire(|| Some("free"), || unreachable!("it was free")), "free");
/// assert_eq!(contention.acquire(|| None, || "waited"), "waited");
///
/// let ContentionSnapshot { uncontended, contended, max_wait, total_wait, .. } = contention.snapshot();
/// assert_eq!((uncontended, contended), (1, 1));
/// assert_eq!(max_wait, total_wait, "there was one wait");
/// ```
pub struct Contention {
    /// Relaxed, as all but `waits`: they publish nothing but themselves.
    uncontended: AtomicU64,
    contended: AtomicU64,
    total_nanos: AtomicU64,
    max_nanos: AtomicU64,
    /// Release by whoever ended a wait, Acquire by `snapshot`, which reads them before `contended`: whoever sees a
    /// wait ended sees it begun, because the same thread counted that first.
    waits: [AtomicU64; WAIT_CLASSES],
    /// The system's if there is none, so that `new` is `const`.
    clock: Option<Arc<dyn Clock>>,
}

/// What a [`Contention`] had counted.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use unforget_sync::{Contention, ContentionSnapshot};
///
/// let contention = Contention::new();
/// contention.record(Duration::from_nanos(600));
/// let counted = contention.snapshot();
/// let class = counted.waits.iter().position(|waits| *waits > 0).expect("one wait was counted");
/// assert_eq!(ContentionSnapshot::shortest_of_class(class), Some(Duration::from_nanos(512)));
/// assert_eq!(counted.waiting(), 0, "it has ended");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ContentionSnapshot {
    /// Acquisitions that did not wait.
    pub uncontended: u64,
    /// Acquisitions that began to wait.
    pub contended: u64,
    /// The length of all waits that have ended.
    pub total_wait: Duration,
    /// The length of the longest wait that has ended.
    pub max_wait: Duration,
    /// Waits that have ended, by length: [`shortest_of_class`](Self::shortest_of_class) says which is where.
    pub waits: [u64; WAIT_CLASSES],
}

impl Contention {
    /// Creates counters at zero that measure waits on the operating system's clock.
    #[cfg(not(unforget_loom))]
    pub const fn new() -> Self {
        Self {
            uncontended: AtomicU64::new(0),
            contended: AtomicU64::new(0),
            total_nanos: AtomicU64::new(0),
            max_nanos: AtomicU64::new(0),
            waits: [const { AtomicU64::new(0) }; WAIT_CLASSES],
            clock: None,
        }
    }

    /// Creates counters at zero. Not `const` under the model checker, whose primitives are not.
    #[cfg(unforget_loom)]
    pub fn new() -> Self {
        Self {
            uncontended: AtomicU64::new(0),
            contended: AtomicU64::new(0),
            total_nanos: AtomicU64::new(0),
            max_nanos: AtomicU64::new(0),
            waits: array::from_fn(|_| AtomicU64::new(0)),
            clock: None,
        }
    }

    /// Creates counters at zero that measure waits on `clock`.
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { clock: Some(clock), ..Self::new() }
    }

    /// Returns what `attempt` gets, or else what `wait` gets, and counts which it was.
    ///
    /// # Blocking
    /// As long as `wait` does.
    pub fn acquire<G>(&self, attempt: impl FnOnce() -> Option<G>, wait: impl FnOnce() -> G) -> G {
        if let Some(guard) = attempt() {
            self.uncontended.fetch_add(1, Ordering::Relaxed);
            return guard;
        }
        self.wait(wait)
    }

    /// Counts a wait that somebody else measured, as begun and as ended.
    pub fn record(&self, wait: Duration) {
        self.contended.fetch_add(1, Ordering::Relaxed);
        self.ended(wait);
    }

    /// Returns what has been counted so far.
    pub fn snapshot(&self) -> ContentionSnapshot {
        let waits = array::from_fn(|class| self.waits[class].load(Ordering::Acquire));
        ContentionSnapshot {
            waits,
            uncontended: self.uncontended.load(Ordering::Relaxed),
            contended: self.contended.load(Ordering::Relaxed),
            total_wait: Duration::from_nanos(self.total_nanos.load(Ordering::Relaxed)),
            max_wait: Duration::from_nanos(self.max_nanos.load(Ordering::Relaxed)),
        }
    }

    #[cold]
    fn wait<G>(&self, wait: impl FnOnce() -> G) -> G {
        self.contended.fetch_add(1, Ordering::Relaxed);
        let start = self.now();
        let guard = wait();
        self.ended(self.now().saturating_duration_since(start));
        guard
    }

    fn ended(&self, wait: Duration) {
        let nanos = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        self.total_nanos.fetch_add(nanos, Ordering::Relaxed);
        self.max_nanos.fetch_max(nanos, Ordering::Relaxed);
        self.waits[class_of(nanos)].fetch_add(1, Ordering::Release);
    }

    fn now(&self) -> Instant {
        self.clock.as_ref().map_or_else(|| SystemClock.now(), |clock| clock.now())
    }
}

/// The number of significant bits decides, so each class is twice as wide as the one before.
fn class_of(nanos: u64) -> usize {
    let bits = (u64::BITS - nanos.leading_zeros()) as usize;
    bits.saturating_sub(FIRST_CLASS_BITS).min(WAIT_CLASSES - 1)
}

impl Default for Contention {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Contention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Contention").field(&self.snapshot()).finish()
    }
}

impl ContentionSnapshot {
    /// How many waits had begun and not ended.
    pub fn waiting(&self) -> u64 {
        self.contended.saturating_sub(self.waits.iter().sum())
    }

    /// The shortest wait of a class: zero for the first, 512 ns for the second, then twice the one before.
    ///
    /// A class ends where the next one begins, and the last, from about nine minutes on, does not end. `None`
    /// from [`WAIT_CLASSES`] on.
    pub fn shortest_of_class(class: usize) -> Option<Duration> {
        match class {
            0 => Some(Duration::ZERO),
            1..WAIT_CLASSES => Some(Duration::from_nanos(1 << (class + FIRST_CLASS_BITS - 1))),
            _ => None,
        }
    }
}

/// Statistics of a lock that are there ([`Contention`]) or not (`()`, which costs nothing).
///
/// # Examples
/// Code for locks of either kind:
/// ```
/// use unforget_sync::ranked::{Level, Mutex};
/// use unforget_sync::{Contention, Meter};
///
/// unforget_sync::lock_levels! { Notes }
///
/// fn count<L: Level, S: Meter>(lock: &Mutex<L, u8, S>) -> u8 {
///     let mut counter = lock.lock_dynamic();
///     *counter += 1;
///     *counter
/// }
///
/// assert_eq!(count(&Mutex::<Notes, _>::new(1)), 2);
/// assert_eq!(count(&Mutex::<Notes, _, _>::with_contention(1, Contention::new())), 2);
/// ```
pub trait Meter: sealed::Sealed {
    /// Returns what `attempt` or else `wait` gets. One that counts nothing does not attempt.
    fn acquire<G>(&self, attempt: impl FnOnce() -> Option<G>, wait: impl FnOnce() -> G) -> G;
}

impl Meter for () {
    fn acquire<G>(&self, _attempt: impl FnOnce() -> Option<G>, wait: impl FnOnce() -> G) -> G {
        wait()
    }
}

impl Meter for Contention {
    fn acquire<G>(&self, attempt: impl FnOnce() -> Option<G>, wait: impl FnOnce() -> G) -> G {
        self.acquire(attempt, wait)
    }
}

/// Two meters are all there are: what a lock does while it is acquired is this crate's to decide.
mod sealed {
    pub trait Sealed {}
    impl Sealed for () {}
    impl Sealed for super::Contention {}
}
