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

/// Tells whether a copy of the even value `copy` may be answered while the counter is `now`.
///
/// It may while nothing was committed since; and also during the one commit that follows, as long as nobody has said
/// that he may have `seen` it: nobody has been told of it then, so a read that leaves it out comes before it. A copy of
/// the value that the commit will leave is made by who commits, who says so before.
pub(super) fn is_current(copy: u64, now: u64, seen: impl FnOnce() -> u64) -> bool {
    if is_known(now) {
        return now == copy;
    }
    next_even_above(now) == copy || next_odd_above(copy) == now && seen() < now
}

/// A commit, from before it until its outcome is known; only who has the turn makes one.
///
/// Dropped without an outcome, it leaves the counter odd.
#[derive(Debug)]
#[must_use = "the counter says that a commit is under way until this is told its outcome"]
pub(crate) struct Commit<'a> {
    pub(super) counter: &'a AtomicU64,
    /// The last odd value under which somebody may have seen what was being committed.
    pub(super) seen: &'a AtomicU64,
    /// Counts those that followed one whose outcome was open, and ended well.
    pub(super) healed: &'a AtomicU64,
    /// Whether the counter was even before.
    pub(super) was_known: bool,
    /// Whether this one writes for certain.
    pub(super) overwrites: bool,
}

impl<'a> Commit<'a> {
    pub(super) fn begin(counter: &'a AtomicU64, seen: &'a AtomicU64, healed: &'a AtomicU64) -> Self {
        // Only who has the turn stores, and the turn was taken by a system call: the load orders nothing.
        let before = counter.load(Ordering::Relaxed);
        counter.store(next_odd_above(before), Ordering::SeqCst);
        // Before anybody can see the commit: a reader who has seen it, and tells another, must not have that one find
        // the old value. The partner is the barrier in SQLite between the two copies of the index's header.
        fence(Ordering::SeqCst);
        Self { counter, seen, healed, was_known: is_known(before), overwrites: false }
    }

    /// If the one before left its outcome open, has this one write something: `write` does so, and answers whether it
    /// could.
    pub(crate) fn overwriting(mut self, write: impl FnOnce() -> bool) -> Self {
        self.overwrites = !self.was_known && write();
        self
    }

    /// The even values before this commit, if it was even then, and after it; `None` if the counter will stay odd.
    pub(crate) fn values(&self) -> Option<(Option<u64>, u64)> {
        let odd = self.counter.load(Ordering::Relaxed);
        let before = self.was_known.then_some(odd.wrapping_sub(1));
        (self.was_known || self.overwrites).then_some((before, next_even_above(odd)))
    }

    /// It is committed, and may be seen from now on by who does not read the database.
    pub(crate) fn is_seen(&self) {
        see(self.counter, self.seen);
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

/// Says that the caller may have seen what is being committed, if a commit is under way. Before that is told to
/// anybody, so that whoever learns of it finds this said.
pub(super) fn see(counter: &AtomicU64, seen: &AtomicU64) {
    // After the snapshot was taken: if that has what is being committed, this load finds the counter odd, or later.
    fence(Ordering::SeqCst);
    let now = counter.load(Ordering::SeqCst);
    if !is_known(now) {
        // Others may have said so of a later commit since.
        seen.fetch_max(now, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_current_until_the_commit_that_follows_was_seen_or_has_ended() {
        let is_current = |copy, now, seen| is_current(copy, now, || seen);
        assert!(is_current(4, 4, 0) && is_current(4, 5, 3), "nothing was seen that it lacks");
        assert!(!is_current(4, 5, 5) && !is_current(4, 6, 0), "somebody knows more");
        assert!(!is_current(4, 7, 0), "two commits follow it");
        assert!(is_current(6, 5, 5) && !is_current(8, 5, 5), "made by who is committing");
        assert!(!is_current(4, 5, u64::MAX), "a page that was counted to the end answers nothing");
    }

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
