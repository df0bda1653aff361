use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use unforget_sync::SnapshotCell;

#[test]
fn a_snapshot_never_changes() {
    let cell = SnapshotCell::new(vec![1]);
    let before = cell.load();
    assert_eq!(cell.publish(vec![2]), 1);
    assert_eq!((before.revision(), before.value()), (0, &vec![1]));
    assert_eq!((cell.load().revision(), cell.load().value()), (1, &vec![2]));
}

#[test]
fn no_update_of_many_threads_is_lost() {
    let cell = SnapshotCell::new(0_u64);
    thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                for _ in 0..1_000 {
                    cell.update(|count| count + 1);
                }
            });
        }
    });
    let last = cell.load();
    assert_eq!((last.revision(), **last), (4_000, 4_000), "one revision and one count per update");
}

#[test]
fn readers_see_revisions_and_values_that_belong_together() {
    let cell = SnapshotCell::new(0_u64);
    let done = AtomicBool::new(false);
    thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                let mut last = 0;
                while !done.load(Ordering::Acquire) {
                    let snapshot = cell.load();
                    assert_eq!(snapshot.revision(), **snapshot, "a snapshot of two points in time");
                    assert!(snapshot.revision() >= last, "a reader went back");
                    last = snapshot.revision();
                }
            });
        }
        for _ in 0..10_000 {
            cell.update(|count| count + 1);
        }
        done.store(true, Ordering::Release);
    });
    assert_eq!(cell.load().revision(), 10_000);
}

#[test]
fn an_update_runs_again_on_what_came_in_between() {
    let cell = SnapshotCell::new(1);
    let mut runs = 0;
    let after = cell.update(|value| {
        runs += 1;
        if runs == 1 {
            cell.publish(10);
        }
        value + 1
    });
    assert_eq!((runs, **after, after.revision()), (2, 11, 2));
}

#[test]
fn a_change_may_leave_things_as_they_are() {
    let cell = SnapshotCell::default();
    let left = cell.update_if(|value: &u8| value.checked_sub(1));
    assert_eq!((left.revision(), **left), (0, 0));
    assert!(Arc::ptr_eq(&left, &cell.load()), "something was published");
    assert_eq!(cell.update_if(|value| value.checked_add(1)).revision(), 1);
}

#[test]
fn a_replaced_value_is_dropped_outside_the_lock() {
    struct PublishesWhenDropped<'a>(&'a AtomicUsize, Option<&'a SnapshotCell<u8>>);
    impl Drop for PublishesWhenDropped<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
            self.1.map(|cell| cell.publish(1));
        }
    }
    let drops = AtomicUsize::new(0);
    let other = SnapshotCell::new(0);
    let cell = SnapshotCell::new(PublishesWhenDropped(&drops, Some(&other)));
    cell.publish(PublishesWhenDropped(&drops, None));
    assert_eq!((drops.load(Ordering::SeqCst), other.load().revision()), (1, 1));
}
