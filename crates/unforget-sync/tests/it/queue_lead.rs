//! The consumer's seat, lent to callers on real threads.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, TryLockError};
use std::thread;
use std::time::Instant;

use unforget_sync::{Close, Consumer, Lead, Limits, WriteQueue};

use crate::eventually::DEADLINE;
use crate::watchdog::{waiting, watch};

const CALLERS: usize = 4;
const OPERATIONS: usize = 2_000;

/// Who submitted it and the how-manieth of theirs it is.
type Op = (usize, usize);
type Queue = WriteQueue<Op, Op>;
/// Everything done so far, in order.
type Tools = Arc<Mutex<Vec<Op>>>;

fn queue() -> (Queue, Consumer<Op, Op>) {
    WriteQueue::new(Limits { ops: NonZeroUsize::MIN.saturating_add(3), bytes: NonZeroUsize::MAX }, |_| 1)
}

/// Adds to what is done. The seat is what keeps others away, so the lock is only tried.
fn work(tools: &Tools, op: Op) -> Op {
    let mut done = match tools.try_lock() {
        Ok(done) => done,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => panic!("two threads have the seat"),
    };
    done.push(op);
    op
}

fn start(mut consumer: Consumer<Op, Op>, tools: &Tools) -> thread::JoinHandle<()> {
    let tools = Arc::clone(tools);
    thread::spawn(move || {
        while consumer.wait_lending() {
            for entry in consumer.take() {
                entry.completer.complete(work(&tools, entry.op));
            }
        }
    })
}

/// The seat, once the consumer is idle.
fn lead(queue: &Queue) -> Lead<'_, Op, Op> {
    let start = Instant::now();
    loop {
        if let Some(lead) = queue.try_lead() {
            return lead;
        }
        assert!(start.elapsed() < DEADLINE, "the consumer is never idle");
        thread::yield_now();
    }
}

#[test]
fn leaders_and_followers_do_everything_once_and_in_order() {
    let _watch = watch();
    let (queue, consumer) = queue();
    let tools = Tools::default();
    let consumer = start(consumer, &tools);
    let led: usize = thread::scope(|threads| {
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let (queue, tools) = (&queue, &tools);
                threads.spawn(move || {
                    let mut led = 0;
                    for op in (0..OPERATIONS).map(|count| (caller, count)) {
                        if let Some(_lead) = queue.try_lead() {
                            led += 1;
                            work(tools, op);
                        } else {
                            let ticket = waiting("room", || queue.submit(op)).expect("open");
                            assert_eq!(waiting("the consumer", || ticket.wait()), Ok(op));
                        }
                    }
                    led
                })
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().expect("does not panic")).sum()
    });
    // One caller after the other leads, however busy the threads above kept the consumer.
    drop(lead(&queue));
    drop(queue);
    waiting("the consumer to end", || consumer.join()).expect("does not panic");
    let done = tools.lock().expect("not poisoned");
    assert_eq!(done.len(), CALLERS * OPERATIONS, "{led} were led");
    for caller in 0..CALLERS {
        let counts = done.iter().filter(|(by, _)| *by == caller).map(|(_, count)| *count);
        assert!(counts.eq(0..OPERATIONS), "lost, doubled or out of order");
    }
}

#[test]
fn the_seat_is_lent_only_by_an_idle_consumer_that_lends() {
    let _watch = watch();
    let (queue, consumer) = queue();
    assert!(queue.try_lead().is_none(), "the consumer has never waited");
    let tools = Tools::default();
    let consumer = start(consumer, &tools);
    let first = lead(&queue);
    assert!(queue.try_lead().is_none(), "one at a time");
    let ticket = queue.submit((0, 0)).expect("open");
    assert_eq!(queue.len(), 1, "nothing is taken while the seat is lent");
    drop(first);
    assert_eq!(ticket.wait(), Ok((0, 0)));
    queue.close(Close::Drain);
    assert!(queue.try_lead().is_none(), "closed");
    waiting("the consumer to end", || consumer.join()).expect("does not panic");
}

#[test]
fn a_leader_that_panics_gives_the_seat_back() {
    let _watch = watch();
    let (queue, consumer) = queue();
    let tools = Tools::default();
    let consumer = start(consumer, &tools);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _lead = lead(&queue);
        assert!(queue.is_closed(), "in the leader");
    }));
    assert!(panicked.is_err());
    assert_eq!(queue.submit((0, 0)).expect("open").wait(), Ok((0, 0)));
    drop(queue);
    waiting("the consumer to end", || consumer.join()).expect("does not panic");
}
