//! The end of the coalescer that takes.

use std::fmt;
use std::time::Instant;

use super::Shared;
use super::pending::{State, Taken};
use crate::primitive::{Arc, MutexGuard};

/// Takes what is due, for the one thread that delivers.
///
/// There is one per coalescer, and it lends one [`Delivery`] at a time, so that values of a key never overtake one
/// another. Dropping it, also by a panic, closes the coalescer, whose `drain` then gives back what is left.
///
/// # Examples
/// A loop that has other things to do as well:
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use unforget_sync::{Clock, Coalescer, ManualClock, Window};
///
/// let clock = Arc::new(ManualClock::new());
/// let (saves, mut deliverer) = Coalescer::new(Window::default(), Arc::clone(&clock) as Arc<dyn Clock>);
/// saves.put("letter", 1).expect("open");
/// saves.close();
/// let mut saved = Vec::new();
/// while let Some(delivery) = deliverer.wait_until(clock.now() + Duration::from_millis(5)) {
///     saved.extend(delivery.done());
///     // … the other things
/// }
/// assert_eq!(saved, [("letter", 1)]);
/// ```
pub struct Deliverer<K: Ord + Clone, V> {
    shared: Arc<Shared<K, V>>,
}

/// Values that are being delivered.
///
/// [`done`](Self::done) says that they have been. Dropped without it, also by a panic, what it still holds waits
/// again and stays due, except for keys that have a newer value by then. Wait between such attempts, for instance
/// by a [`Backoff`](crate::Backoff). Forgotten by `mem::forget`, its values are lost, and a
/// [`flush`](crate::Coalescer::flush) that was to deliver them does not succeed.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use unforget_sync::{Coalescer, ManualClock, Window};
///
/// let (saves, mut deliverer) = Coalescer::new(Window::default(), Arc::new(ManualClock::new()));
/// saves.put("letter", 1).expect("open");
/// saves.put("list", 1).expect("open");
/// let mut delivery = deliverer.take_all();
/// delivery.retain(|name, _| *name == "list"); // the list could not be saved
/// drop(delivery);
/// assert_eq!(deliverer.take_all().done(), [("list", 1)], "what failed comes again");
/// ```
#[must_use = "what is dropped without `done` is delivered again"]
pub struct Delivery<'a, K: Ord + Clone, V> {
    shared: &'a Shared<K, V>,
    held: Vec<Taken<K, V>>,
    /// How many places it occupies, those of values it no longer holds included.
    places: usize,
}

impl<K: Ord + Clone, V> Deliverer<K, V> {
    pub(super) fn new(shared: Arc<Shared<K, V>>) -> Self {
        Self { shared }
    }

    /// Waits until something is due and takes it; `None` once the coalescer is closed and empty.
    ///
    /// # Blocking
    /// Until the next value is due, something is flushed, or the coalescer closes.
    pub fn wait(&mut self) -> Option<Delivery<'_, K, V>> {
        self.wait_for(None)
    }

    /// Waits like [`wait`](Self::wait), at most until `deadline`; the delivery is then empty. The end wins over
    /// the deadline.
    ///
    /// # Blocking
    /// As [`wait`](Self::wait), at most until the deadline.
    pub fn wait_until(&mut self, deadline: Instant) -> Option<Delivery<'_, K, V>> {
        self.wait_for(Some(deadline))
    }

    /// Takes what is due now. May be empty.
    pub fn take_due(&mut self) -> Delivery<'_, K, V> {
        let mut state = self.lock();
        let held = state.take_due(self.shared.clock.now());
        drop(state);
        self.lend(held)
    }

    /// Takes everything that waits, due or not.
    pub fn take_all(&mut self) -> Delivery<'_, K, V> {
        let held = self.lock().take_all();
        self.lend(held)
    }

    /// Says when the next value is due; `None` if none waits.
    pub fn next_due(&self) -> Option<Instant> {
        self.shared.state.lock().next_due()
    }

    /// A wait that has ended counts as the instant it ended for, whatever the clock says: the two must agree, or
    /// the thread would ask again without waiting.
    fn wait_for(&mut self, deadline: Option<Instant>) -> Option<Delivery<'_, K, V>> {
        let Shared { clock, work, .. } = &*self.shared;
        let mut state = self.lock();
        let mut now = clock.now();
        let held = loop {
            let held = state.take_due(now);
            if !held.is_empty() {
                break held;
            }
            if state.is_closed() {
                return None;
            }
            if deadline.is_some_and(|deadline| now >= deadline) {
                break held;
            }
            let until = [state.next_due(), deadline].into_iter().flatten().min();
            let mut reached = None;
            state = match until {
                Some(until) => {
                    let (state, ended) = work.wait_until(state, &**clock, until);
                    reached = ended.then_some(until);
                    state
                }
                None => work.wait(state),
            };
            now = reached.map_or_else(|| clock.now(), |reached| reached.max(clock.now()));
        };
        drop(state);
        Some(self.lend(held))
    }

    /// Locks to take. A delivery that has not ended was forgotten, because it would still borrow this.
    fn lock(&self) -> MutexGuard<'_, State<K, V>> {
        let mut state = self.shared.state.lock();
        if state.end_forgotten() {
            self.shared.ended.notify_all();
        }
        state
    }

    fn lend(&mut self, held: Vec<Taken<K, V>>) -> Delivery<'_, K, V> {
        Delivery { shared: &self.shared, places: held.len(), held }
    }
}

impl<K: Ord + Clone, V> Drop for Deliverer<K, V> {
    fn drop(&mut self) {
        self.shared.state.lock().lose();
        self.shared.tell_everybody();
    }
}

impl<K: Ord + Clone, V> fmt::Debug for Deliverer<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliverer").finish_non_exhaustive()
    }
}

impl<K: Ord + Clone, V> Delivery<'_, K, V> {
    /// The keys and their values, in the order they became due.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.held.iter().map(|taken| (&taken.key, &taken.value))
    }

    /// How many values it holds.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Says whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Keeps the values for which `failed` says so; the others have been delivered.
    pub fn retain(&mut self, mut failed: impl FnMut(&K, &V) -> bool) {
        self.held.retain(|taken| failed(&taken.key, &taken.value));
    }

    /// Says that everything has been delivered, and returns it.
    pub fn done(mut self) -> Vec<(K, V)> {
        std::mem::take(&mut self.held).into_iter().map(Taken::into_pair).collect()
    }
}

impl<K: Ord + Clone, V> Drop for Delivery<'_, K, V> {
    fn drop(&mut self) {
        if self.places == 0 {
            return;
        }
        let held = std::mem::take(&mut self.held);
        let superseded = self.shared.state.lock().end_delivery(held, self.places);
        self.shared.ended.notify_all();
        drop(superseded);
    }
}

impl<K: Ord + Clone, V> fmt::Debug for Delivery<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery").field("len", &self.len()).finish_non_exhaustive()
    }
}
