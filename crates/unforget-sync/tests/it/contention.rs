use std::sync::Arc;
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use unforget_sync::ranked::{Mutex, RwLock};
use unforget_sync::{Contention, ContentionSnapshot, ManualClock, WAIT_CLASSES};

use crate::eventually::eventually;
use crate::watchdog::{waiting, watch};

unforget_sync::lock_levels! { Turn }

#[test]
fn who_does_not_wait_is_counted_as_such() {
    let _watch = watch();
    let mutex = Mutex::<Turn, _, _>::with_contention(0, Contention::new());
    for _ in 0..3 {
        *mutex.lock_dynamic() += 1;
    }
    let counted = mutex.contention().snapshot();
    assert_eq!((counted.uncontended, counted.contended, counted.total_wait), (3, 0, Duration::ZERO));
}

#[test]
fn a_wait_is_seen_while_it_lasts_and_measured_when_it_ends() {
    let _watch = watch();
    let clock = Arc::new(ManualClock::new());
    let contention = Contention::with_clock(Arc::clone(&clock) as _);
    let mutex = Mutex::<Turn, _, _>::with_contention((), contention);
    let snapshot = || mutex.contention().snapshot();
    thread::scope(|threads| {
        let held = mutex.lock_dynamic();
        let waiter = threads.spawn(|| drop(waiting("the lock", || mutex.lock_dynamic())));
        eventually("the waiter waits", || snapshot().waiting() == 1);
        assert_eq!(snapshot().total_wait, Duration::ZERO, "it has not ended");
        drop(held);
        waiter.join().expect("gets the lock");
    });
    assert_eq!((snapshot().uncontended, snapshot().contended, snapshot().waiting()), (1, 1, 0));
    assert_eq!(snapshot().waits[0], 1, "the clock stood still");
}

#[test]
fn the_wait_is_measured_on_the_clock() {
    let _watch = watch();
    let clock = Arc::new(ManualClock::new());
    let contention = Contention::with_clock(Arc::clone(&clock) as _);
    for wait in [Duration::from_millis(3), Duration::from_millis(1)] {
        contention.acquire(|| None, || clock.advance(wait));
    }
    let counted = contention.snapshot();
    let (total, longest) = (Duration::from_millis(4), Duration::from_millis(3));
    assert_eq!((counted.contended, counted.total_wait, counted.max_wait), (2, total, longest));
}

#[test]
fn readers_and_writers_are_counted_together() {
    let _watch = watch();
    let lock = RwLock::<Turn, _, _>::with_contention((), Contention::new());
    thread::scope(|threads| {
        let reading = lock.read_dynamic();
        threads.spawn(|| drop(lock.read_dynamic())).join().expect("readers share it");
        let writer = threads.spawn(|| drop(waiting("the lock", || lock.write_dynamic())));
        eventually("the writer waits", || lock.contention().snapshot().waiting() == 1);
        drop(reading);
        writer.join().expect("gets the lock");
    });
    let counted = lock.contention().snapshot();
    assert_eq!((counted.uncontended, counted.contended), (2, 1));
}

#[test]
fn no_count_of_many_threads_is_lost() {
    let _watch = watch();
    let contention = Contention::new();
    thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                for _ in 0..1_000 {
                    contention.acquire(|| Some(()), || ());
                    contention.record(Duration::from_nanos(2));
                }
            });
        }
    });
    let counted = contention.snapshot();
    assert_eq!((counted.uncontended, counted.contended, counted.waits[0]), (4_000, 4_000, 4_000));
    assert_eq!((counted.total_wait, counted.max_wait), (Duration::from_micros(8), Duration::from_nanos(2)));
}

#[test]
fn a_lock_without_statistics_has_none() {
    let _watch = watch();
    assert_eq!(size_of::<Mutex<Turn, u64>>(), size_of::<std::sync::Mutex<u64>>());
    assert_eq!(size_of::<RwLock<Turn, u64>>(), size_of::<std::sync::RwLock<u64>>());
}

proptest! {
    #[test]
    fn a_wait_is_counted_in_the_class_whose_bounds_it_is_in(nanos in 0..u64::MAX, shift in 0..64_u32) {
        let _watch = watch();
        let wait = Duration::from_nanos(nanos >> shift);
        let contention = Contention::new();
        contention.record(wait);
        let class = contention.snapshot().waits.iter().position(|waits| *waits == 1).expect("a class");
        prop_assert!(ContentionSnapshot::shortest_of_class(class).expect("a class") <= wait);
        let next = ContentionSnapshot::shortest_of_class(class + 1);
        prop_assert!(next.is_none_or(|next| wait < next), "it belongs to a later class");
        prop_assert_eq!(next.is_none(), class == WAIT_CLASSES - 1);
    }
}

#[cfg(feature = "serde")]
#[test]
fn what_was_counted_can_be_written() {
    let _watch = watch();
    let contention = Contention::new();
    contention.record(Duration::from_secs(2));
    let json = serde_json::to_value(contention.snapshot()).expect("plain data");
    assert_eq!(json["contended"], 1);
    assert_eq!(json["max_wait"], serde_json::json!({ "secs": 2, "nanos": 0 }));
}
