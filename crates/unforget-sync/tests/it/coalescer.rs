use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use unforget_sync::{Clock, Coalescer, Deliverer, FlushError, ManualClock, PutError, SystemClock, Window};

use crate::eventually::eventually;
use crate::watchdog::{waiting, watch};

const QUIET: Duration = Duration::from_millis(20);

type Pair = (Coalescer<&'static str, u32>, Deliverer<&'static str, u32>);

fn coalescer(keys: usize) -> (Pair, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    let keys = NonZeroUsize::new(keys).expect("not zero");
    (Coalescer::new(Window { keys, ..Window::default() }, Arc::clone(&clock) as Arc<dyn Clock>), clock)
}

#[test]
fn a_value_is_due_after_a_quiet_window() {
    let _watch = watch();
    let ((coalescer, mut deliverer), clock) = coalescer(4);
    coalescer.put("a", 1).expect("open");
    clock.advance(QUIET / 2);
    coalescer.put("a", 2).expect("open");
    clock.advance(QUIET / 2);
    assert!(deliverer.take_due().is_empty(), "a newer value starts the window again");
    assert_eq!(coalescer.next_due(), Some(clock.now() + QUIET / 2));
    clock.advance(QUIET / 2);
    assert_eq!(deliverer.take_due().done(), [("a", 2)]);
    assert_eq!((deliverer.next_due(), coalescer.is_empty()), (None, true));
}

#[test]
fn a_key_that_is_never_quiet_is_due_after_the_maximum_delay() {
    let _watch = watch();
    let ((coalescer, mut deliverer), clock) = coalescer(4);
    let start = clock.now();
    let mut value = 0;
    while deliverer.take_due().done().is_empty() {
        value += 1;
        assert!(value < 100, "a key that is never quiet is never due");
        coalescer.put("a", value).expect("open");
        clock.advance(QUIET / 2);
    }
    assert_eq!(clock.now() - start, Window::default().max_delay);
}

#[test]
fn a_failed_delivery_waits_again_and_yields_to_what_is_newer() {
    let _watch = watch();
    let ((coalescer, mut deliverer), clock) = coalescer(4);
    coalescer.put("a", 1).expect("open");
    coalescer.put("b", 1).expect("open");
    let delivery = deliverer.take_all();
    coalescer.put("a", 2).expect("open");
    drop(delivery);
    let mut delivery = deliverer.take_due();
    assert!(delivery.is_empty(), "what failed before its time waits until then: {delivery:?}");
    drop(delivery);
    clock.advance(QUIET);
    delivery = deliverer.take_due();
    delivery.retain(|key, _| *key == "b");
    assert_eq!((delivery.len(), delivery.done()), (1, vec![("b", 1)]));
    assert!(coalescer.is_empty(), "what was delivered came back");
}

#[test]
fn the_number_of_keys_is_bounded_until_a_delivery_has_ended() {
    let _watch = watch();
    let ((coalescer, mut deliverer), clock) = coalescer(1);
    coalescer.put("a", 1).expect("open");
    assert_eq!(coalescer.try_put("b", 1), Err(PutError::Full("b", 1)));
    assert_eq!(coalescer.try_put("a", 2), Ok(()), "a key that waits needs no room");
    let delivery = deliverer.take_all();
    let late = coalescer.put_until("b", 1, clock.now());
    assert_eq!(late.map_err(PutError::into_pair), Err(("b", 1)), "what may come back keeps its place");
    delivery.done();
    assert_eq!(coalescer.put_until("b", 1, clock.now()), Ok(()), "room wins over the deadline");
}

#[test]
fn a_delivery_that_panics_loses_nothing() {
    let _watch = watch();
    let ((coalescer, mut deliverer), _clock) = coalescer(4);
    coalescer.put("a", 1).expect("open");
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        let _delivery = deliverer.take_all();
        panic!("while delivering");
    }));
    assert!(panicked.is_err());
    assert_eq!(coalescer.put("a", 2), Err(PutError::Closed("a", 2)), "nobody delivers any more");
    assert_eq!(coalescer.flush(), Err(FlushError::Undelivered));
    assert_eq!(coalescer.drain(), [("a", 1)]);
}

/// Its values are lost, as whatever is forgotten is. Nobody is told that they were delivered, and nobody hangs.
#[test]
fn a_forgotten_delivery_blocks_nobody_and_is_no_success() {
    let _watch = watch();
    let ((coalescer, deliverer), clock) = coalescer(2);
    coalescer.put("a", 1).expect("open");
    thread::scope(|threads| {
        let mut deliverer = deliverer;
        #[expect(clippy::mem_forget, reason = "nothing keeps a caller from it")]
        std::mem::forget(deliverer.take_all());
        coalescer.put("b", 1).expect("open");
        let flushing = threads.spawn(|| waiting("the flush", || coalescer.flush()));
        eventually("the flush waits", || coalescer.next_due() == Some(clock.now()));
        let delivery = deliverer.take_due();
        eventually("who flushes is told", || flushing.is_finished());
        assert_eq!(flushing.join().expect("does not panic"), Err(FlushError::Undelivered));
        assert_eq!(delivery.done(), [("b", 1)]);
        for key in ["c", "d"] {
            assert_eq!(coalescer.try_put(key, 1), Ok(()), "the place of what was forgotten is free");
        }
    });
}

/// A key whose destructor asks the coalescer, which would wait for ever if that held its lock.
#[test]
fn keys_and_values_are_dropped_outside_the_lock() {
    #[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
    struct Nosy(u8);
    static ASKED: OnceLock<Coalescer<Nosy, Nosy>> = OnceLock::new();
    impl Drop for Nosy {
        fn drop(&mut self) {
            let _ = waiting("a destructor", || ASKED.get().map(Coalescer::len));
        }
    }
    let _watch = watch();
    let (coalescer, mut deliverer) = Coalescer::new(Window::default(), Arc::new(SystemClock));
    let coalescer = ASKED.get_or_init(|| coalescer);
    let put = |value| coalescer.put(Nosy(1), Nosy(value)).expect("open");
    put(1);
    put(2);
    let delivery = deliverer.take_all();
    put(3);
    drop(delivery);
    let mut delivery = deliverer.take_all();
    delivery.retain(|_, value| value.0 != 3);
    drop(delivery.done());
    put(4);
    drop(coalescer.drain());
    assert!(coalescer.try_put(Nosy(1), Nosy(5)).is_err());
}

#[test]
fn a_flush_has_a_deadline_and_leaves_everything_due() {
    let _watch = watch();
    let ((coalescer, mut deliverer), clock) = coalescer(4);
    coalescer.put("a", 1).expect("open");
    assert_eq!(coalescer.flush_until(clock.now()), Err(FlushError::TimedOut));
    coalescer.put("a", 2).expect("open");
    assert_eq!(deliverer.take_due().done(), [("a", 2)], "a newer value put the flush off");
    assert_eq!(coalescer.flush_until(clock.now()), Ok(()), "nothing is left to wait for");
}

#[test]
fn a_flush_makes_due_what_comes_back_from_a_delivery() {
    let _watch = watch();
    let ((coalescer, mut deliverer), clock) = coalescer(4);
    coalescer.put("a", 1).expect("open");
    coalescer.put("b", 1).expect("open");
    let delivery = deliverer.take_all();
    coalescer.put("b", 2).expect("open");
    assert_eq!(coalescer.flush_until(clock.now()), Err(FlushError::TimedOut));
    drop(delivery);
    assert_eq!(deliverer.take_due().done(), [("a", 1), ("b", 2)], "the flush waits for what is not due");
    assert_eq!(coalescer.flush_until(clock.now()), Ok(()));
}

#[test]
fn what_was_given_back_is_no_success_of_a_flush() {
    let _watch = watch();
    let ((coalescer, mut deliverer), _clock) = coalescer(4);
    coalescer.put("a", 1).expect("open");
    assert_eq!(coalescer.drain(), [("a", 1)]);
    assert_eq!(coalescer.flush(), Err(FlushError::Undelivered));
    assert!(coalescer.is_closed() && deliverer.wait().is_none());
}

#[test]
fn a_wait_ends_at_its_deadline_with_nothing() {
    let _watch = watch();
    let ((coalescer, mut deliverer), clock) = coalescer(4);
    coalescer.put("a", 1).expect("open");
    assert!(deliverer.wait_until(clock.now()).is_some_and(|delivery| delivery.is_empty()));
    coalescer.close();
    assert_eq!(deliverer.wait_until(clock.now()).map(unforget_sync::Delivery::done), Some(vec![("a", 1)]));
    assert!(deliverer.wait_until(clock.now()).is_none(), "who polls does not learn of the end");
}

#[test]
fn endless_windows_leave_delivery_to_a_flush() {
    let _watch = watch();
    let window = Window { quiet: Duration::MAX, max_delay: Duration::MAX, ..Window::default() };
    let (coalescer, mut deliverer) = Coalescer::new(window, Arc::new(SystemClock));
    thread::scope(|threads| {
        threads.spawn(|| {
            coalescer.put("a", 1).expect("open");
            waiting("the flush", || coalescer.flush()).expect("delivered");
        });
        let delivery = waiting("a delivery", || deliverer.wait());
        assert_eq!(delivery.map(unforget_sync::Delivery::done), Some(vec![("a", 1)]));
    });
}

#[test]
fn many_threads_lose_no_latest_value() {
    let _watch = watch();
    let window = Window { quiet: Duration::ZERO, keys: NonZeroUsize::MIN, ..Window::default() };
    let (coalescer, mut deliverer) = Coalescer::new(window, Arc::new(SystemClock));
    let consumer = thread::spawn(move || {
        let mut stored = [0; 4];
        while let Some(delivery) = waiting("a delivery", || deliverer.wait()) {
            for (key, value) in delivery.iter() {
                let stored: &mut u32 = &mut stored[*key];
                assert!(*stored < *value, "key {key} went back from {stored} to {value}");
                *stored = *value;
            }
            delivery.done();
        }
        stored
    });
    thread::scope(|threads| {
        for key in 0..4 {
            let coalescer = coalescer.clone();
            threads.spawn(move || {
                let put = |value| waiting("room", || coalescer.put(key, value)).expect("open");
                (1..=500).for_each(put);
            });
        }
    });
    eventually("everything is delivered", || coalescer.flush().is_ok());
    drop(coalescer);
    assert_eq!(consumer.join().expect("does not panic"), [500; 4]);
}

#[test]
fn errors_say_what_happened() {
    let _watch = watch();
    for error in [PutError::Full(1, 2), PutError::Closed(1, 2)] {
        assert!(format!("{error:?} {error}").contains("coalescer"));
        assert_eq!(error.into_pair(), (1, 2));
    }
    for error in [FlushError::TimedOut, FlushError::Undelivered] {
        assert!(!error.to_string().is_empty());
    }
}
