//! A process that forks while it owns contexts.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fork::{Fork, fork, waitpid};
use unforget_context::{Contexts, Error, JsonStore, Persistence, SaveWindow};

use crate::child::{Child, say};

/// Role: owns contexts of which one waits to be saved, and forks.
pub(crate) fn fork_an_owner(directory: &Path) {
    let window = SaveWindow { quiet: Duration::from_hours(1), max_delay: Duration::from_hours(1) };
    let store = Arc::new(JsonStore::open(directory).unwrap());
    let contexts: Contexts<u64> = Contexts::open(store, Persistence::Deferred { window }).unwrap();
    contexts.insert_new("ada", 1).unwrap();
    say("ready");
    let child = match fork().unwrap() {
        Fork::Parent(child) => child,
        Fork::Child => std::process::exit(as_a_child(contexts)),
    };
    assert_eq!(waitpid(child).unwrap(), 0, "the child is refused and does not wait");
    contexts.flush().unwrap();
    say("saved by the parent");
}

/// What a child does with the contexts of its parent; 0 if it was refused at once.
fn as_a_child(contexts: Contexts<u64>) -> i32 {
    let began = Instant::now();
    let refused = [contexts.flush(), contexts.shutdown()]
        .iter()
        .all(|ended| matches!(ended, Err(Error::Forked { opened_by }) if *opened_by != std::process::id()));
    drop(contexts);
    i32::from(!refused || began.elapsed() > Duration::from_secs(5))
}

#[test]
fn a_forked_child_neither_saves_what_its_parent_owns_nor_waits_for_it() {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("contexts");
    let parent = Child::start("fork", &directory);
    assert_eq!(parent.hear(), "saved by the parent");
    drop(parent);
    let contexts: Contexts<u64> = Contexts::new(Arc::new(JsonStore::open(&directory).unwrap()));
    assert_eq!(contexts.get("ada").unwrap().as_deref(), Some(&1));
}
