//! `SnapshotCell`: no update is lost, and readers never go back.

use loom::cell::UnsafeCell;
use unforget_sync::SnapshotCell;
use unforget_sync::primitive::atomic::{AtomicU64, Ordering};
use unforget_sync::primitive::model::Mode;
use unforget_sync::primitive::{Arc, thread};

use crate::check;

/// Two writers add one each: both count, and the revisions are theirs, one each.
#[test]
fn no_update_is_lost() {
    check(&[Mode::Plain], || {
        let cell = Arc::new(SnapshotCell::new(0));
        let other = {
            let cell = Arc::clone(&cell);
            thread::spawn(move || cell.update(|count| count + 1).revision())
        };
        let own = cell.update(|count| count + 1).revision();
        let other = other.join().expect("does not panic");
        assert_eq!((own.min(other), own.max(other)), (1, 2), "a revision was given twice or not at all");
        assert_eq!(**cell.load(), 2, "an update was lost");
    });
}

/// `publish` between the read and the replace of an `update`: the update is made again on what was published.
#[test]
fn an_update_sees_what_was_published_before_it() {
    check(&[Mode::Plain], || {
        let cell = Arc::new(SnapshotCell::new(0));
        let other = {
            let cell = Arc::clone(&cell);
            thread::spawn(move || cell.publish(10))
        };
        cell.update(|count| count + 1);
        other.join().expect("does not panic");
        let last = cell.load();
        assert!([10, 11].contains(last.value()), "the update replaced what it had not seen");
        assert_eq!(last.revision(), 2);
    });
}

/// Two writers publish: a reader's revisions only grow, and what it reads was complete before it was published.
#[test]
fn a_reader_never_goes_back_and_never_sees_half() {
    check(&[Mode::Plain], || {
        let cell = Arc::new(SnapshotCell::new(UnsafeCell::new(0)));
        let writers = [1, 2].map(|value| {
            let cell = Arc::clone(&cell);
            thread::spawn(move || cell.publish(UnsafeCell::new(value)))
        });
        let mut last = 0;
        for _ in 0..2 {
            let snapshot = cell.load();
            snapshot.value().with(|_| assert!(snapshot.revision() >= last, "a reader went back"));
            last = snapshot.revision();
        }
        let revisions = writers.map(|writer| writer.join().expect("does not panic"));
        assert!([[1, 2], [2, 1]].contains(&revisions), "a revision was given twice or not at all");
        assert_eq!(cell.load().revision(), 2);
    });
}

/// A writer publishes twice and tells of the first: a handle that has been told sees it, whole, and never goes back.
#[test]
fn a_reader_handle_sees_what_was_published_before_it_reads() {
    check(&[Mode::Plain], || {
        let cell = Arc::new(SnapshotCell::new(UnsafeCell::new(0)));
        let told = Arc::new(AtomicU64::new(0));
        let writer = {
            let (cell, told) = (Arc::clone(&cell), Arc::clone(&told));
            thread::spawn(move || {
                told.store(cell.publish(UnsafeCell::new(1)), Ordering::Release);
                cell.publish(UnsafeCell::new(2));
            })
        };
        let mut reader = cell.reader();
        let mut last = 0;
        for _ in 0..2 {
            let published = told.load(Ordering::Acquire);
            let snapshot = reader.load();
            assert!(snapshot.revision() >= published, "what was published before is not seen");
            snapshot.value().with(|_| assert!(snapshot.revision() >= last, "a reader went back"));
            last = snapshot.revision();
        }
        writer.join().expect("does not panic");
        assert_eq!(reader.load().revision(), 2, "the last publication is not seen");
    });
}
