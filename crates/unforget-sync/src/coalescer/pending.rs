//! What the coalescer's lock protects: the latest value of each key, and the order in which they are due.

use std::collections::BTreeMap;
use std::mem;
use std::time::{Duration, Instant};

use super::Window;

/// Stands for an instant that is too far away to be represented: longer than a process runs.
const FAR: Duration = Duration::from_hours(24 * 365 * 30);

/// Holds at all times: `by_due` has one place per entry of `entries`, under that entry's `due` and `first`; the
/// entries and `delivering` together are at most as many as the window's keys.
pub(super) struct State<K, V> {
    entries: BTreeMap<K, Entry<V>>,
    by_due: BTreeMap<(Instant, u64), K>,
    /// How many places deliveries occupy.
    delivering: usize,
    /// The smallest `first` among what is being delivered; there is one delivery at a time.
    delivering_first: Option<u64>,
    next_number: u64,
    /// The smallest `first` among what was given back, or forgotten on its way.
    gave_back: Option<u64>,
    /// What the last flush made due, and when: below this number also what is on its way, should it come back.
    flushed: Option<(u64, Instant)>,
    closed: bool,
    lost: bool,
}

struct Entry<V> {
    value: V,
    /// Numbers the first value of the key that was not delivered, whichever value is the latest. So a flush that
    /// waits for that number also waits for what replaced the value it was given to.
    first: u64,
    /// When it is due although newer values keep coming.
    latest: Instant,
    due: Instant,
}

/// A value on its way, with what is needed to put it back.
pub(super) struct Taken<K, V> {
    pub(super) key: K,
    /// The key's other place. Neither is dropped under the lock, and to put them back neither is cloned.
    same_key: K,
    pub(super) value: V,
    first: u64,
    due: Instant,
}

impl<K, V> Taken<K, V> {
    pub(super) fn into_pair(self) -> (K, V) {
        (self.key, self.value)
    }
}

fn after(now: Instant, wait: Duration) -> Instant {
    now.checked_add(wait).unwrap_or(now + FAR)
}

impl<K, V> State<K, V> {
    pub(super) fn new() -> Self {
        Self {
            entries: BTreeMap::new(),
            by_due: BTreeMap::new(),
            delivering: 0,
            delivering_first: None,
            next_number: 0,
            gave_back: None,
            flushed: None,
            closed: false,
            lost: false,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_due.len()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    pub(super) fn lose(&mut self) {
        self.closed = true;
        self.lost = true;
    }

    /// Ends a delivery that was forgotten, as one is that has not ended when the next begins: its places are free, and
    /// what it held counts as given back. Says whether there was one.
    pub(super) fn end_forgotten(&mut self) -> bool {
        let forgotten = self.delivering_first.take();
        self.gave_back = forgotten.into_iter().chain(self.gave_back).min();
        self.delivering = 0;
        forgotten.is_some()
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.by_due.first_key_value().map(|((due, _), _)| *due)
    }

    /// Says whether something numbered below `number` waits or is being delivered.
    pub(super) fn holds_before(&self, number: u64) -> bool {
        let waiting = self.entries.values().map(|entry| entry.first);
        waiting.chain(self.delivering_first).any(|first| first < number)
    }

    pub(super) fn gave_back_before(&self, number: u64) -> bool {
        self.gave_back.is_some_and(|first| first < number)
    }
}

impl<K: Ord + Clone, V> State<K, V> {
    /// What is being delivered keeps its place, so that there is room to put it back.
    pub(super) fn has_room(&self, window: &Window, key: &K) -> bool {
        self.len() + self.delivering < window.keys.get() || self.entries.contains_key(key)
    }

    /// The caller has seen that there is room. Returns the value that this one replaces, with a key to drop.
    pub(super) fn put(&mut self, key: K, value: V, now: Instant, window: &Window) -> Option<(K, V)> {
        let quiet = after(now, window.quiet);
        if let Some(entry) = self.entries.get_mut(&key) {
            let place = self.by_due.remove(&(entry.due, entry.first));
            entry.due = quiet.min(entry.latest);
            self.by_due.extend(place.map(|key| ((entry.due, entry.first), key)));
            return Some((key, mem::replace(&mut entry.value, value)));
        }
        let latest = after(now, window.max_delay);
        let entry = Entry { value, first: self.next_number, latest, due: quiet.min(latest) };
        self.next_number += 1;
        self.insert(key.clone(), key, entry);
        None
    }

    fn insert(&mut self, key: K, same_key: K, entry: Entry<V>) {
        self.by_due.insert((entry.due, entry.first), same_key);
        self.entries.insert(key, entry);
    }

    /// Makes everything due at `now` and returns the number below which all of it is.
    pub(super) fn flush(&mut self, now: Instant) -> u64 {
        for entry in self.entries.values_mut() {
            let place = self.by_due.remove(&(entry.due, entry.first));
            entry.due = entry.due.min(now);
            // Also of what is due already: a newer value would otherwise put it off.
            entry.latest = entry.due;
            self.by_due.extend(place.map(|key| ((entry.due, entry.first), key)));
        }
        self.flushed = Some((self.next_number, now));
        self.next_number
    }

    /// Takes what is due, all of it once closed.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Taken<K, V>> {
        if self.closed {
            return self.take_all();
        }
        // Nothing is numbered `u64::MAX`: that would take five centuries of one put per nanosecond.
        let later = self.by_due.split_off(&(now, u64::MAX));
        let due = mem::replace(&mut self.by_due, later);
        self.begin_delivery(due)
    }

    pub(super) fn take_all(&mut self) -> Vec<Taken<K, V>> {
        let all = mem::take(&mut self.by_due);
        self.begin_delivery(all)
    }

    fn begin_delivery(&mut self, places: BTreeMap<(Instant, u64), K>) -> Vec<Taken<K, V>> {
        let taken = self.take(places);
        self.delivering += taken.len();
        self.delivering_first = taken.iter().map(|taken| taken.first).min();
        taken
    }

    /// Takes everything that waits out, to be given back.
    pub(super) fn reclaim(&mut self) -> Vec<Taken<K, V>> {
        let all = mem::take(&mut self.by_due);
        let taken = self.take(all);
        self.gave_back = taken.iter().map(|taken| taken.first).chain(self.gave_back).min();
        taken
    }

    fn take(&mut self, places: BTreeMap<(Instant, u64), K>) -> Vec<Taken<K, V>> {
        let take = |((due, first), key)| {
            let (same_key, entry) = self.entries.remove_entry(&key)?;
            Some(Taken { key, same_key, value: entry.value, first, due })
        };
        places.into_iter().filter_map(take).collect()
    }

    /// Puts back what was not delivered, and returns what a newer value has replaced meanwhile.
    ///
    /// The newer value inherits the number and the deadline: they are the key's, and its first value was not
    /// delivered. A flush that came meanwhile has made both due.
    pub(super) fn end_delivery(&mut self, failed: Vec<Taken<K, V>>, places: usize) -> Vec<Taken<K, V>> {
        self.delivering -= places;
        self.delivering_first = None;
        let mut superseded = Vec::new();
        for taken in failed {
            let first = taken.first;
            let due = self.flushed_at(first).map_or(taken.due, |flushed| taken.due.min(flushed));
            if let Some(entry) = self.entries.get_mut(&taken.key) {
                let place = self.by_due.remove(&(entry.due, entry.first));
                (entry.first, entry.latest, entry.due) = (first, due, due);
                self.by_due.extend(place.map(|key| ((due, first), key)));
                superseded.push(taken);
            } else {
                let entry = Entry { value: taken.value, first, latest: due, due };
                self.insert(taken.key, taken.same_key, entry);
            }
        }
        superseded
    }

    fn flushed_at(&self, first: u64) -> Option<Instant> {
        self.flushed.filter(|(number, _)| first < *number).map(|(_, now)| now)
    }
}
