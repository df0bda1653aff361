//! The last changes, for those who follow them.

use std::sync::Arc;

/// The most changes that are remembered. Half of them are forgotten at once, so at least that many always are.
pub(crate) const REMEMBERED: u64 = 1024;
const HALF: u64 = REMEMBERED / 2;

/// One change of one context.
///
/// It names the context and does not hold its value: by the time it is told there may be a newer one, and a value that
/// nobody reads is not kept for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    pub(crate) key: Arc<str>,
    pub(crate) seq: u64,
    pub(crate) revision: u64,
    pub(crate) removed: bool,
}

impl Changed {
    /// The key of the context.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The number of the change among those of all contexts of the store.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The revision that the context got by it.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Tells whether the context was removed.
    pub fn is_removal(&self) -> bool {
        self.removed
    }
}

/// The last changes of a published state; part of the state, so that neither is ahead of the other.
///
/// Two lists that share their tails with those of earlier states: to add is one allocation whatever is remembered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recent {
    newer: List,
    older: List,
    /// How many changes there ever were, those that are forgotten included.
    total: u64,
}

type List = Option<Arc<Node>>;

/// A change and the one before it. No list is longer than [`HALF`], so dropping one does not go deep.
#[derive(Debug)]
struct Node {
    /// How many changes there were before this one.
    index: u64,
    changed: Changed,
    previous: List,
}

/// What came after a place among the changes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Followed {
    /// How many are forgotten; they came before the others.
    pub(crate) missed: u64,
    /// The latest first.
    pub(crate) changes: Vec<Changed>,
}

impl Recent {
    /// How many changes there were.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    pub(crate) fn add(&mut self, changed: Changed) {
        if self.total.is_multiple_of(HALF) {
            self.older = self.newer.take();
        }
        let previous = self.newer.take();
        self.newer = Some(Arc::new(Node { index: self.total, changed, previous }));
        self.total += 1;
    }

    /// Counts changes of which nobody would be told, because more come at once than are remembered.
    pub(crate) fn skip(&mut self, changes: u64) {
        if changes > 0 {
            *self = Self { newer: None, older: None, total: self.total + changes };
        }
    }

    /// What came after the first `told` changes.
    pub(crate) fn after(&self, told: u64) -> Followed {
        let nodes = self.newer().chain(self.older()).take_while(|node| node.index >= told);
        let changes: Vec<_> = nodes.map(|node| node.changed.clone()).collect();
        let missed = self.total.saturating_sub(told) - changes.len() as u64;
        Followed { missed, changes }
    }

    fn newer(&self) -> impl Iterator<Item = &Node> {
        std::iter::successors(self.newer.as_deref(), |node| node.previous.as_deref())
    }

    fn older(&self) -> impl Iterator<Item = &Node> {
        std::iter::successors(self.older.as_deref(), |node| node.previous.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(seq: u64) -> Changed {
        Changed { key: Arc::from("ada"), seq, revision: seq, removed: false }
    }

    fn seqs(followed: &Followed) -> Vec<u64> {
        followed.changes.iter().rev().map(Changed::seq).collect()
    }

    #[test]
    fn a_follower_is_told_of_every_change_or_how_many_it_missed() {
        let mut recent = Recent::default();
        for seq in 0..10 * REMEMBERED {
            for behind in [0, 1, HALF, REMEMBERED, 3 * REMEMBERED] {
                let told = seq.saturating_sub(behind);
                let followed = recent.after(told);
                let first = told + followed.missed;
                assert_eq!(seqs(&followed), (first..seq).collect::<Vec<_>>(), "no gap but the one told of");
                assert!(behind > HALF || followed.missed == 0, "at least half are remembered");
            }
            recent.add(changed(seq));
        }
    }

    #[test]
    fn what_was_skipped_counts_as_missed() {
        let mut recent = Recent::default();
        recent.add(changed(0));
        recent.skip(5);
        recent.add(changed(6));
        let followed = recent.after(0);
        assert_eq!((followed.missed, seqs(&followed)), (6, vec![6]));
    }

    #[test]
    fn an_earlier_state_is_not_changed_by_a_later_one() {
        let mut recent = Recent::default();
        recent.add(changed(0));
        let before = recent.clone();
        recent.add(changed(1));
        assert_eq!((seqs(&before.after(0)), seqs(&recent.after(0))), (vec![0], vec![0, 1]));
    }
}
