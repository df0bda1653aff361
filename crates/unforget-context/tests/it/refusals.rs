//! What is refused whatever the store.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use unforget_context::{ContextStore, Contexts, Error, JsonStore, MemoryStore, Persistence, SaveWindow};

use crate::staged::Staged;

fn deferred(store: Arc<dyn ContextStore>) -> Result<Contexts<u64>, Error> {
    Contexts::open(store, Persistence::Deferred { window: SaveWindow::default() })
}

/// Contexts of each kind that this crate brings, and the directory that one of them needs.
fn of_each_kind() -> (tempfile::TempDir, [(&'static str, Contexts<u64>); 3]) {
    let root = tempfile::tempdir().unwrap();
    let files = JsonStore::open(root.path().join("contexts")).unwrap();
    let all = [
        ("in memory", Contexts::new(Arc::new(MemoryStore::default()))),
        ("in files", Contexts::new(Arc::new(files))),
        ("deferred", deferred(Arc::new(MemoryStore::default())).unwrap()),
    ];
    (root, all)
}

type Attempt = fn(&Contexts<u64>) -> Result<(), Error>;

const ATTEMPTS: [(&str, Attempt); 6] = [
    ("update another", |contexts| contexts.update("bob", |n| n + 1).map(drop)),
    ("update its own", |contexts| contexts.update("ada", |n| n + 1).map(drop)),
    ("update at a revision", |contexts| contexts.update_if("bob", 1, |n| n + 1).map(drop)),
    ("create", |contexts| contexts.get_or_create("carol", || 1).map(drop)),
    ("insert", |contexts| contexts.insert_new("carol", 1).map(drop)),
    ("remove", |contexts| contexts.remove("bob").map(drop)),
];

#[test]
fn a_change_inside_a_change_is_refused_and_the_outer_one_counts() {
    let (_root, all) = of_each_kind();
    for (kind, contexts) in all {
        contexts.insert_new("bob", 0).unwrap();
        contexts.insert_new("ada", 0).unwrap();
        for (what, attempt) in ATTEMPTS {
            let inner = contexts.clone();
            contexts
                .update("ada", move |n| {
                    let refused = attempt(&inner);
                    assert!(matches!(refused, Err(Error::Reentrant)), "{kind}, {what}: {refused:?}");
                    n + 1
                })
                .unwrap();
        }
        let inner = contexts.clone();
        let created =
            contexts.get_or_create("dora", move || u64::from(inner.update("bob", |n| n + 1).is_ok()));
        assert_eq!(*created.unwrap(), 0, "{kind}: a change inside a creation");
        let now = |key: &str| contexts.get(key).unwrap().map(|n| *n);
        let as_expected = (Some(ATTEMPTS.len() as u64), Some(0), None);
        assert_eq!((now("ada"), now("bob"), now("carol")), as_expected, "{kind}");
    }
}

#[test]
fn a_thread_whose_change_panicked_may_change_again() {
    let (_root, all) = of_each_kind();
    for (kind, contexts) in all {
        contexts.insert_new("ada", 0).unwrap();
        let panicked = catch_unwind(AssertUnwindSafe(|| contexts.update("ada", |_| panic!("as asked"))));
        assert!(panicked.is_err(), "{kind}: the caller is told of its own panic");
        assert_eq!(*contexts.update("ada", |n| n + 1).unwrap(), 1, "{kind}");
    }
}

#[test]
fn changes_of_a_store_without_owners_are_not_deferred() {
    let refused = deferred(Staged::with_generation());
    assert!(matches!(refused, Err(Error::NotOwnable)), "{refused:?}");
}
