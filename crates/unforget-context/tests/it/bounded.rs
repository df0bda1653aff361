//! Contexts of which only some are kept in memory.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use unforget_context::{Contexts, Event, MemoryStore};

use crate::staged::Staged;

const KEYS: u32 = 100;

fn bounded(store: &Arc<Staged>, keys: usize) -> Contexts<u32> {
    Contexts::bounded(store.clone(), NonZeroUsize::new(keys).unwrap())
}

fn key(n: u32) -> String {
    format!("user {n}")
}

fn filled(keys: usize) -> (Arc<Staged>, Contexts<u32>) {
    let store = Staged::with_generation();
    let contexts = bounded(&store, keys);
    for n in 0..KEYS {
        contexts.insert_new(&key(n), n).unwrap();
    }
    (store, contexts)
}

fn kept(contexts: &Contexts<u32>) -> usize {
    (0..KEYS).filter(|n| contexts.peek(&key(*n)).unwrap().is_some()).count()
}

#[test]
fn no_more_than_the_bound_are_kept_and_all_can_be_read() {
    let (store, contexts) = filled(10);
    for round in 0..3 {
        for n in 0..KEYS {
            assert_eq!(contexts.get(&key(n)).unwrap().map(|found| *found), Some(n), "round {round}");
            assert!(kept(&contexts) <= 10, "more contexts are kept than the bound allows");
        }
    }
    assert!(contexts.get("nobody").unwrap().is_none());
    store.read.store(0, Ordering::Relaxed);
    assert!(contexts.get(&key(KEYS - 1)).unwrap().is_some());
    assert_eq!(store.read.load(Ordering::Relaxed), 0, "what was just read is kept");
}

#[test]
fn a_bounded_handle_does_not_begin_by_loading_everything() {
    let (store, _) = filled(10);
    let contexts = bounded(&store, 10);
    assert_eq!(contexts.get(&key(7)).unwrap().map(|found| *found), Some(7));
    assert_eq!(kept(&contexts), 1);
}

#[test]
fn what_is_read_again_and_again_stays() {
    let (_store, contexts) = filled(16);
    let favourite = key(0);
    for n in 1..KEYS {
        contexts.get(&key(n)).unwrap();
        contexts.get(&favourite).unwrap();
    }
    let kept: Vec<_> = (1..KEYS)
        .filter(|n| {
            contexts.get(&key(*n)).unwrap();
            let kept = contexts.peek(&favourite).unwrap().is_some();
            contexts.get(&favourite).unwrap();
            kept
        })
        .collect();
    assert_eq!(kept.len(), 99, "a context that is read all the time is let go of before one that is not");
}

#[test]
fn what_nobody_reads_is_let_go_of_wherever_the_map_has_it() {
    let (_store, contexts) = filled(10);
    for first in (0..KEYS).cycle().take(1000) {
        for n in first..first + 30 {
            contexts.get(&key(n % KEYS)).unwrap();
        }
        assert!(contexts.peek(&key(first)).unwrap().is_none(), "{first} was not read for longest");
    }
}

#[test]
fn a_context_that_changes_while_it_is_read_is_not_kept_as_it_was() {
    let (store, contexts) = filled(10);
    for same_handle in [true, false] {
        let name = key(3);
        for n in 50..80 {
            contexts.get(&key(n)).unwrap();
        }
        let before = *contexts.get(&name).unwrap().unwrap();
        for n in 50..80 {
            contexts.get(&key(n)).unwrap();
        }
        assert!(contexts.peek(&name).unwrap().is_none(), "what was not read for longest is let go of");
        let writer = if same_handle { contexts.clone() } else { bounded(&store, 10) };
        let changed = name.clone();
        store.after_read.once(move || drop(writer.update(&changed, |old| old + 1000).unwrap()));
        let read = contexts.get(&name).unwrap().map(|found| *found);
        assert_eq!(read, Some(before), "what was read is of before the change");
        let now = contexts.get(&name).unwrap().map(|found| *found);
        assert_eq!(now, Some(before + 1000), "an old value was kept as if it were the present one");
    }
}

#[test]
fn a_change_between_two_beginnings_is_not_left_out() {
    let store = Staged::with_generation();
    let other: Contexts<u32> = Contexts::new(store.clone());
    other.insert_new("ada", 1).unwrap();
    let contexts = bounded(&store, 10);
    let slow = contexts.clone();
    store.before_changes.once(move || {
        assert_eq!(contexts.get("ada").unwrap().map(|ada| *ada), Some(1));
        other.update("ada", |_| 2).unwrap();
    });
    slow.get("bob").unwrap();
    assert_eq!(slow.get("ada").unwrap().map(|ada| *ada), Some(2), "a change was skipped at the beginning");
}

#[test]
fn a_view_shows_all_contexts_whatever_the_bound() {
    let (store, contexts) = filled(10);
    let view = contexts.view().unwrap();
    let other = bounded(&store, 10);
    for n in 0..KEYS {
        other.update(&key(n), |old| old + 1000).unwrap();
    }
    assert_eq!(view.len(), KEYS as usize);
    for n in 0..KEYS {
        assert_eq!(view.get(&key(n)).unwrap().map(|found| *found), Some(n), "a view is of one point in time");
    }
    assert!(kept(&contexts) <= 10, "what a view shows is not kept for it");
}

#[test]
fn followers_do_not_mind_what_is_kept() {
    let (store, contexts) = filled(4);
    let other = bounded(&store, 4);
    let mut watch = contexts.watch(&key(0)).unwrap();
    let mut changes = contexts.subscribe().unwrap();
    for n in 50..80 {
        contexts.get(&key(n)).unwrap();
    }
    assert!(!watch.wait_timeout(Duration::ZERO).unwrap(), "being let go of is no change");
    assert_eq!(changes.try_next().unwrap(), None, "being let go of is no change");
    other.update(&key(0), |_| 1000).unwrap();
    assert!(watch.wait_timeout(Duration::from_secs(20)).unwrap());
    assert_eq!(watch.latest().map(|found| **found), Some(1000));
    assert!(matches!(changes.try_next().unwrap(), Some(Event::Changed(one)) if one.key() == key(0)));
}

#[test]
fn a_subscriber_of_an_empty_store_is_told_of_its_first_changes() {
    let contexts: Contexts<u64> =
        Contexts::bounded(Arc::new(MemoryStore::default()), NonZeroUsize::new(2).unwrap());
    let mut following = contexts.subscribe().unwrap();
    contexts.insert_new("ada", 1).unwrap();
    let told = following.try_next().unwrap();
    assert!(matches!(&told, Some(Event::Changed(changed)) if changed.key() == "ada"), "{told:?}");
}
