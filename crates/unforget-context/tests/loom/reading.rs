//! Reads see what was acknowledged and never go back; updates are published when they return.

use unforget_context::{Change, ContextStore, Contexts, MemoryStore, Next};
use unforget_sync::primitive::atomic::{AtomicU32, Ordering};
use unforget_sync::primitive::model::Mode;
use unforget_sync::primitive::{Arc, thread};

use crate::{WAITS, add, check_bounded, two_handles, value};

/// One handle writes and tells; the other reads: what was told of is seen, and reads never go back.
#[test]
fn a_read_sees_what_another_handle_acknowledged() {
    check_bounded(3, &[Mode::Plain], || {
        let [writing, reading] = two_handles();
        let told = Arc::new(AtomicU32::new(0));
        let writer = {
            let told = Arc::clone(&told);
            thread::spawn(move || {
                add(&writing);
                told.store(1, Ordering::Release);
            })
        };
        let mut last = 0;
        for _ in 0..2 {
            let acknowledged = told.load(Ordering::Acquire);
            let read = value(&reading);
            assert!(read >= acknowledged, "a read missed what was acknowledged before it began");
            assert!(read >= last, "a read went back in time");
            last = read;
        }
        writer.join().expect("does not panic");
        assert_eq!(value(&reading), 1, "an update is not seen");
    });
}

/// Two readers of one handle while another handle writes: neither sees less than the other did before.
#[test]
fn what_one_reader_saw_the_next_one_sees() {
    check_bounded(2, &[Mode::Plain], || {
        let [writing, reading] = two_handles();
        let writer = thread::spawn(move || add(&writing));
        let seen = Arc::new(AtomicU32::new(0));
        let first = {
            let (reading, seen) = (reading.clone(), Arc::clone(&seen));
            thread::spawn(move || seen.store(value(&reading), Ordering::Release))
        };
        let before = seen.load(Ordering::Acquire);
        assert!(value(&reading) >= before, "a read went back behind another thread's");
        writer.join().expect("does not panic");
        first.join().expect("does not panic");
        assert_eq!(value(&reading), 1, "a slow reader marked an old state as up to date");
    });
}

/// Two threads update through one handle: both count, and each is published when it returns, by whichever of them.
#[test]
fn an_update_is_published_when_it_returns() {
    check_bounded(2, WAITS, || {
        let [contexts, _] = two_handles();
        let update = |contexts: unforget_context::Contexts<u32>| {
            let revision = add(&contexts);
            let published = contexts.peek("ada").expect("readable").expect("published");
            assert!(published.revision() >= revision, "an update returned before it was published");
        };
        let other = {
            let contexts = contexts.clone();
            thread::spawn(move || update(contexts))
        };
        update(contexts.clone());
        other.join().expect("does not panic");
        assert_eq!(value(&contexts), 2, "an update was lost");
    });
}

/// A handle that has read nothing reads a change that nobody acknowledged yet: from then on the other sees it as well.
#[test]
fn what_one_handle_saw_the_other_one_sees() {
    check_bounded(3, &[Mode::Plain], || {
        let store = Arc::new(MemoryStore::default());
        let put = |value: &'static str| -> Change { Box::new(move |_| Ok(Next::Put(value.to_owned()))) };
        store.update("ada", put("0")).expect("in memory");
        let [first, reading]: [Contexts<u32>; 2] =
            [(); 2].map(|()| Contexts::new(Arc::clone(&store) as Arc<dyn ContextStore>));
        assert_eq!(value(&reading), 0);
        let writer = thread::spawn(move || store.update("ada", put("1")).map(drop));
        let before = value(&first);
        assert!(value(&reading) >= before, "a read went back behind another handle's");
        writer.join().expect("does not panic").expect("in memory");
    });
}
