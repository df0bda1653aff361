//! What the two ends of a coalescer remember of each value, and what has to agree.
//!
//! Senders share keys, so nobody knows in which order two puts of one key took effect if they overlapped. What is
//! known is that a put that had returned took effect before one that had not begun: "certainly older" below.

use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) type Key = usize;

/// A value carries the number of its put, which is an index into the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Value {
    put: usize,
    sender: usize,
}

#[derive(Debug, Clone, Copy)]
struct Put {
    key: Key,
    began: usize,
    /// When it returned, if it was accepted.
    accepted: Option<usize>,
}

/// Its lock is std's, and no scheduling point is reached under it: what is written down is no part of the protocol.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pages: Mutex<Pages>,
}

#[derive(Debug, Default)]
struct Pages {
    /// Grows with every event, so that two events are in the order of their numbers.
    now: usize,
    puts: Vec<Put>,
    /// In the order in which they were delivered.
    delivered: Vec<usize>,
    given_back: Vec<usize>,
}

impl Ledger {
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tick(&self) -> usize {
        self.pages().tick()
    }

    pub(crate) fn begin(&self, key: Key, sender: usize) -> Value {
        let mut pages = self.pages();
        let began = pages.tick();
        pages.puts.push(Put { key, began, accepted: None });
        Value { put: pages.puts.len() - 1, sender }
    }

    pub(crate) fn accepted(&self, value: Value) {
        let mut pages = self.pages();
        let now = pages.tick();
        pages.puts[value.put].accepted = Some(now);
    }

    pub(crate) fn delivered(&self, value: Value) {
        let mut pages = self.pages();
        pages.assert_next(value);
        pages.delivered.push(value.put);
    }

    pub(crate) fn given_back(&self, value: Value) {
        let mut pages = self.pages();
        pages.assert_next(value);
        pages.given_back.push(value.put);
    }

    /// What was put before `flushed` has been delivered by now, or something that took its place was.
    pub(crate) fn assert_delivered_before(&self, flushed: usize) {
        let pages = self.pages();
        for (number, put) in pages.puts.iter().enumerate() {
            let before = put.accepted.is_some_and(|accepted| accepted < flushed);
            assert!(!before || pages.reached(number, &pages.delivered), "{put:?} was not flushed");
        }
    }

    /// Of every key that was put, something arrived or came back that nothing is certainly newer than.
    pub(crate) fn settle(&self, keys: usize) {
        let pages = self.pages();
        let ends: Vec<_> = pages.ends().collect();
        for &end in &ends {
            assert!(pages.puts[end].accepted.is_some(), "{:?} was refused and arrived", pages.puts[end]);
        }
        for key in 0..keys {
            let accepted =
                |number: &usize| pages.puts[*number].key == key && pages.puts[*number].accepted.is_some();
            let lost = (0..pages.puts.len()).filter(accepted).find(|&put| !pages.reached(put, &ends));
            assert!(
                lost.is_none(),
                "the latest of key {key} was lost: {:?}",
                lost.map(|put| pages.puts[put])
            );
        }
    }
}

impl Pages {
    fn tick(&mut self) -> usize {
        self.now += 1;
        self.now
    }

    /// Where puts have come to: delivered or given back.
    fn ends(&self) -> impl Iterator<Item = usize> {
        self.delivered.iter().chain(&self.given_back).copied()
    }

    /// A value arrives or comes back once, and never after a newer one of its key was delivered. It may come back
    /// after a newer one came back: that was drained while this one was being delivered.
    fn assert_next(&self, value: Value) {
        assert!(self.ends().all(|end| end != value.put), "{value:?} came to its end twice");
        let key = self.puts[value.put].key;
        let newer = |&end: &usize| self.puts[end].key == key && self.certainly_older(value.put, end);
        assert!(!self.delivered.iter().any(newer), "{value:?} came after a newer one");
    }

    fn certainly_older(&self, one: usize, other: usize) -> bool {
        self.puts[one].accepted.is_some_and(|accepted| accepted < self.puts[other].began)
    }

    /// Says whether `ends` has the put, or one of its key that may have taken its place.
    fn reached(&self, put: usize, ends: &[usize]) -> bool {
        let key = self.puts[put].key;
        ends.iter().any(|&end| self.puts[end].key == key && !self.certainly_older(end, put))
    }
}
