//! Reading what was counted while it is counted.

use std::time::Duration;

use unforget_sync::Contention;
use unforget_sync::primitive::{Arc, thread};

use crate::{Mode, check};

/// Nothing waits here, so there is one mode.
#[test]
fn no_wait_is_seen_ended_before_it_is_seen_begun() {
    check(&[Mode::Plain], || {
        let contention = Arc::new(Contention::new());
        let counting = Arc::clone(&contention);
        let counter = thread::spawn(move || {
            counting.acquire(|| None, || ());
        });
        let seen = contention.snapshot();
        let ended: u64 = seen.waits.iter().sum();
        assert!(ended <= seen.contended, "a wait ended that had not begun");
        counter.join().expect("does not panic");
        contention.record(Duration::ZERO);
        let seen = contention.snapshot();
        assert_eq!((seen.contended, seen.waits[0] >= 1, seen.waiting()), (2, true, 0));
    });
}

/// Two threads count at once, and the longer wait is the longest, whoever ends first.
#[test]
fn no_count_is_lost() {
    check(&[Mode::Plain], || {
        let contention = Arc::new(Contention::new());
        let counting = Arc::clone(&contention);
        let counter = thread::spawn(move || {
            counting.acquire(|| Some(()), || ());
            counting.record(Duration::from_nanos(1));
        });
        contention.acquire(|| Some(()), || ());
        contention.record(Duration::from_nanos(2));
        counter.join().expect("does not panic");
        let seen = contention.snapshot();
        assert_eq!((seen.uncontended, seen.contended, seen.waits[0]), (2, 2, 2));
        assert_eq!((seen.total_wait, seen.max_wait), (Duration::from_nanos(3), Duration::from_nanos(2)));
    });
}
