//! Contexts in a store of the program's own: a log of changes, kept in order.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use unforget_context::{Change, Changes, ContextStore, Contexts, Next, Result, Stored, UserContext};

/// Every change that was ever made; its place is its sequence number.
#[derive(Debug, Default)]
struct Log(Mutex<Vec<Stored>>);

impl Log {
    fn latest<'log>(log: &'log [Stored], key: &str) -> Option<&'log Stored> {
        log.iter().rev().find(|stored| stored.key == key)
    }
}

impl ContextStore for Log {
    fn changes_since(&self, seq: u64) -> Result<Changes> {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = usize::try_from(seq).unwrap_or(usize::MAX).min(log.len());
        let rows = (seen..log.len()).filter(|at| log[at + 1..].iter().all(|later| later.key != log[*at].key));
        Ok(Changes { latest: log.len() as u64, rows: rows.map(|at| log[at].clone()).collect() })
    }

    fn read(&self, key: &str) -> Result<Option<Stored>> {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Self::latest(&log, key).cloned())
    }

    fn update(&self, key: &str, mut change: Change) -> Result<Option<Stored>> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Self::latest(&log, key).cloned();
        let value = match change(now.as_ref())? {
            Next::Keep => return Ok(now),
            Next::Put(json) => Some(json),
            Next::Remove => None,
        };
        let (seq, revision) = (log.len() as u64 + 1, now.map_or(0, |stored| stored.revision) + 1);
        let stored = Stored { key: key.to_owned(), seq, revision, value };
        log.push(stored.clone());
        Ok(Some(stored))
    }
}

#[test]
fn no_change_is_lost_and_no_snapshot_moves() -> Result<()> {
    let store = Arc::new(Log::default());
    let contexts: Contexts<UserContext> = Contexts::new(store.clone());
    let before = contexts.get_or_create("ada", || UserContext::new("ada"))?;
    let learned = thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let contexts = &contexts;
                scope.spawn(move || {
                    let topics = (0..10).map(|n| format!("topic {thread}.{n}"));
                    let learn = |topic: String| contexts.update("ada", move |ada| ada.with_topic(&topic));
                    topics.map(learn).all(|learned| learned.is_ok())
                })
            })
            .collect();
        threads.into_iter().all(|thread| thread.join().unwrap_or(false))
    });
    assert!(learned, "every update was acknowledged");
    let other: Contexts<UserContext> = Contexts::new(store);
    let after = other.get("ada")?;
    assert_eq!(after.map(|ada| ada.topics().len()), Some(40), "another reader of the store sees all of them");
    assert!(before.topics().is_empty(), "and the first snapshot is what it was");
    other.remove("ada")?;
    assert!(contexts.get("ada")?.is_none());
    Ok(())
}
