//! A stage in front of one consumer where the latest value of each key waits until it has settled.

mod deliverer;
mod error;
mod pending;

use std::fmt;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::primitive::{Arc, Condvar, Mutex, MutexGuard};

pub use self::deliverer::{Deliverer, Delivery};
pub use self::error::{FlushError, PutError};
use self::pending::State;

/// Says when a value is due, and how many keys may wait.
///
/// Windows without length make every value due at once; windows of [`Duration::MAX`] leave it to
/// [`flush`](Coalescer::flush), and then whoever waits for room waits for a flush.
///
/// # Examples
/// ```
/// use std::num::NonZeroUsize;
/// use std::time::Duration;
/// use unforget_sync::Window;
///
/// let keys = NonZeroUsize::new(10).expect("room for something");
/// let window = Window { quiet: Duration::from_millis(5), keys, ..Window::default() };
/// assert_eq!(window.max_delay, Duration::from_millis(100));
/// ```
/// Room for nothing does not compile:
/// ```compile_fail,E0308
/// let window = unforget_sync::Window { keys: 0, ..Default::default() };
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// A value is due once its key has had no newer one for this long. 20 ms by default.
    pub quiet: Duration,
    /// A key is due this long after the first value that was not delivered, however many came since. 100 ms by
    /// default.
    pub max_delay: Duration,
    /// The most keys, those being delivered included. 1024 by default.
    pub keys: NonZeroUsize,
}

impl Default for Window {
    fn default() -> Self {
        let keys = NonZeroUsize::MIN.saturating_add(1023);
        Self { quiet: Duration::from_millis(20), max_delay: Duration::from_millis(100), keys }
    }
}

/// Hands the latest value of each key to one [`Deliverer`], once the key is quiet or has waited long enough.
///
/// **Guarantee:** the latest value of a key is delivered, or comes back: from [`put`](Self::put) if it was not
/// accepted, from [`drain`](Self::drain) if there is nobody left to deliver it. That holds when a newer value
/// arrives while an older one is being delivered, and when a delivery fails: what it held goes back, except where
/// a newer value has taken its place. Values of one key are delivered in the order they were put, never two at the
/// same time.
///
/// **Cost:** one lock and two searches in trees of waiting keys per `put`; no thread of its own.
///
/// **Fairness:** none; who waits for room competes with newcomers. **Poisoning:** none.
///
/// Dropping the last handle closes it: the deliverer gets what is left at once, and then ends.
///
/// Limitations: `K`'s `cmp` and `clone` run under the lock and must not use the coalescer, or panic. A delivery that waits
/// for room in its own coalescer, or for its own `flush`, waits forever. If the last handle is gone and the
/// deliverer goes too, nobody is left to give values back to, and they are dropped.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use unforget_sync::{Coalescer, SystemClock, Window};
///
/// let (saves, mut deliverer) = Coalescer::new(Window::default(), Arc::new(SystemClock));
/// let saver = std::thread::spawn(move || {
///     let mut saved = Vec::new();
///     while let Some(delivery) = deliverer.wait() {
///         saved.extend(delivery.iter().map(|(key, value)| (*key, *value)));
///         delivery.done();
///     }
///     saved
/// });
///
/// for draft in 1..=3 {
///     saves.put("letter", draft).expect("open");
/// }
/// saves.flush().expect("the deliverer is there");
/// drop(saves);
/// let saved = saver.join().expect("ends with the last handle");
/// assert_eq!(saved.last(), Some(&("letter", 3)), "the latest arrives, earlier ones may be skipped");
/// ```
pub struct Coalescer<K, V> {
    handle: Arc<Handle<K, V>>,
}

/// What all clones share, so that the last of them closes.
struct Handle<K, V> {
    shared: Arc<Shared<K, V>>,
}

/// What the coalescer and its deliverer share.
///
/// One lock, under which only the keys' `cmp` and `clone` run. Every wakeup is about something that `state` alone
/// decides, so that it may come late or for nothing.
struct Shared<K, V> {
    window: Window,
    clock: Arc<dyn Clock>,
    state: Mutex<State<K, V>>,
    /// Notified when a first key waits, at a flush and on closing. Not when a later key comes: it is due after
    /// those that wait, because every key waits by the same window.
    work: Condvar,
    /// Notified when a delivery has ended and on closing: for those who wait for room and those who flush.
    ended: Condvar,
}

/// How long a caller waits.
#[derive(Clone, Copy)]
enum Patience {
    None,
    Until(Instant),
    Unlimited,
}

impl<K: Ord + Clone, V> Coalescer<K, V> {
    /// Creates an open coalescer and its one deliverer. All its deadlines are instants of `clock`.
    pub fn new(window: Window, clock: Arc<dyn Clock>) -> (Self, Deliverer<K, V>) {
        let (state, work, ended) = (Mutex::new(State::new()), Condvar::new(), Condvar::new());
        let shared = Arc::new(Shared { window, clock, state, work, ended });
        let deliverer = Deliverer::new(Arc::clone(&shared));
        (Self { handle: Arc::new(Handle { shared }) }, deliverer)
    }

    /// Makes `value` the latest of `key`, waiting for room if the key is not waiting already.
    ///
    /// # Errors
    /// [`PutError::Closed`]; key and value come back.
    ///
    /// # Blocking
    /// Until a delivery has made room, or the coalescer closes.
    pub fn put(&self, key: K, value: V) -> Result<(), PutError<K, V>> {
        self.handle.shared.put(key, value, Patience::Unlimited)
    }

    /// Makes `value` the latest of `key` if there is room now. A key that waits already needs none.
    ///
    /// # Errors
    /// Any [`PutError`]; key and value come back.
    pub fn try_put(&self, key: K, value: V) -> Result<(), PutError<K, V>> {
        self.handle.shared.put(key, value, Patience::None)
    }

    /// Makes `value` the latest of `key`, waiting for room until `deadline`. Room that is there wins over it.
    ///
    /// # Errors
    /// Any [`PutError`]; key and value come back.
    ///
    /// # Blocking
    /// As [`put`](Self::put), at most until the deadline.
    pub fn put_until(&self, key: K, value: V, deadline: Instant) -> Result<(), PutError<K, V>> {
        self.handle.shared.put(key, value, Patience::Until(deadline))
    }

    /// Makes everything due and returns once all that was put before, or what replaced it, has been delivered.
    ///
    /// # Errors
    /// [`FlushError::Undelivered`] if the deliverer is gone, or something was given back by [`drain`](Self::drain).
    ///
    /// # Blocking
    /// Until the deliveries have ended. Values that others put for new keys meanwhile do not prolong it.
    pub fn flush(&self) -> Result<(), FlushError> {
        self.handle.shared.flush(Patience::Unlimited)
    }

    /// Flushes, waiting until `deadline`. Everything stays due after it.
    ///
    /// # Errors
    /// Any [`FlushError`].
    ///
    /// # Blocking
    /// As [`flush`](Self::flush), at most until the deadline.
    pub fn flush_until(&self, deadline: Instant) -> Result<(), FlushError> {
        self.handle.shared.flush(Patience::Until(deadline))
    }

    /// Closes the coalescer: nothing gets in any more, and what waits is due at once.
    pub fn close(&self) {
        self.handle.shared.close();
    }

    /// Closes the coalescer and gives back what waits, in the order it would have been delivered.
    ///
    /// What is being delivered is not here; if that delivery fails, the next `drain` has it.
    pub fn drain(&self) -> Vec<(K, V)> {
        let shared = &self.handle.shared;
        let mut state = shared.state.lock();
        state.close();
        let left = state.reclaim();
        drop(state);
        shared.tell_everybody();
        left.into_iter().map(pending::Taken::into_pair).collect()
    }

    /// Says when the next value is due; `None` if none waits.
    pub fn next_due(&self) -> Option<Instant> {
        self.handle.shared.state.lock().next_due()
    }

    /// Says how many keys wait, those being delivered not included.
    pub fn len(&self) -> usize {
        self.handle.shared.state.lock().len()
    }

    /// Says whether no key waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Says whether it has been closed, by anyone, or has lost its deliverer.
    pub fn is_closed(&self) -> bool {
        self.handle.shared.state.lock().is_closed()
    }
}

impl<K, V> Clone for Coalescer<K, V> {
    fn clone(&self) -> Self {
        Self { handle: Arc::clone(&self.handle) }
    }
}

impl<K, V> fmt::Debug for Coalescer<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coalescer").field("window", &self.handle.shared.window).finish_non_exhaustive()
    }
}

impl<K, V> Drop for Handle<K, V> {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl<K: Ord + Clone, V> Shared<K, V> {
    fn put(&self, key: K, value: V, patience: Patience) -> Result<(), PutError<K, V>> {
        let mut state = self.state.lock();
        let mut timed_out = false;
        loop {
            if state.is_closed() {
                drop(state);
                return Err(PutError::Closed(key, value));
            }
            if state.has_room(&self.window, &key) {
                break;
            }
            if timed_out || matches!(patience, Patience::None) {
                drop(state);
                return Err(PutError::Full(key, value));
            }
            (state, timed_out) = self.wait_for_an_end(state, patience);
        }
        let was_empty = state.len() == 0;
        let replaced = state.put(key, value, self.clock.now(), &self.window);
        drop(state);
        if was_empty {
            self.work.notify_all();
        }
        // Outside the lock: the destructors may be anything.
        drop(replaced);
        Ok(())
    }

    fn flush(&self, patience: Patience) -> Result<(), FlushError> {
        let mut state = self.state.lock();
        let before = state.flush(self.clock.now());
        self.work.notify_all();
        let mut timed_out = false;
        loop {
            if state.gave_back_before(before) {
                return Err(FlushError::Undelivered);
            }
            if !state.holds_before(before) {
                return Ok(());
            }
            if state.is_lost() {
                return Err(FlushError::Undelivered);
            }
            if timed_out {
                return Err(FlushError::TimedOut);
            }
            (state, timed_out) = self.wait_for_an_end(state, patience);
        }
    }
}

impl<K, V> Shared<K, V> {
    fn wait_for_an_end<'a>(
        &self,
        state: MutexGuard<'a, State<K, V>>,
        patience: Patience,
    ) -> (MutexGuard<'a, State<K, V>>, bool) {
        match patience {
            Patience::Until(deadline) => self.ended.wait_until(state, &*self.clock, deadline),
            Patience::None | Patience::Unlimited => (self.ended.wait(state), false),
        }
    }

    fn close(&self) {
        self.state.lock().close();
        self.tell_everybody();
    }

    fn tell_everybody(&self) {
        self.work.notify_all();
        self.ended.notify_all();
    }
}
