//! Watches and subscriptions miss nothing and leave nobody waiting.

use std::time::Duration;

use unforget_context::Event;
use unforget_sync::primitive::thread;

use crate::{DEADLINES, add, check_bounded, two_handles};

/// Shorter than the interval at which a waiting thread looks by itself: in a model only a publication wakes it.
const TIMEOUT: Duration = Duration::from_millis(10);

/// A change while a watch looks, or before, or after: it wakes, and has the latest when nothing more comes.
#[test]
fn the_latest_change_reaches_a_watch() {
    check_bounded(2, DEADLINES, || {
        let [contexts, _] = two_handles();
        let mut watch = contexts.watch("ada").expect("in memory");
        let writer = {
            let contexts = contexts.clone();
            thread::spawn(move || {
                add(&contexts);
                add(&contexts);
            })
        };
        let changed = watch.wait_timeout(TIMEOUT).expect("in memory");
        let seen = watch.latest().map_or(0, |ada| **ada);
        assert_eq!(changed, seen > 0, "told of a change without one, or the other way round");
        writer.join().expect("does not panic");
        if seen < 2 {
            assert!(watch.wait_timeout(TIMEOUT).expect("in memory"), "the latest change was missed");
        }
        assert_eq!(watch.latest().map(|ada| **ada), Some(2), "the latest change was missed");
    });
}

/// Two threads change two contexts while one follows: it is told of both, once each, in the order of their commits.
#[test]
fn every_change_is_told_once_and_in_order() {
    check_bounded(2, DEADLINES, || {
        let [contexts, other] = two_handles();
        let mut changes = contexts.subscribe().expect("in memory");
        let writers = [(contexts.clone(), "bob"), (other, "cyd")].map(|(contexts, key)| {
            thread::spawn(move || contexts.insert_new(key, 1).expect("new").revision())
        });
        let mut told = Vec::new();
        if let Some(Event::Changed(changed)) = changes.wait_timeout(TIMEOUT).expect("in memory") {
            told.push(changed.seq());
        }
        for writer in writers {
            assert_eq!(writer.join().expect("does not panic"), 1);
        }
        while let Some(event) = changes.try_next().expect("in memory") {
            let Event::Changed(one) = event else { panic!("nothing is forgotten so soon") };
            told.push(one.seq());
        }
        assert_eq!(told, [2, 3], "a change was missed, told twice or told out of order");
    });
}
