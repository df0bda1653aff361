//! What is answered without asking the store is what the store would answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use unforget_context::{Contexts, Event, Next, Stored};

use crate::staged::Staged;

/// Two handles on one store, as two processes have them.
fn two(store: &Arc<Staged>) -> [Contexts<u32>; 2] {
    [Contexts::new(store.clone()), Contexts::new(store.clone())]
}

fn value(contexts: &Contexts<u32>, key: &str) -> Option<u32> {
    contexts.get(key).unwrap().map(|snapshot| *snapshot)
}

#[test]
fn a_read_asks_the_store_only_when_something_was_committed() {
    let store = Staged::with_generation();
    let [here, there] = two(&store);
    there.insert_new("ada", 1).unwrap();
    assert_eq!(value(&here, "ada"), Some(1));
    store.asked();
    for _ in 0..100 {
        assert_eq!((value(&here, "ada"), value(&here, "bob")), (Some(1), None));
        assert_eq!(here.view().unwrap().len(), 1);
    }
    assert_eq!(store.asked(), 0, "nothing was committed, and the store was asked");
    there.update("ada", |old| old + 1).unwrap();
    store.asked();
    assert_eq!(value(&here, "ada"), Some(2), "a commit by another handle was not noticed");
    assert_eq!(store.asked(), 1);
}

#[test]
fn a_commit_of_something_else_is_asked_about_once() {
    let store = Staged::with_generation();
    let [here, _] = two(&store);
    here.insert_new("ada", 1).unwrap();
    for _ in 0..3 {
        store.turn();
        store.turn();
        store.asked();
        for _ in 0..10 {
            assert_eq!(value(&here, "ada"), Some(1));
        }
        assert_eq!(store.asked(), 1, "a commit without a change of contexts is asked about once");
    }
}

#[test]
fn while_a_commit_is_under_way_every_read_asks_the_store() {
    let store = Staged::with_generation();
    let [here, _] = two(&store);
    here.insert_new("ada", 1).unwrap();
    store.turn();
    store.asked();
    for _ in 0..10 {
        assert_eq!(value(&here, "ada"), Some(1));
    }
    assert_eq!(store.asked(), 10, "what is committed may be acknowledged at any moment");
    store.turn();
    assert_eq!(value(&here, "ada"), Some(1));
    assert_eq!(value(&here, "ada"), Some(1));
    assert_eq!(store.asked(), 1);
}

#[test]
fn what_is_committed_while_the_store_answers_is_not_taken_for_read() {
    let store = Staged::with_generation();
    let [here, there] = two(&store);
    there.insert_new("ada", 1).unwrap();
    let other = there.clone();
    store.after_changes.once(move || drop(other.update("ada", |_| 2).unwrap()));
    assert_eq!(value(&here, "ada"), Some(1), "the answer is of before the second commit");
    assert_eq!(value(&here, "ada"), Some(2), "an old state was marked as up to date");
}

#[test]
fn nor_is_it_where_the_store_had_nothing_new_to_tell() {
    let store = Staged::with_generation();
    let [here, there] = two(&store);
    there.insert_new("ada", 1).unwrap();
    assert_eq!(value(&here, "ada"), Some(1));
    store.turn();
    store.turn();
    store.after_changes.once(move || drop(there.update("ada", |_| 2).unwrap()));
    assert_eq!(value(&here, "ada"), Some(1), "the answer is of before the second commit");
    assert_eq!(value(&here, "ada"), Some(2), "an old state was marked as up to date");
}

#[test]
fn an_update_is_published_when_it_returns() {
    for store in [Staged::with_generation(), Arc::default()] {
        let [here, there] = two(&store);
        there.insert_new("bob", 1).unwrap();
        let ada = here.insert_new("ada", 1).unwrap();
        assert_eq!(here.peek("ada").unwrap().map(|ada| ada.revision()), Some(ada.revision()));
        assert!(here.peek("bob").unwrap().is_some(), "what was committed before comes with it");
        assert!(here.remove("ada").unwrap());
        assert!(here.peek("ada").unwrap().is_none(), "an update returned before it was published");
    }
}

#[test]
fn what_others_committed_is_published_with_our_own_in_the_order_of_the_commits() {
    let store = Staged::with_generation();
    let [here, there] = two(&store);
    let mut changes = here.subscribe().unwrap();
    for key in ["bob", "cyd"] {
        there.insert_new(key, 1).unwrap();
    }
    store.asked();
    here.insert_new("ada", 1).unwrap();
    assert_eq!(store.asked(), 1, "one publication for all of them");
    let told: Vec<_> = std::iter::from_fn(|| changes.try_next().unwrap())
        .map(|event| match event {
            Event::Changed(one) => one.key().to_owned(),
            Event::Lagged { .. } => "missed".to_owned(),
        })
        .collect();
    assert_eq!(told, ["bob", "cyd", "ada"]);
}

#[test]
fn a_batch_is_published_once() {
    const WRITERS: usize = 8;
    let store: Arc<Staged> = Arc::default();
    let contexts: Contexts<u32> = Contexts::new(store.clone());
    contexts.insert_new("ada", 0).unwrap();
    let before = store.committed.load(Ordering::Acquire);
    store.asked();
    let batch = Arc::clone(&store);
    // The first to catch up is slow: by the time it publishes, everybody's commit is done.
    store.after_changes.once(move || {
        let deadline = Instant::now() + Duration::from_secs(20);
        while batch.committed.load(Ordering::Acquire) < before + WRITERS {
            assert!(Instant::now() < deadline, "the writers do not wait for the one that catches up");
            std::thread::yield_now();
        }
    });
    std::thread::scope(|threads| {
        for _ in 0..WRITERS {
            threads.spawn(|| contexts.update("ada", |old| old + 1).unwrap());
        }
    });
    assert!(store.asked() <= 2, "once for the slow one, once for all who waited for it");
    assert_eq!(contexts.peek("ada").unwrap().map(|ada| *ada), Some(8));
}

#[test]
fn what_this_process_commits_is_read_without_asking_the_store() {
    let store = Staged::telling();
    let [here, _] = two(&store);
    here.insert_new("ada", 1).unwrap();
    assert_eq!(value(&here, "ada"), Some(1));
    store.asked();
    for n in 2..100 {
        here.update("ada", |old| old + 1).unwrap();
        assert_eq!(value(&here, "ada"), Some(n));
        assert_eq!(value(&here, "bob"), None);
    }
    store.turn();
    store.tell(Vec::new());
    store.turn();
    assert_eq!(value(&here, "ada"), Some(99));
    assert_eq!(store.asked(), 0, "what was published in the commit is up to date after it");
}

#[test]
fn what_is_published_in_a_commit_leaves_out_nothing_from_before_it() {
    let store = Staged::telling();
    let [here, _] = two(&store);
    here.insert_new("ada", 1).unwrap();
    let bob = || Box::new(|_: Option<&Stored>| Ok(Next::Put("1".to_owned())));
    store.commit_elsewhere("bob", bob());
    here.update("ada", |old| old + 1).unwrap();
    assert_eq!((value(&here, "ada"), value(&here, "bob")), (Some(2), Some(1)));
    store.commit_elsewhere("cyd", bob());
    store.turn();
    store.tell(Vec::new());
    store.turn();
    assert_eq!(value(&here, "cyd"), Some(1), "a commit of something else hid what came before it");
}
