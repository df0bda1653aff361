//! All contexts at one point in time, and how one point follows another.

use std::sync::Arc;

use rpds::HashTrieMapSync;
use serde::de::DeserializeOwned;

use crate::{Changes, Result, Snapshot};

/// A context, or why it cannot be read: one unreadable value must not hide the others.
type Decoded<C> = Result<Snapshot<C>>;

/// Every context as of one change. Sharing structure with its predecessors, it is cheap to hold and to follow.
#[derive(Debug)]
pub(crate) struct State<C> {
    seq: u64,
    contexts: HashTrieMapSync<Arc<str>, Decoded<C>>,
}

/// What a store reported, decoded before it is folded in, because folding may be repeated.
pub(crate) struct Step<C> {
    latest: u64,
    rows: Vec<(Arc<str>, Option<Decoded<C>>)>,
}

impl<C> State<C> {
    pub(crate) fn empty() -> Self {
        Self { seq: 0, contexts: HashTrieMapSync::new_sync() }
    }

    /// The number of the last change this state includes.
    pub(crate) fn seq(&self) -> u64 {
        self.seq
    }

    pub(crate) fn get(&self, key: &str) -> Result<Option<Snapshot<C>>> {
        self.contexts.get(key).cloned().transpose()
    }

    pub(crate) fn len(&self) -> usize {
        self.contexts.size()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Decoded<C>> {
        self.contexts.values()
    }

    /// The state after `step`, or `None` if this state already includes it.
    ///
    /// A step tells of *every* key that changed after the number it was asked for, and of the last change of each. So
    /// folding a step that was asked for an older state into a newer one is harmless where it reaches further:
    /// rows that the newer state already has are the same rows, or newer ones. Where it does not reach further it
    /// is refused whole; a removed context cannot come back by way of a reader that was slow to publish.
    pub(crate) fn follow(&self, step: &Step<C>) -> Option<Self> {
        if step.latest <= self.seq {
            return None;
        }
        let mut contexts = self.contexts.clone();
        for (key, decoded) in &step.rows {
            match decoded {
                Some(decoded) => contexts.insert_mut(Arc::clone(key), decoded.clone()),
                None => drop(contexts.remove_mut(key)),
            }
        }
        Some(Self { seq: step.latest, contexts })
    }
}

impl<C: DeserializeOwned> Step<C> {
    pub(crate) fn decode(changes: &Changes) -> Self {
        let decode = |row| Snapshot::decode(row).transpose();
        let rows = changes.rows.iter().map(|row| (Arc::from(row.key.as_str()), decode(row))).collect();
        Self { latest: changes.latest, rows }
    }
}
