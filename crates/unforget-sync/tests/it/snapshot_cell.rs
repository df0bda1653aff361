use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use unforget_sync::{SnapshotCell, SnapshotGuard, SnapshotReader};

/// More guards than arc-swap has slots for in one thread.
const MANY_GUARDS: u64 = 40;

use crate::watchdog::watch;

#[test]
fn a_snapshot_never_changes() {
    let _watch = watch();
    let cell = SnapshotCell::new(vec![1]);
    let before = cell.load();
    assert_eq!(cell.publish(vec![2]), 1);
    assert_eq!((before.revision(), before.value()), (0, &vec![1]));
    assert_eq!((cell.load().revision(), cell.load().value()), (1, &vec![2]));
}

#[test]
fn no_update_of_many_threads_is_lost() {
    let _watch = watch();
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
    let _watch = watch();
    let cell = SnapshotCell::new(0_u64);
    let done = AtomicBool::new(false);
    thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                let mut reader = cell.reader();
                let mut last = 0;
                while !done.load(Ordering::Acquire) {
                    for snapshot in [cell.load_full(), Arc::clone(reader.load()), cell.load().into_arc()] {
                        assert_eq!(snapshot.revision(), **snapshot, "a snapshot of two points in time");
                        assert!(snapshot.revision() >= last, "a reader went back");
                        last = snapshot.revision();
                    }
                }
                assert_eq!(reader.load().revision(), 10_000, "what was published before is not seen");
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
    let _watch = watch();
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
    let _watch = watch();
    let cell = SnapshotCell::default();
    let left = cell.update_if(|value: &u8| value.checked_sub(1));
    assert_eq!((left.revision(), **left), (0, 0));
    assert!(Arc::ptr_eq(&left, &cell.load_full()), "something was published");
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
    let _watch = watch();
    let drops = AtomicUsize::new(0);
    let other = SnapshotCell::new(0);
    let cell = SnapshotCell::new(PublishesWhenDropped(&drops, Some(&other)));
    cell.publish(PublishesWhenDropped(&drops, None));
    assert_eq!((drops.load(Ordering::SeqCst), other.load().revision()), (1, 1));
}

#[test]
fn guards_beyond_the_slots_of_a_thread_keep_their_snapshots_too() {
    let _watch = watch();
    let cell = SnapshotCell::new(0_u64);
    let guards: Vec<_> = (1..=MANY_GUARDS)
        .map(|next| {
            let guard = cell.load();
            assert_eq!(cell.publish(next), next);
            guard
        })
        .collect();
    for (revision, guard) in (0..).zip(&guards) {
        assert_eq!((guard.revision(), ***guard), (revision, revision), "a guard's snapshot was changed");
    }
    assert_eq!(**cell.load(), MANY_GUARDS);
}

#[test]
fn a_guard_may_be_dropped_by_another_thread() {
    let _watch = watch();
    let counted = Arc::new(());
    let cell = SnapshotCell::new(Arc::clone(&counted));
    let guards: Vec<_> = (0..MANY_GUARDS).map(|_| cell.load()).collect();
    let kept = cell.load().into_arc();
    cell.publish(Arc::default());
    thread::scope(|threads| {
        threads.spawn(move || drop(guards));
    });
    assert_eq!(Arc::strong_count(&counted), 2, "a guard dropped a snapshot that was kept, or none");
    drop(kept);
    assert_eq!(Arc::strong_count(&counted), 1, "the last reference did not drop the snapshot");
}

#[test]
fn a_reader_sees_what_was_published_before() {
    let _watch = watch();
    let cell = SnapshotCell::new(0_u64);
    let mut reader = cell.reader();
    assert_eq!(reader.load().revision(), 0);
    for value in 1..=3 {
        cell.publish(value);
        assert_eq!((reader.load().revision(), ***reader.load()), (value, value));
    }
    let (first, second) = (Arc::clone(reader.load()), Arc::clone(reader.load()));
    assert!(Arc::ptr_eq(&first, &second), "nothing was published in between");
}

#[test]
fn a_reader_lets_go_of_an_old_snapshot_when_it_loads_again() {
    let _watch = watch();
    let cell = SnapshotCell::new(0);
    let mut reader = cell.reader();
    let old = Arc::downgrade(reader.load());
    cell.publish(1);
    assert!(old.upgrade().is_some(), "the reader still holds it");
    reader.load();
    assert!(old.upgrade().is_none(), "nobody reads it any more");
}

#[test]
fn guards_and_readers_may_go_to_another_thread() {
    fn portable<T: Send + Sync>() {}
    let _watch = watch();
    portable::<SnapshotGuard<u8>>();
    portable::<SnapshotReader<'_, u8>>();
}
