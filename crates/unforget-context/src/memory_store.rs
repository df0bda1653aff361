//! A store that keeps nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use unforget_sync::primitive::Mutex;
use unforget_sync::primitive::atomic::{AtomicU64, Ordering};

use crate::store::Next;
use crate::{Change, Changes, ContextStore, Error, Generation, Moment, Ownership, Result, Saved, Stored};

/// Keeps contexts in this process only; they are gone with it.
///
/// For programs that need snapshots and no persistence, and for tests of a program's own contexts.
#[derive(Debug, Default)]
pub struct MemoryStore {
    rows: Mutex<Rows>,
    counter: Arc<Counter>,
    holders: Arc<Holders>,
}

/// Who has the right to write.
#[derive(Debug, Default)]
struct Holders {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    shared: usize,
    owned: bool,
}

/// Odd while a change is made, under the lock of the rows.
#[derive(Debug, Default)]
struct Counter(AtomicU64);

#[derive(Debug, Default)]
struct Rows {
    latest: u64,
    by_key: HashMap<String, Stored>,
    /// The keys by the number of their last change.
    by_seq: BTreeMap<u64, String>,
}

impl Rows {
    fn put(&mut self, stored: Stored) {
        self.latest = stored.seq;
        self.by_seq.insert(stored.seq, stored.key.clone());
        if let Some(replaced) = self.by_key.insert(stored.key.clone(), stored) {
            self.by_seq.remove(&replaced.seq);
        }
    }
}

impl ContextStore for MemoryStore {
    fn changes_since(&self, seq: u64) -> Result<Changes> {
        let rows = self.rows.lock();
        let since = seq.saturating_add(1);
        let changed = if since > rows.latest { None } else { Some(rows.by_seq.range(since..)) };
        let changed = changed.into_iter().flatten().filter_map(|(_, key)| rows.by_key.get(key));
        Ok(Changes { latest: rows.latest, rows: changed.cloned().collect() })
    }

    fn read(&self, key: &str) -> Result<Option<Stored>> {
        Ok(self.rows.lock().by_key.get(key).cloned())
    }

    /// Decides outside the lock and stores if the context is still the one it decided on, else decides again.
    fn update(&self, key: &str, mut change: Change) -> Result<Option<Stored>> {
        loop {
            let seen = self.read(key)?;
            let next = change(seen.as_ref())?;
            let mut rows = self.rows.lock();
            let revision = |row: Option<&Stored>| row.map_or(0, |stored| stored.revision);
            if revision(rows.by_key.get(key)) != revision(seen.as_ref()) {
                continue;
            }
            let value = match next {
                Next::Keep => return Ok(seen),
                Next::Put(json) => Some(json),
                Next::Remove => None,
            };
            let (revision, seq) = (revision(seen.as_ref()) + 1, rows.latest + 1);
            let stored = Stored { key: key.to_owned(), revision, seq, value };
            self.counter.begin();
            rows.put(stored.clone());
            self.counter.end();
            return Ok(Some(stored));
        }
    }

    fn generation(&self) -> Option<Arc<dyn Generation>> {
        Some(Arc::clone(&self.counter) as Arc<dyn Generation>)
    }

    fn share(&self) -> Result<Ownership> {
        let mut holders = self.holders.held.lock();
        if holders.owned {
            return Err(Error::InUse { holder: "an owner in this process".to_owned() });
        }
        holders.shared += 1;
        Ok(Ownership::new(Sharing(Arc::clone(&self.holders))))
    }

    fn own(&self) -> Result<Ownership> {
        let mut holders = self.holders.held.lock();
        if holders.owned || holders.shared > 0 {
            let Held { shared, owned } = *holders;
            let holder = format!("in this process {} owners and {shared} who share", u8::from(owned));
            return Err(Error::InUse { holder });
        }
        holders.owned = true;
        Ok(Ownership::new(Owning(Arc::clone(&self.holders))))
    }

    fn save(&self, contexts: &[Saved]) -> Result<()> {
        let mut rows = self.rows.lock();
        for saved in contexts {
            rows.admit(saved)?;
        }
        self.counter.begin();
        for saved in contexts {
            rows.save(saved);
        }
        self.counter.end();
        Ok(())
    }
}

struct Sharing(Arc<Holders>);

impl Drop for Sharing {
    fn drop(&mut self) {
        self.0.held.lock().shared -= 1;
    }
}

struct Owning(Arc<Holders>);

impl Drop for Owning {
    fn drop(&mut self) {
        self.0.held.lock().owned = false;
    }
}

impl Rows {
    fn revision(&self, key: &str) -> u64 {
        self.by_key.get(key).map_or(0, |stored| stored.revision)
    }

    fn admit(&self, saved: &Saved) -> Result<()> {
        let (key, found) = (&saved.key, self.revision(&saved.key));
        let newer = found > saved.revision;
        let conflict = || Error::Conflict { key: key.clone(), expected: saved.revision, found };
        if newer { Err(conflict()) } else { Ok(()) }
    }

    fn save(&mut self, saved: &Saved) {
        if self.revision(&saved.key) < saved.revision {
            let Saved { key, revision, value } = saved.clone();
            self.put(Stored { key, revision, seq: self.latest + 1, value });
        }
    }
}

impl Counter {
    /// Only who holds the lock of the rows moves the counter. Whoever reads a change has had the lock after that, so
    /// what it loads from then on is odd, or later.
    fn begin(&self) {
        self.0.fetch_add(1, Ordering::Release);
    }

    fn end(&self) {
        self.0.fetch_add(1, Ordering::Release);
    }
}

impl Generation for Counter {
    fn now(&self) -> Option<Moment> {
        let counter = self.0.load(Ordering::Acquire);
        counter.is_multiple_of(2).then_some(Moment::new(counter, 0))
    }
}
