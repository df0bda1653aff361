//! The counter that every commit moves: odd while the outcome of a commit is open, even while all are known.
//!
//! Its invariant: **while it is even, the log holds nothing that readers do not see and could come to see without a
//! commit.** A writer that is killed, or whose commit failed in a way that leaves its outcome open, may have left a
//! whole transaction in the log's file that the log's index does not know. It comes to light if the index is made
//! anew from the file, which also happens when somebody is killed while it writes the index. So the counter stays odd
//! until a commit that really writes has taken the place of what was left.

use std::sync::atomic::{AtomicU64, Ordering, fence};

/// Never `+ 1`: a counter that was left odd would be even while the next commit runs.
fn next_odd_above(value: u64) -> u64 {
    value.wrapping_add(1) | 1
}

fn next_even_above(value: u64) -> u64 {
    (value | 1).wrapping_add(1)
}

/// Tells whether every commit that was begun had a known outcome.
pub(super) fn is_known(value: u64) -> bool {
    value.is_multiple_of(2)
}

/// A commit, from before it until its outcome is known; only who has the turn makes one.
///
/// Dropped without an outcome, it leaves the counter odd.
#[derive(Debug)]
#[must_use = "the counter says that a commit is under way until this is told its outcome"]
pub(crate) struct Commit<'a> {
    pub(super) counter: &'a AtomicU64,
    /// Counts those that followed one whose outcome was open, and ended well.
    pub(super) healed: &'a AtomicU64,
    /// Whether the counter was even before.
    pub(super) was_known: bool,
    /// Whether this one writes for certain.
    pub(super) overwrites: bool,
}

impl<'a> Commit<'a> {
    pub(super) fn begin(counter: &'a AtomicU64, healed: &'a AtomicU64) -> Self {
        // Only who has the turn stores, and the turn was taken by a system call: the load orders nothing.
        let before = counter.load(Ordering::Relaxed);
        counter.store(next_odd_above(before), Ordering::SeqCst);
        // Before anybody can see the commit: a reader who has seen it, and tells another, must not have that one find
        // the old value. The partner is the barrier in SQLite between the two copies of the index's header.
        fence(Ordering::SeqCst);
        Self { counter, healed, was_known: is_known(before), overwrites: false }
    }

    /// If the one before left its outcome open, has this one write something: `write` does so, and answers whether it
    /// could.
    pub(crate) fn overwriting(mut self, write: impl FnOnce() -> bool) -> Self {
        self.overwrites = !self.was_known && write();
        self
    }

    /// Everybody sees it.
    pub(crate) fn committed(self) {
        if self.was_known || self.overwrites {
            self.nothing_is_left();
        }
    }

    /// Nothing of it can come to light.
    pub(crate) fn undone(self) {
        if self.was_known {
            self.nothing_is_left();
        }
    }

    /// Nothing of it can come to light that is not seen, and nothing of what was left before it.
    pub(crate) fn nothing_is_left(self) {
        // The partner is the load in `Counter::value`: who finds this value finds the commit.
        let odd = self.counter.load(Ordering::Relaxed);
        self.counter.store(next_even_above(odd), Ordering::SeqCst);
        if !self.was_known {
            self.healed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_ends_odd_or_above_where_it_began() {
        for value in [0, 1, 2, 3, 1000, 1001, u64::MAX - 1, u64::MAX] {
            let (odd, even) = (next_odd_above(value), next_even_above(value));
            assert!(!is_known(odd) && is_known(even), "{value}: {odd}, {even}");
            assert!(odd != value && even != value, "{value} is never stored again");
            assert!(value >= u64::MAX - 2 || value < odd && value < even, "{value}: {odd}, {even}");
        }
    }
}
