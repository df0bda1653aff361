//! A store that keeps nothing.

use std::collections::HashMap;

use unforget_sync::primitive::Mutex;

use crate::store::Next;
use crate::{Change, Changes, ContextStore, Result, Stored};

/// Keeps contexts in this process only; they are gone with it.
///
/// For programs that need snapshots and no persistence, and for tests of a program's own contexts.
#[derive(Debug, Default)]
pub struct MemoryStore {
    rows: Mutex<Rows>,
}

#[derive(Debug, Default)]
struct Rows {
    latest: u64,
    by_key: HashMap<String, (u64, Stored)>,
}

impl ContextStore for MemoryStore {
    fn changes_since(&self, seq: u64) -> Result<Changes> {
        let rows = self.rows.lock();
        let changed = rows.by_key.values().filter(|(changed, _)| *changed > seq);
        Ok(Changes { latest: rows.latest, rows: changed.map(|(_, stored)| stored.clone()).collect() })
    }

    /// Decides outside the lock and stores if the context is still the one it decided on, else decides again.
    fn update(&self, key: &str, mut change: Change) -> Result<Option<Stored>> {
        loop {
            let seen = self.row(key);
            let next = change(seen.as_ref())?;
            let mut rows = self.rows.lock();
            let now = rows.by_key.get(key).map(|(_, stored)| stored);
            if now.map(|stored| stored.revision) != seen.as_ref().map(|stored| stored.revision) {
                continue;
            }
            let value = match next {
                Next::Keep => return Ok(seen),
                Next::Put(json) => Some(json),
                Next::Remove => None,
            };
            let revision = seen.map_or(0, |stored| stored.revision) + 1;
            let stored = Stored { key: key.to_owned(), revision, value };
            rows.latest += 1;
            let seq = rows.latest;
            rows.by_key.insert(key.to_owned(), (seq, stored.clone()));
            return Ok(Some(stored));
        }
    }
}

impl MemoryStore {
    fn row(&self, key: &str) -> Option<Stored> {
        self.rows.lock().by_key.get(key).map(|(_, stored)| stored.clone())
    }
}
