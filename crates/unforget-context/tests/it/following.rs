//! Watches and subscriptions.

use std::sync::Arc;
use std::time::Duration;

use unforget_context::{Changed, Contexts, Event, MemoryStore, Snapshot};

const LONG: Duration = Duration::from_secs(20);

fn contexts() -> Contexts<u32> {
    Contexts::new(Arc::new(MemoryStore::default()))
}

#[test]
fn a_watch_is_told_of_each_state_it_has_not_seen() {
    let contexts = contexts();
    let mut watch = contexts.watch("ada").unwrap();
    assert!(watch.latest().is_none() && !watch.wait_timeout(Duration::ZERO).unwrap());
    contexts.insert_new("ada", 1).unwrap();
    contexts.insert_new("bob", 1).unwrap();
    assert!(watch.wait_timeout(LONG).unwrap());
    assert_eq!(watch.latest().map(|ada| **ada), Some(1));
    assert!(!watch.wait_timeout(Duration::ZERO).unwrap(), "another context's change is not this one's");
    contexts.remove("ada").unwrap();
    assert!(watch.wait_timeout(LONG).unwrap() && watch.latest().is_none(), "a removal is a change");
    contexts.insert_new("ada", 1).unwrap();
    assert!(watch.wait_timeout(LONG).unwrap());
    contexts.remove("ada").unwrap();
    contexts.insert_new("ada", 1).unwrap();
    assert!(watch.wait_timeout(LONG).unwrap(), "the value is the same, the context is not");
    assert_eq!(watch.latest().map(Snapshot::revision), Some(5));
}

#[test]
fn a_waiting_watch_is_woken_by_a_change_here_and_by_one_elsewhere() {
    let store = Arc::new(MemoryStore::default());
    let here: Contexts<u32> = Contexts::new(store.clone());
    let there: Contexts<u32> = Contexts::new(store);
    here.insert_new("ada", 0).unwrap();
    for writer in [here.clone(), there] {
        let mut watch = here.watch("ada").unwrap();
        let before = **watch.latest().unwrap();
        let waiting = std::thread::spawn(move || {
            assert!(watch.wait_timeout(LONG).unwrap(), "a change was missed");
            **watch.latest().unwrap()
        });
        writer.update("ada", |old| old + 1).unwrap();
        assert_eq!(waiting.join().unwrap(), before + 1);
    }
}

/// The number of a change; none has the number 0, which stands for changes that were missed.
fn seq(event: &Event) -> u64 {
    match event {
        Event::Changed(changed) => changed.seq(),
        Event::Lagged { .. } => 0,
    }
}

#[test]
fn a_subscriber_is_told_of_every_change_from_then_on() {
    let contexts = contexts();
    contexts.insert_new("ada", 1).unwrap();
    let mut changes = contexts.subscribe().unwrap();
    assert_eq!(changes.try_next().unwrap(), None, "what was there before is no news");
    contexts.update("ada", |old| old + 1).unwrap();
    contexts.remove("ada").unwrap();
    contexts.insert_new("bob", 1).unwrap();
    let told: Vec<_> = std::iter::from_fn(|| changes.try_next().unwrap()).collect();
    assert_eq!(told.iter().map(seq).collect::<Vec<_>>(), [2, 3, 4]);
    let Event::Changed(removal) = &told[1] else { unreachable!() };
    assert_eq!((removal.key(), removal.revision(), removal.is_removal()), ("ada", 3, true));
    assert_eq!(changes.wait_timeout(Duration::ZERO).unwrap(), None);
}

#[test]
fn a_slow_subscriber_is_told_how_many_it_missed_and_goes_on_from_a_view() {
    let contexts = contexts();
    contexts.insert_new("ada", 0).unwrap();
    let mut slow = contexts.subscribe().unwrap();
    for _ in 0..5000 {
        contexts.update("ada", |old| old + 1).unwrap();
    }
    let Some(Event::Lagged { missed }) = slow.try_next().unwrap() else { panic!("it missed some") };
    let rest: Vec<_> = std::iter::from_fn(|| slow.try_next().unwrap()).collect();
    assert!(rest.len() >= 512, "at least so many are remembered");
    assert_eq!(missed + rest.len() as u64, 5000, "each change is told or counted as missed");
    assert_eq!(rest.iter().map(seq).collect::<Vec<_>>(), (2 + missed..=5001).collect::<Vec<_>>());

    for _ in 0..5000 {
        contexts.update("ada", |old| old + 1).unwrap();
    }
    assert!(matches!(slow.try_next().unwrap(), Some(Event::Lagged { .. })));
    let view = contexts.view().unwrap();
    slow.go_on_from(&view);
    contexts.insert_new("bob", 1).unwrap();
    let next = slow.wait_timeout(LONG).unwrap().unwrap();
    let Event::Changed(changed) = next else { panic!("it was told before: {next:?}") };
    assert_eq!((changed.key(), view.get("ada").unwrap().map(|ada| *ada)), ("bob", Some(10_000)));
    assert_eq!(slow.try_next().unwrap(), None);
}

#[test]
fn subscribers_in_many_threads_are_told_of_the_same_changes_in_the_same_order() {
    let contexts = contexts();
    let followers: Vec<_> = (0..4)
        .map(|_| {
            let mut changes = contexts.subscribe().unwrap();
            std::thread::spawn(move || -> Vec<u64> {
                (0..400).map(|_| seq(&changes.wait_timeout(LONG).unwrap().unwrap())).collect()
            })
        })
        .collect();
    std::thread::scope(|threads| {
        for thread in 0..4 {
            let contexts = &contexts;
            threads.spawn(move || {
                for n in 0..100 {
                    contexts.insert_new(&format!("{thread} {n}"), n).unwrap();
                }
            });
        }
    });
    for follower in followers {
        assert_eq!(
            follower.join().unwrap(),
            (1..=400).collect::<Vec<_>>(),
            "missed, doubled or out of order"
        );
    }
}

#[test]
fn a_change_names_its_context_and_keeps_no_value() {
    fn fits<T: Send + Sync + 'static>() -> usize {
        size_of::<T>()
    }
    assert!(fits::<Changed>() <= 64);
}
