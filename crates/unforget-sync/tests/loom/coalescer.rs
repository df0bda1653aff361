//! `Coalescer`: the latest value of a key arrives or comes back, and nobody is left waiting.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use unforget_sync::primitive::{Arc, thread};
use unforget_sync::{Clock, Coalescer, Deliverer, FlushError, PutError, Window};

use crate::{DEADLINES, check, check_bounded};

/// Stands still: the wait mode alone says whether a value becomes due.
#[derive(Debug)]
struct Still(Instant);

impl Clock for Still {
    fn now(&self) -> Instant {
        self.0
    }

    fn sleep(&self, _duration: Duration) {}
}

fn coalescer(keys: usize) -> (Coalescer<u8, u8>, Deliverer<u8, u8>) {
    let keys = NonZeroUsize::new(keys).expect("not zero");
    Coalescer::new(Window { keys, ..Window::default() }, Arc::new(Still(Instant::now())))
}

/// Delivers until the end and returns what it delivered, in order. The first `failures` deliveries fail.
fn deliver(mut deliverer: Deliverer<u8, u8>, mut failures: usize) -> Vec<(u8, u8)> {
    let mut arrived = Vec::new();
    while let Some(delivery) = deliverer.wait() {
        if failures > 0 && !delivery.is_empty() {
            failures -= 1;
            drop(delivery);
        } else {
            arrived.extend(delivery.done());
        }
    }
    arrived
}

/// Values of one key that come while older ones are being delivered: the last arrives, none after it.
#[test]
fn the_latest_value_arrives_last() {
    check(DEADLINES, || {
        let (coalescer, deliverer) = coalescer(2);
        let putter = thread::spawn(move || {
            for value in 1..=2 {
                coalescer.put(0, value).expect("open");
            }
        });
        let arrived = deliver(deliverer, 0);
        putter.join().expect("does not panic");
        assert_eq!(arrived.last(), Some(&(0, 2)), "the latest value was lost");
        assert!(arrived.is_sorted(), "an older value was delivered after a newer one");
    });
}

/// A delivery fails while a newer value comes: the newer one stays, the older one does not take its place.
#[test]
fn a_failed_delivery_goes_back_behind_nothing_newer() {
    check(DEADLINES, || {
        let (coalescer, deliverer) = coalescer(2);
        coalescer.put(0, 1).expect("open");
        let putter = thread::spawn(move || coalescer.put(0, 2).expect("open"));
        let arrived = deliver(deliverer, 1);
        putter.join().expect("does not panic");
        assert_eq!(arrived.last(), Some(&(0, 2)), "the latest value was lost");
        assert!(arrived.is_sorted(), "an older value was delivered after a newer one");
    });
}

/// A flush wakes the deliverer, and when it returns, what was put before has been delivered.
#[test]
fn a_flush_returns_after_the_delivery() {
    check(DEADLINES, || {
        let (coalescer, mut deliverer) = coalescer(2);
        let arrived = Arc::new(unforget_sync::primitive::Mutex::new(0));
        let recorded = Arc::clone(&arrived);
        let consumer = thread::spawn(move || {
            while let Some(delivery) = deliverer.wait() {
                let latest = delivery.iter().map(|(_, value)| *value).max();
                *recorded.lock() = latest.unwrap_or_default();
                delivery.done();
            }
        });
        coalescer.put(0, 7).expect("open");
        coalescer.flush().expect("it is delivered");
        assert_eq!(*arrived.lock(), 7, "the flush returned before the delivery had ended");
        drop(coalescer);
        consumer.join().expect("does not panic");
    });
}

/// What is taken before its time and comes back amid a flush is due by that flush, although its own time never comes.
#[test]
fn a_flush_reaches_what_comes_back() {
    check(DEADLINES, || {
        let (coalescer, mut deliverer) = coalescer(2);
        coalescer.put(0, 7).expect("open");
        let consumer = thread::spawn(move || {
            drop(deliverer.take_all());
            deliver(deliverer, 0)
        });
        coalescer.flush().expect("it is delivered");
        drop(coalescer);
        assert_eq!(consumer.join().expect("does not panic"), [(0, 7)]);
    });
}

/// Room for one key: a second key waits for the end of the first one's delivery, and gets in.
#[test]
fn the_end_of_a_delivery_lets_a_waiting_key_in() {
    check_bounded(3, DEADLINES, || {
        let (coalescer, deliverer) = coalescer(1);
        let putter = thread::spawn(move || {
            coalescer.put(0, 1).expect("open");
            let in_flush = coalescer.clone();
            let flusher = thread::spawn(move || in_flush.flush().expect("it is delivered"));
            coalescer.put(1, 2).expect("open");
            flusher.join().expect("does not panic");
        });
        let arrived = deliver(deliverer, 0);
        putter.join().expect("does not panic");
        assert_eq!(arrived, [(0, 1), (1, 2)]);
    });
}

/// The deliverer goes away while one flushes and another waits for room: both are told, and the value comes back.
#[test]
fn losing_the_deliverer_tells_everyone_and_gives_back() {
    check(DEADLINES, || {
        let (coalescer, deliverer) = coalescer(1);
        coalescer.put(0, 1).expect("open");
        let blocked = {
            let coalescer = coalescer.clone();
            thread::spawn(move || coalescer.put(1, 2))
        };
        let loser = thread::spawn(move || drop(deliverer));
        assert_eq!(coalescer.flush(), Err(FlushError::Undelivered));
        assert_eq!(blocked.join().expect("does not panic"), Err(PutError::Closed(1, 2)));
        loser.join().expect("does not panic");
        assert_eq!(coalescer.drain(), [(0, 1)], "the value was lost with its deliverer");
    });
}

/// Draining races a delivery: each value is delivered or given back, never both, never neither.
#[test]
fn a_value_is_delivered_or_given_back() {
    check(DEADLINES, || {
        let (coalescer, deliverer) = coalescer(2);
        coalescer.put(0, 1).expect("open");
        let consumer = thread::spawn(move || deliver(deliverer, 0));
        let mut all = coalescer.drain();
        all.extend(consumer.join().expect("does not panic"));
        assert_eq!(all, [(0, 1)]);
    });
}
