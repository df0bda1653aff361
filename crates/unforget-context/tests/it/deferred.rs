//! Contexts that are published first and saved soon.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use unforget_context::{
    Change, Changes, ContextStore, Contexts, Error, Event, JsonStore, MemoryStore, Ownership, Persistence,
    Result, SaveWindow, Saved, Stored,
};

use crate::child::{self, Child};

/// Nothing is saved unless it is flushed.
const LONG: SaveWindow = SaveWindow { quiet: Duration::from_hours(1), max_delay: Duration::from_hours(1) };
/// What a writer that never rests is saved by.
const SHORT: SaveWindow = SaveWindow { quiet: Duration::from_hours(1), max_delay: Duration::from_millis(20) };

fn defer_to(store: &Arc<impl ContextStore + 'static>, window: SaveWindow) -> Contexts<u64> {
    Contexts::open(Arc::clone(store) as Arc<dyn ContextStore>, Persistence::Deferred { window }).unwrap()
}

fn stored(store: &impl ContextStore, key: &str) -> Option<(u64, Option<String>)> {
    store.read(key).unwrap().map(|row| (row.revision, row.value))
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_change_is_published_at_once_and_stored_by_a_flush() {
    let store = Arc::new(MemoryStore::default());
    let contexts = defer_to(&store, LONG);
    let mut changes = contexts.subscribe().unwrap();
    contexts.get_or_create("ada", || 1).unwrap();
    let after = contexts.update("ada", |n| n + 1).unwrap();
    assert_eq!((*after, after.revision()), (2, 2));
    assert_eq!(contexts.get("ada").unwrap().as_deref(), Some(&2), "everybody sees it");
    assert_eq!(stored(&*store, "ada"), None, "it waits");
    assert_eq!(contexts.saves().unwrap().status().unsaved, 1);
    contexts.flush().unwrap();
    assert_eq!(stored(&*store, "ada"), Some((2, Some("2".to_owned()))), "what was flushed is stored");
    let status = contexts.saves().unwrap().status();
    assert_eq!((status.unsaved, status.saves, status.contexts), (0, 1, 1), "two changes are one save");
    assert!(matches!(changes.try_next(), Ok(Some(Event::Changed(_)))), "subscribers are told");
}

#[test]
fn a_context_is_saved_though_it_never_rests() {
    let store = Arc::new(MemoryStore::default());
    let contexts = defer_to(&store, SHORT);
    contexts.get_or_create("ada", || 0).unwrap();
    eventually("the longest delay has passed", || {
        contexts.update("ada", |n| n + 1).unwrap();
        contexts.saves().unwrap().status().saves >= 3
    });
    let status = contexts.saves().unwrap().status();
    assert!(status.interval.is_some() && status.last_save.is_some() && status.last_duration.is_some());
}

#[test]
fn every_verb_goes_on_where_the_store_is_and_the_store_where_it_ended() {
    let store = Arc::new(MemoryStore::default());
    let committed: Contexts<u64> = Contexts::open(store.clone(), Persistence::Committed).unwrap();
    for key in ["ada", "bob", "cyd"] {
        committed.get_or_create(key, || 1).unwrap();
    }
    committed.remove("bob").unwrap();
    drop(committed);
    let contexts = defer_to(&store, LONG);
    assert_eq!(contexts.update("ada", |n| n + 1).unwrap().revision(), 2);
    assert_eq!(contexts.insert_new("bob", 5).unwrap().revision(), 3, "a revision never means two values");
    assert!(matches!(contexts.insert_new("bob", 6), Err(Error::AlreadyExists { revision: 3, .. })));
    assert!(contexts.remove("cyd").unwrap() && !contexts.remove("cyd").unwrap());
    assert!(matches!(contexts.update_if("ada", 1, |n| n + 1), Err(Error::Conflict { found: 2, .. })));
    assert!(matches!(contexts.update("cyd", |n| n + 1), Err(Error::NotFound { .. })));
    assert!(matches!(contexts.get_or_create("", || 1), Err(Error::InvalidKey { .. })));
    assert_eq!(contexts.view().unwrap().len(), 2);
    contexts.shutdown().unwrap();
    assert!(matches!(contexts.update("ada", |n| n + 1), Err(Error::Closed)), "it was shut down");
    assert_eq!(
        contexts.get("ada").unwrap().as_deref(),
        Some(&2),
        "nothing is published that nobody will save"
    );
    assert_eq!(stored(&*store, "cyd"), Some((2, None)));
    let committed: Contexts<u64> = Contexts::open(store, Persistence::Committed).unwrap();
    let next = committed.update("ada", |n| n + 1).unwrap();
    assert_eq!((*next, next.revision()), (3, 3), "revisions go on");
}

#[test]
fn views_show_the_newest_of_many_contexts_that_change_all_the_time() {
    let store = Arc::new(MemoryStore::default());
    let contexts = defer_to(&store, LONG);
    let keys: Vec<String> = (0..20).map(|n| format!("user-{n}")).collect();
    for key in &keys {
        contexts.get_or_create(key, || 0).unwrap();
    }
    for round in 1..=50_u64 {
        for key in keys.iter().skip(usize::try_from(round % 7).unwrap()) {
            contexts.update(key, |n| n + 1).unwrap();
        }
        let view = contexts.view().unwrap();
        let all: u64 = view.iter().map(|context| *context.unwrap()).sum();
        let each: u64 = keys.iter().map(|key| *contexts.get(key).unwrap().unwrap()).sum();
        assert_eq!((all, view.len()), (each, 20), "a view and its contexts are one");
    }
}

#[test]
fn threads_lose_no_update_and_the_last_handle_saves() {
    let store = Arc::new(MemoryStore::default());
    let contexts = defer_to(&store, LONG);
    contexts.get_or_create("count", || 0).unwrap();
    // Lets the others come in between.
    let counted = |n: &u64| {
        std::thread::yield_now();
        n + 1
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..500).for_each(|_| drop(contexts.update("count", counted).unwrap())));
        }
    });
    let saves = contexts.saves().unwrap();
    drop(contexts);
    assert_eq!(stored(&*store, "count"), Some((2001, Some("2000".to_owned()))), "dropping saves");
    assert!(saves.status().ended && saves.status().unsaved == 0);
    store.own().expect("what was owned is free");
}

#[test]
fn what_was_seen_before_a_flush_is_stored_after_it() {
    let store = Arc::new(MemoryStore::default());
    let contexts = defer_to(&store, LONG);
    contexts.get_or_create("count", || 0).unwrap();
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                let published = contexts.update("count", |n| n + 1).unwrap().revision();
                // An update that is still to be stored would take the next one along.
                while stored(&*store, "count").is_none_or(|(found, _)| found < published)
                    && !is_done.load(Ordering::Relaxed)
                {
                    std::thread::yield_now();
                }
            }
        });
        let behind = std::iter::repeat_with(|| {
            let seen = contexts.get("count").unwrap().unwrap().revision();
            contexts.flush().unwrap();
            let (found, _) = stored(&*store, "count").unwrap();
            (seen, found)
        });
        let behind = behind.take_while(|(seen, _)| *seen < 1000).find(|(seen, found)| found < seen);
        is_done.store(true, Ordering::Relaxed);
        assert_eq!(behind, None, "what was seen, then flushed, and what is stored");
    });
}

/// Fails to save as long as it is told to.
#[derive(Debug, Default)]
struct Flaky {
    inner: MemoryStore,
    panics: AtomicBool,
    fails: AtomicBool,
    attempts: AtomicU64,
}

impl ContextStore for Flaky {
    fn changes_since(&self, seq: u64) -> Result<Changes> {
        self.inner.changes_since(seq)
    }

    fn read(&self, key: &str) -> Result<Option<Stored>> {
        self.inner.read(key)
    }

    fn update(&self, key: &str, change: Change) -> Result<Option<Stored>> {
        self.inner.update(key, change)
    }

    fn own(&self) -> Result<Ownership> {
        self.inner.own()
    }

    fn save(&self, contexts: &[Saved]) -> Result<()> {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        assert!(!self.panics.swap(false, Ordering::Relaxed), "a store with a mistake");
        if self.fails.load(Ordering::Relaxed) {
            return Err(Error::store(std::io::Error::other("out of reach")));
        }
        self.inner.save(contexts)
    }
}

#[test]
fn a_save_that_fails_is_told_and_tried_again() {
    let store = Arc::new(Flaky::default());
    let contexts = defer_to(&store, SHORT);
    store.fails.store(true, Ordering::Relaxed);
    contexts.get_or_create("ada", || 1).unwrap();
    eventually("it is tried again", || contexts.saves().unwrap().status().failures >= 2);
    let status = contexts.saves().unwrap().status();
    assert!(matches!(status.last_error.as_deref(), Some(Error::Store { .. })), "{status:?}");
    let given_up = contexts.flush_timeout(Duration::from_millis(1));
    assert!(matches!(given_up, Err(Error::Unsaved { keys: 1, last: Some(_) })), "{given_up:?}");
    eventually("what failed waits again", || contexts.saves().unwrap().status().unsaved == 1);
    assert_eq!(*contexts.update("ada", |n| n + 1).unwrap(), 2, "changes go on");
    store.fails.store(false, Ordering::Relaxed);
    contexts.flush().unwrap();
    let status = contexts.saves().unwrap().status();
    assert_eq!((stored(&*store, "ada").unwrap().0, status.failures), (2, 0));
    assert!(status.last_error.is_none());
}

#[test]
fn an_end_that_could_not_save_says_how_much_and_why() {
    let store = Arc::new(Flaky::default());
    let contexts = defer_to(&store, SHORT);
    store.fails.store(true, Ordering::Relaxed);
    contexts.get_or_create("ada", || 1).unwrap();
    contexts.get_or_create("bob", || 2).unwrap();
    eventually("it was tried", || contexts.saves().unwrap().status().failures >= 1);
    let ended = contexts.shutdown_timeout(Duration::from_millis(1));
    assert!(matches!(ended, Err(Error::Unsaved { keys: 2, last: Some(_) })), "{ended:?}");
    assert!(matches!(contexts.update("ada", |n| n + 1), Err(Error::Closed)), "nothing is accepted any more");
}

#[test]
fn a_store_that_panics_is_told_and_tried_again() {
    let store = Arc::new(Flaky::default());
    let contexts = defer_to(&store, LONG);
    store.panics.store(true, Ordering::Relaxed);
    contexts.get_or_create("ada", || 1).unwrap();
    contexts.flush().expect("the thread that saves outlives a panic");
    assert_eq!(stored(&*store, "ada").map(|(revision, _)| revision), Some(1));
    assert!(store.attempts.load(Ordering::Relaxed) >= 2, "the first attempt panicked");
    assert!(store.own().is_err(), "it is still owned");
}

#[test]
fn a_value_that_cannot_be_stored_keeps_no_other_from_it() {
    let store = Arc::new(MemoryStore::default());
    let window = SHORT;
    let contexts: Contexts<f64> = Contexts::open(store.clone(), Persistence::Deferred { window }).unwrap();
    contexts.get_or_create("odd", || f64::NAN).unwrap();
    contexts.get_or_create("ada", || 1.0).unwrap();
    eventually("the others are saved", || stored(&*store, "ada").is_some());
    eventually("it is told why", || {
        let last = contexts.saves().unwrap().status().last_error;
        matches!(last.as_deref(), Some(Error::Unencodable { key, .. }) if key == "odd")
    });
    contexts.update("odd", |_| 2.0).unwrap();
    contexts.flush().unwrap();
    assert_eq!(stored(&*store, "odd"), Some((2, Some("2.0".to_owned()))));
}

#[test]
fn a_value_that_the_store_refuses_keeps_no_other_from_it() {
    let root = tempfile::tempdir().unwrap();
    let store = Arc::new(JsonStore::open(root.path().join("contexts")).unwrap());
    let window = SHORT;
    let contexts: Contexts<String> = Contexts::open(store.clone(), Persistence::Deferred { window }).unwrap();
    contexts.get_or_create("huge", || "x".repeat(2 << 20)).unwrap();
    contexts.get_or_create("ada", || "small".to_owned()).unwrap();
    eventually("the others are saved", || stored(&*store, "ada").is_some());
    eventually("it is told why", || {
        let last = contexts.saves().unwrap().status().last_error;
        matches!(last.as_deref(), Some(Error::Unencodable { key, .. }) if key == "huge")
    });
    contexts.update("huge", |_| "small".to_owned()).unwrap();
    contexts.flush().unwrap();
    assert_eq!(stored(&*store, "huge").map(|(revision, _)| revision), Some(2));
}

#[test]
fn whoever_defers_is_alone_also_in_one_process() {
    let root = tempfile::tempdir().unwrap();
    let open = |persistence| {
        let store = Arc::new(JsonStore::open(root.path().join("contexts")).unwrap());
        Contexts::<u64>::open(store, persistence)
    };
    let deferred = Persistence::Deferred { window: LONG };
    let owner = open(deferred).unwrap();
    for refused in [open(deferred), open(Persistence::Committed)] {
        assert!(matches!(refused, Err(Error::InUse { .. })), "{refused:?}");
    }
    let unasked = Contexts::<u64>::new(Arc::new(JsonStore::open(root.path().join("contexts")).unwrap()));
    assert!(
        matches!(unasked.get_or_create("ada", || 1), Err(Error::InUse { .. })),
        "nobody overwrites an owner"
    );
    drop(owner);
    let (one, two) = (open(Persistence::Committed).unwrap(), open(Persistence::Committed).unwrap());
    assert!(matches!(open(deferred), Err(Error::InUse { .. })));
    drop((one, two, unasked));
    open(deferred).unwrap();
}

/// Role: owns the contexts, counts as fast as it can, and tells what it published, flushed and knows to be saved.
pub(crate) fn defer(directory: &Path) {
    let window = SaveWindow { quiet: Duration::from_hours(1), max_delay: Duration::from_millis(5) };
    let store = Arc::new(JsonStore::open(directory).unwrap());
    let contexts = defer_to(&store, window);
    contexts.get_or_create("count", || 0).unwrap();
    let saves = contexts.saves().unwrap();
    child::say("ready");
    for round in 1_u64.. {
        let before = *contexts.get("count").unwrap().unwrap();
        let done = saves.status().saves;
        // Two saves that succeeded from here on: at least the second began after `before` was published.
        while saves.status().saves < done + 2 {
            let count = *contexts.update("count", |count| count + 1).unwrap();
            if count.is_multiple_of(64) {
                child::say(&format!("published {count}"));
            }
        }
        child::say(&format!("saved {before}"));
        if round % 3 == 0 {
            let flushed = *contexts.update("count", |count| count + 1).unwrap();
            contexts.flush().unwrap();
            child::say(&format!("flushed {flushed}"));
        }
    }
}

#[test]
fn a_killed_owner_loses_only_what_was_published_since_its_last_saves_and_frees_the_store() {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("contexts");
    for round in 1..=5 {
        let owner = Child::start("defer", &directory);
        let committed = Persistence::Committed;
        let refused = Contexts::<u64>::open(Arc::new(JsonStore::open(&directory).unwrap()), committed);
        match refused {
            Err(error @ Error::InUse { .. }) => {
                let (text, id) = (error.to_string(), owner.id().to_string());
                assert!(text.contains(&id) && text.contains("since"), "it names process {id}: {text}");
            }
            other => panic!("an owner is alone: {other:?}"),
        }
        let mut said: Vec<String> = Vec::new();
        while said.iter().filter(|line| line.starts_with("saved")).count() < 4 * round {
            said.push(owner.hear());
        }
        said.extend(owner.kill());
        let last = |what: &str| {
            let numbers = said.iter().filter_map(|line| line.strip_prefix(what)?.trim().parse::<u64>().ok());
            numbers.max().unwrap_or(0)
        };
        // The kernel has freed the lock with the process: this does not wait.
        let contexts =
            Contexts::<u64>::open(Arc::new(JsonStore::open(&directory).unwrap()), committed).unwrap();
        let found = contexts.get("count").unwrap().unwrap();
        assert!(*found >= last("flushed"), "{} is stored of {} flushed", *found, last("flushed"));
        assert!(*found >= last("saved"), "{} is stored, and two saves came after {}", *found, last("saved"));
        assert_eq!(found.revision(), *found + 1, "value and revision are of one snapshot");
    }
}
