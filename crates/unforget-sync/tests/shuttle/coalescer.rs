//! `Coalescer` with senders who share keys, who flush and close it, and a deliverer that fails or goes away.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use unforget_sync::primitive::model::draw;
use unforget_sync::primitive::{Arc, thread};
use unforget_sync::{Clock, Coalescer, Deliverer, Delivery, FlushError, Window};

use crate::coalescer_ledger::{Key, Ledger, Value};
use crate::{check, contained, dawdle, panic_on_purpose};

const SENDERS: usize = 4;
const PUTS: usize = 4;
const KEYS: usize = 3;
/// Room for fewer than there are keys, so that some senders wait for the end of a delivery.
const MOST_KEYS: usize = 2;

type Saves = Coalescer<Key, Value>;

/// Goes on by a drawn step whenever it is looked at: values become due in between. Time of the system would not be
/// the same when a schedule is run again.
#[derive(Debug)]
struct Drawn {
    start: Instant,
    elapsed: AtomicU64,
}

impl Clock for Drawn {
    fn now(&self) -> Instant {
        let step = u64::try_from(draw(20)).expect("a small number");
        self.start + Duration::from_millis(self.elapsed.fetch_add(step, Ordering::Relaxed) + step)
    }

    fn sleep(&self, _duration: Duration) {}

    /// Whoever waits for an instant of it looks again, and by that it comes: nothing here is due but by time.
    fn recheck_after(&self, remaining: Duration) -> Duration {
        remaining.min(Duration::from_millis(1))
    }
}

fn clock() -> Arc<Drawn> {
    Arc::new(Drawn { start: Instant::now(), elapsed: AtomicU64::new(0) })
}

/// Puts in one of the ways there are. What is refused has to come back whole.
fn put(saves: &Saves, clock: &Drawn, ledger: &Ledger, sender: usize) {
    let key = draw(KEYS);
    let value = ledger.begin(key, sender);
    let put = match draw(4) {
        0 => saves.try_put(key, value),
        1 => saves.put_until(key, value, clock.now()),
        _ => saves.put(key, value),
    };
    match put {
        Ok(()) => ledger.accepted(value),
        Err(refused) => assert_eq!(refused.into_pair(), (key, value), "something else came back"),
    }
    assert!(saves.len() <= MOST_KEYS, "more keys wait than there is room for");
}

/// Flushes, and holds it to its word. `may_fail` says whether values are given back or lose their deliverer.
fn flush(saves: &Saves, clock: &Drawn, ledger: &Ledger, may_fail: bool) {
    let began = ledger.tick();
    let flushed = if draw(2) == 0 { saves.flush() } else { saves.flush_until(clock.now()) };
    match flushed {
        Ok(()) => ledger.assert_delivered_before(began),
        Err(FlushError::TimedOut) => {}
        Err(FlushError::Undelivered) => assert!(may_fail, "nothing was given back"),
    }
}

fn send(saves: &Saves, clock: &Drawn, ledger: &Ledger, sender: usize, may_fail: bool) {
    for _ in 0..PUTS {
        put(saves, clock, ledger, sender);
        if draw(4) == 0 {
            flush(saves, clock, ledger, may_fail);
        }
    }
}

/// Delivers what it was lent, or some of it, or nothing, or panics amid it.
fn deliver(mut delivery: Delivery<'_, Key, Value>, ledger: &Ledger) {
    match draw(6) {
        0 => drop(delivery),
        1 => panic_on_purpose(),
        2 => {
            let failed = draw(delivery.len() + 1);
            let mut at = 0;
            delivery.retain(|_, value| {
                at += 1;
                let fails = at <= failed;
                if !fails {
                    ledger.delivered(*value);
                }
                fails
            });
        }
        _ => {
            delivery.iter().for_each(|(_, value)| ledger.delivered(*value));
            delivery.done();
        }
    }
}

/// Delivers to the end; a panic ends one delivery. Where it `may_die`, the deliverer itself goes now and then.
fn run(mut deliverer: Deliverer<Key, Value>, clock: &Drawn, ledger: &Ledger, may_die: bool) {
    loop {
        let delivery = match draw(4) {
            0 => deliverer.wait_until(clock.now()),
            1 => Some(deliverer.take_due()),
            _ => deliverer.wait(),
        };
        let Some(delivery) = delivery else { return };
        contained(|| deliver(delivery, ledger));
        if may_die && draw(8) == 0 {
            return;
        }
    }
}

/// Runs the senders against one deliverer and a thread that does `meanwhile`, then gives back what is left.
fn compose(may_fail: bool, meanwhile: impl FnOnce(&Saves, &Ledger) + Send + 'static) {
    let ledger = Arc::new(Ledger::default());
    let clock = clock();
    let window = Window { keys: NonZeroUsize::new(MOST_KEYS).expect("not zero"), ..Window::default() };
    let (saves, deliverer) = Coalescer::new(window, Arc::clone(&clock) as Arc<dyn Clock>);
    let mut threads: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (saves, clock, ledger) = (saves.clone(), Arc::clone(&clock), Arc::clone(&ledger));
            thread::spawn(move || send(&saves, &clock, &ledger, sender, may_fail))
        })
        .collect();
    threads.push({
        let (saves, ledger) = (saves.clone(), Arc::clone(&ledger));
        thread::spawn(move || meanwhile(&saves, &ledger))
    });
    let deliverer = {
        let (clock, ledger) = (Arc::clone(&clock), Arc::clone(&ledger));
        thread::spawn(move || run(deliverer, &clock, &ledger, may_fail))
    };
    for thread in threads {
        thread.join().expect("nobody panics but on purpose");
    }
    if may_fail {
        saves.close();
        deliverer.join().expect("nobody panics but on purpose");
        give_back(&saves, &ledger);
    } else {
        drop(saves);
        deliverer.join().expect("nobody panics but on purpose");
    }
    ledger.settle(KEYS);
}

fn give_back(saves: &Saves, ledger: &Ledger) {
    saves.drain().into_iter().for_each(|(_, value)| ledger.given_back(value));
}

/// Deliveries fail, wholly and in part, and panic; the last handle ends it: the latest of every key is delivered.
#[test]
fn the_latest_of_every_key_is_delivered() {
    check(|| compose(false, |_, _| {}));
}

/// It is closed, drained or loses its deliverer at any time: the latest of every key is delivered or comes back.
#[test]
fn closed_at_any_time_the_latest_of_every_key_is_delivered_or_comes_back() {
    check(|| {
        compose(true, |saves, ledger| {
            dawdle(12);
            match draw(3) {
                0 => saves.close(),
                1 => give_back(saves, ledger),
                _ => {}
            }
        });
    });
}
