//! How a state follows from another by a change that its owner made in memory.

use std::sync::Arc;

use crate::Snapshot;
use crate::published::State;
use crate::recent::Changed;

impl<C> State<C> {
    /// This state with one context newer, as the next change.
    pub(crate) fn with_changed(&self, snapshot: Snapshot<C>) -> Self {
        let mut next = self.at(self.moment);
        next.count(snapshot.shared_key(), snapshot.revision(), false);
        next.put(snapshot);
        next
    }

    /// This state without the context of `key`, as the next change. `revision` is that of the removal.
    pub(crate) fn with_removed(&self, key: &Arc<str>, revision: u64) -> Self {
        let mut next = self.at(self.moment);
        next.count(Arc::clone(key), revision, true);
        next.cool_down();
        next.contexts.remove(key);
        next
    }

    fn count(&mut self, key: Arc<str>, revision: u64, removed: bool) {
        self.seq += 1;
        self.recent.add(Changed { key, seq: self.seq, revision, removed });
    }

    /// What is hot is in the map as well, in an older version: so the map alone knows which contexts there are.
    fn put(&mut self, snapshot: Snapshot<C>) {
        if !self.contexts.contains_key(snapshot.key()) {
            self.contexts.insert(snapshot.shared_key(), Ok(snapshot));
        } else if let Err(snapshot) = self.hot.put(snapshot) {
            self.cool_down();
            let _there_is_room = self.hot.put(snapshot);
        }
    }

    fn cool_down(&mut self) {
        for snapshot in self.hot.take_all() {
            self.contexts.insert(snapshot.shared_key(), Ok(snapshot));
        }
    }
}
