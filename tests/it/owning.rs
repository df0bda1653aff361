//! One process that owns the contexts of a store and saves them later.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use unforget::{Options, Persistence, SaveWindow, Unforget, UserContext};

use crate::child::{Child, say, wait_for_parent};

/// Nothing is saved unless it is flushed.
const NEVER: SaveWindow = SaveWindow { quiet: Duration::from_hours(1), max_delay: Duration::from_hours(1) };

fn open_deferred(directory: &Path) -> Result<Unforget, unforget::Error> {
    Options::default().contexts(Persistence::Deferred { window: NEVER }).open(directory)
}

/// Role: owns the contexts, and flushes one of two changes.
pub(crate) fn own(directory: &Path) {
    let store = open_deferred(directory).expect("nobody else has it");
    let contexts = store.contexts();
    contexts.get_or_create("ada", || UserContext::new("ada")).expect("it is published");
    contexts.flush().expect("it is stored");
    contexts.update("ada", |ada| ada.with_conversation(1)).expect("it is published");
    say(&std::process::id().to_string());
    wait_for_parent();
    store.shutdown().expect("everything is stored");
}

/// An error and what caused it.
fn chain(error: &dyn Error) -> String {
    let cause = error.source().map(chain).unwrap_or_default();
    format!("{error}; {cause}")
}

fn conversations(directory: &Path) -> u64 {
    let store = Unforget::open(directory).expect("nobody owns its contexts any more");
    let ada = store.contexts().get("ada").expect("it can be read").expect("it was stored");
    ada.conversations_count()
}

#[test]
fn who_owns_the_contexts_is_named_to_others_until_it_ends() {
    let root = tempfile::tempdir().expect("a directory");
    let directory = root.path().join("store");
    let owner = Child::start("own", &directory);
    let pid = owner.hear().expect("it owns the contexts");
    for refused in [Unforget::open(&directory), open_deferred(&directory)] {
        let told = chain(&refused.expect_err("another process owns the contexts"));
        assert!(told.contains(&pid), "the owner is {pid}: {told}");
    }
    owner.finish();
    assert_eq!(conversations(&directory), 1, "an owner that ends stores everything");
}

#[test]
fn what_an_owner_flushed_is_stored_though_it_was_killed() {
    let root = tempfile::tempdir().expect("a directory");
    let directory = root.path().join("store");
    let owner = Child::start("own", &directory);
    owner.hear().expect("it owns the contexts");
    owner.kill();
    assert_eq!(conversations(&directory), 0, "what was not flushed waited for its window, and is gone");
}

#[test]
fn one_process_has_a_store_with_deferred_contexts_or_with_committed_ones() {
    let root = tempfile::tempdir().expect("a directory");
    let directory = root.path().join("store");
    let store = open_deferred(&directory).expect("nobody else has it");
    assert!(matches!(Unforget::open(&directory), Err(unforget::Error::OptionsDiffer { .. })));
    assert!(open_deferred(&directory).is_ok(), "the same is shared");
    store.shutdown().expect("there is nothing to store");
    let committed = Unforget::open(&directory).expect("the owner has ended");
    let refused = open_deferred(&directory);
    assert!(matches!(refused, Err(unforget::Error::OptionsDiffer { .. })), "{refused:?}");
    committed.contexts().get_or_create("ada", || UserContext::new("ada")).expect("it is committed");
}
