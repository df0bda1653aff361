//! The stores of this crate do what every store has to, and stores that do not are found out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use unforget_context::conformance::{self, Subject, Violations};
use unforget_context::{
    Change, Changes, ContextStore, Generation, JsonStore, MemoryStore, Moment, Ownership, Result, Saved,
    Stored,
};

#[test]
fn a_store_in_memory_conforms() {
    let outcome = conformance::run(|| {
        let store = Arc::new(MemoryStore::default());
        Subject::new(move || Arc::clone(&store))
    });
    assert_eq!(outcome, Ok(()), "a rule is broken");
}

#[test]
fn a_store_of_json_files_conforms() {
    let outcome = conformance::run(|| {
        let root = tempfile::tempdir().unwrap();
        Subject::new(move || Arc::new(JsonStore::open(root.path().join("contexts")).unwrap()))
    });
    assert_eq!(outcome, Ok(()), "a rule is broken");
}

/// Ways to be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    NumbersGoBack,
    NumbersComeAgain,
    TellsTooMuch,
    LosesUpdates,
    ReadsInPieces,
    TellsLate,
    HidesRemovals,
    CountsAnew,
    ChangesThoughRefused,
    CutsValues,
    FoldsCase,
    MomentLasts,
    SharesWhatIsOwned,
    SavesAnything,
}

/// A store with one fault, made from one that has none.
#[derive(Debug)]
struct Faulty {
    inner: MemoryStore,
    fault: Fault,
    updates: AtomicU64,
}

impl Faulty {
    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn distort(&self, mut stored: Stored) -> Stored {
        match self.fault {
            Fault::NumbersGoBack => stored.seq = 1000 - stored.seq.min(1000),
            Fault::NumbersComeAgain if stored.value.is_none() => stored.seq -= 1,
            Fault::CountsAnew if stored.revision > 3 => stored.revision -= 3,
            Fault::CutsValues => {
                stored.value = stored.value.map(|value| value.chars().take(1000).collect());
            }
            _ => {}
        }
        stored
    }

    fn key(&self, key: &str) -> String {
        if self.is(Fault::FoldsCase) { key.to_lowercase() } else { key.to_owned() }
    }
}

impl ContextStore for Faulty {
    fn changes_since(&self, seq: u64) -> Result<Changes> {
        let asked = if self.is(Fault::TellsTooMuch) { 0 } else { seq };
        let mut changes = self.inner.changes_since(asked)?;
        if self.is(Fault::ReadsInPieces) {
            std::thread::yield_now();
            let later = self.inner.changes_since(asked)?;
            let second = later.rows.into_iter().filter(|row| row.key == "second");
            changes.rows.retain(|row| row.key != "second");
            changes.rows.extend(second);
        }
        if self.is(Fault::TellsLate) && self.updates.load(Ordering::Relaxed) == 1 {
            return Ok(Changes { latest: 0, rows: Vec::new() });
        }
        if self.is(Fault::HidesRemovals) {
            changes.rows.retain(|row| row.value.is_some());
        }
        changes.rows = changes.rows.into_iter().map(|row| self.distort(row)).collect();
        Ok(changes)
    }

    fn read(&self, key: &str) -> Result<Option<Stored>> {
        Ok(self.inner.read(&self.key(key))?.map(|row| self.distort(row)))
    }

    fn update(&self, key: &str, mut change: Change) -> Result<Option<Stored>> {
        self.updates.fetch_add(1, Ordering::Relaxed);
        let key = self.key(key);
        if self.is(Fault::ChangesThoughRefused) && change(None).is_err() {
            let _also =
                self.inner.update("else", Box::new(|_| Ok(unforget_context::Next::Put("1".to_owned()))));
        }
        let stored = if self.is(Fault::LosesUpdates) {
            let seen = self.inner.read(&key)?;
            let next = change(seen.as_ref())?;
            std::thread::yield_now();
            self.inner.update(&key, Box::new(move |_| Ok(next.clone())))?
        } else {
            self.inner.update(&key, change)?
        };
        Ok(stored.map(|row| self.distort(row)))
    }

    fn generation(&self) -> Option<Arc<dyn Generation>> {
        let lasting = || Arc::new(Lasting) as Arc<dyn Generation>;
        if self.is(Fault::MomentLasts) { Some(lasting()) } else { self.inner.generation() }
    }

    fn share(&self) -> Result<Ownership> {
        if self.is(Fault::SharesWhatIsOwned) { Ok(Ownership::new(())) } else { self.inner.share() }
    }

    fn own(&self) -> Result<Ownership> {
        self.inner.own()
    }

    fn save(&self, contexts: &[Saved]) -> Result<()> {
        if self.is(Fault::SavesAnything) {
            for saved in contexts.iter().cloned() {
                let next = saved.value.map_or(unforget_context::Next::Remove, unforget_context::Next::Put);
                self.inner.update(&saved.key, Box::new(move |_| Ok(next.clone())))?;
            }
            return Ok(());
        }
        self.inner.save(contexts)
    }
}

#[derive(Debug)]
struct Lasting;

impl Generation for Lasting {
    fn now(&self) -> Option<Moment> {
        Some(Moment::new(0, 0))
    }
}

fn violations(fault: Fault) -> Vec<&'static str> {
    let outcome = conformance::run(move || {
        let store = Arc::new(Faulty { inner: MemoryStore::default(), fault, updates: AtomicU64::new(0) });
        Subject::new(move || Arc::clone(&store))
    });
    outcome.err().map_or(Vec::new(), |Violations(all)| all.into_iter().map(|found| found.rule).collect())
}

#[test]
fn each_rule_finds_the_store_that_breaks_it() {
    let broken = [
        (Fault::NumbersGoBack, "numbers are in the order of the commits"),
        (Fault::NumbersComeAgain, "a number is never used twice"),
        (Fault::TellsTooMuch, "what changed after a number is told, and nothing else"),
        (Fault::LosesUpdates, "an update is one transaction"),
        (Fault::ReadsInPieces, "what changed is told as of one point in time"),
        (Fault::TellsLate, "what was acknowledged is told"),
        (Fault::HidesRemovals, "a removal is told"),
        (Fault::CountsAnew, "revisions go on after a removal"),
        (Fault::ChangesThoughRefused, "an error of the change is passed on and changes nothing"),
        (Fault::CutsValues, "a value is given back as it was, whatever it means"),
        (Fault::FoldsCase, "different keys are different contexts"),
        (Fault::MomentLasts, "a moment ends when anything changes, and comes once"),
        (Fault::SharesWhatIsOwned, "owners exclude all others, and are told apart"),
        (Fault::SavesAnything, "what an owner saves keeps its revisions"),
    ];
    assert_eq!(
        broken.map(|(_, rule)| rule).to_vec(),
        conformance::rules().collect::<Vec<_>>(),
        "one fault per rule"
    );
    for (fault, rule) in broken {
        let found = violations(fault);
        assert!(found.contains(&rule), "{fault:?} breaks `{rule}`, but found were {found:?}");
    }
}
