//! A store at whose calls a test can do something, and that counts them.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use unforget_context::{
    Change, Changes, Committed, ContextStore, Generation, MemoryStore, Moment, Observer, Observing, Result,
    Stored,
};

type Hook = Box<dyn FnOnce() + Send>;

/// Where a hook runs, once.
#[derive(Default)]
pub(crate) struct Place(Mutex<Option<Hook>>);

impl Place {
    pub(crate) fn once(&self, hook: impl FnOnce() + Send + 'static) {
        *self.0.lock().unwrap() = Some(Box::new(hook));
    }

    fn pass(&self) {
        let hook = self.0.lock().unwrap().take();
        if let Some(hook) = hook {
            hook();
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Place")
    }
}

/// A store in memory with a generation of its own, for one writer at a time.
#[derive(Debug, Default)]
pub(crate) struct Staged {
    inner: MemoryStore,
    pub(crate) generation: Option<Arc<Turns>>,
    pub(crate) before_changes: Place,
    pub(crate) after_changes: Place,
    pub(crate) after_read: Place,
    pub(crate) asked: AtomicUsize,
    pub(crate) read: AtomicUsize,
    pub(crate) committed: AtomicUsize,
    /// Whether handles are told of each other's commits, as those of one process.
    tells: bool,
    told: Told,
}

/// Who is told of commits.
#[derive(Default)]
struct Told(Mutex<Vec<Observer>>);

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Told")
    }
}

/// Odd while a commit is under way.
#[derive(Debug, Default)]
pub(crate) struct Turns(pub(crate) AtomicU64);

impl Generation for Turns {
    fn now(&self) -> Option<Moment> {
        let turn = self.0.load(Ordering::Acquire);
        turn.is_multiple_of(2).then_some(Moment::new(turn, 1))
    }
}

impl Staged {
    pub(crate) fn with_generation() -> Arc<Self> {
        Arc::new(Self { generation: Some(Arc::default()), ..Self::default() })
    }

    pub(crate) fn telling() -> Arc<Self> {
        Arc::new(Self { generation: Some(Arc::default()), tells: true, ..Self::default() })
    }

    /// How often it was asked for changes since this was last called.
    pub(crate) fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::Relaxed)
    }

    /// Commits as another process does, of whose commits nobody here is told.
    pub(crate) fn commit_elsewhere(&self, key: &str, change: Change) {
        self.turn();
        self.inner.update(key, change).unwrap();
        self.turn();
    }

    /// Tells of a commit that is under way.
    pub(crate) fn tell(&self, rows: Vec<&Stored>) {
        let Some(turns) = &self.generation else { return };
        let odd = turns.0.load(Ordering::Relaxed);
        let (before, moment) = (Some(Moment::new(odd - 1, 1)), Moment::new(odd + 1, 1));
        let committed = Committed { rows, before, moment: &|| moment };
        self.told.0.lock().unwrap().iter().for_each(|observer| observer(&committed));
    }

    pub(crate) fn turn(&self) {
        if let Some(turns) = &self.generation {
            turns.0.fetch_add(1, Ordering::Release);
        }
    }
}

impl ContextStore for Staged {
    fn changes_since(&self, seq: u64) -> Result<Changes> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.before_changes.pass();
        let changes = self.inner.changes_since(seq);
        self.after_changes.pass();
        changes
    }

    fn read(&self, key: &str) -> Result<Option<Stored>> {
        self.read.fetch_add(1, Ordering::Relaxed);
        let stored = self.inner.read(key);
        self.after_read.pass();
        stored
    }

    fn update(&self, key: &str, change: Change) -> Result<Option<Stored>> {
        self.turn();
        let stored = self.inner.update(key, change);
        if let Ok(Some(stored)) = &stored {
            self.tell(vec![stored]);
        }
        self.turn();
        self.committed.fetch_add(1, Ordering::Release);
        stored
    }

    fn observe(&self, observer: Observer) -> Option<Observing> {
        if !self.tells {
            return None;
        }
        self.told.0.lock().unwrap().push(observer);
        Some(Observing::new(()))
    }

    fn generation(&self) -> Option<Arc<dyn Generation>> {
        self.generation.clone().map(|turns| turns as Arc<dyn Generation>)
    }
}
