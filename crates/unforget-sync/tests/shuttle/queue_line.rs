//! `WriteQueue` under a consumer that takes full batches only, so that every bit of room has to be passed on.
//!
//! A consumer that takes whatever there is heals what submitters forget: taking admits the next in line. This one
//! waits until the queue is full or holds all that is left, and it gets there only if room for three admits three,
//! and a withdrawn operation leaves its room to someone else.

use std::num::NonZeroUsize;

use unforget_sync::primitive::model::draw;
use unforget_sync::primitive::{Arc, Condvar, Mutex, thread};
use unforget_sync::{Clock, Consumer, Limits, SubmitError, SystemClock, Ticket, TicketError, WriteQueue};

use crate::check;

const PRODUCERS: usize = 5;
const OPS: usize = 3;
/// Every operation weighs one, so three fill the queue: bytes are what it runs out of first.
const MOST_BYTES: usize = 3;
const MOST_OPS: usize = MOST_BYTES + 1;

type Op = (usize, usize);
type Queue = WriteQueue<Op, Op>;

/// How many operations are certainly queued: counted after they were, and no longer while they are withdrawn. Locks
/// of the scenario's own, because waiting here is part of it.
#[derive(Default)]
struct Gauge {
    /// Below zero while the consumer has taken what was not counted yet.
    queued: Mutex<isize>,
    changed: Condvar,
}

impl Gauge {
    fn add(&self, ops: isize) {
        *self.queued.lock() += ops;
        self.changed.notify_all();
    }

    fn wait_for(&self, ops: usize) {
        let mut queued = self.queued.lock();
        while *queued < ops.cast_signed() {
            queued = self.changed.wait(queued);
        }
    }
}

/// Submits, by way of giving up first now and then: whoever leaves the line passes on what he did not take.
fn submit(queue: &Queue, gauge: &Gauge, op: Op) -> Ticket<Op> {
    let submitted = match draw(3) {
        0 => queue.submit_until(op, &SystemClock, SystemClock.now()),
        _ => queue.submit(op),
    };
    let ticket = match submitted {
        Err(SubmitError::Full(op)) => queue.submit(op),
        submitted => submitted,
    };
    gauge.add(1);
    ticket.expect("nobody closes the queue")
}

/// Takes an operation back unless the consumer has it.
fn withdraw(queue: &Queue, gauge: &Gauge, ticket: &Ticket<Op>) -> Option<Op> {
    gauge.add(-1);
    let withdrawn = queue.withdraw(ticket);
    if withdrawn.is_none() {
        gauge.add(1);
    }
    withdrawn
}

/// Submits all operations of one producer, some of them twice; only then waits for any, so that full batches come.
fn produce(queue: &Queue, gauge: &Gauge, producer: usize) {
    let mut tickets = Vec::new();
    for index in 0..OPS {
        let op = (producer, index);
        let mut ticket = submit(queue, gauge, op);
        if draw(3) == 0
            && let Some(withdrawn) = withdraw(queue, gauge, &ticket)
        {
            assert_eq!(withdrawn, op, "another operation came back");
            assert_eq!(ticket.wait(), Err(TicketError::Withdrawn), "the ticket of a withdrawn operation");
            ticket = submit(queue, gauge, op);
        }
        tickets.push((op, ticket));
    }
    for (op, ticket) in tickets {
        assert_eq!(ticket.wait(), Ok(op), "everything is carried out");
    }
}

/// Takes once the queue is full or holds all that is left. What was withdrawn in between makes a batch smaller.
fn consume(mut consumer: Consumer<Op, Op>, gauge: &Gauge) {
    let mut left = PRODUCERS * OPS;
    while left > 0 {
        gauge.wait_for(left.min(MOST_BYTES));
        let batch = consumer.take();
        assert!(batch.len() <= MOST_BYTES, "a batch of {}", batch.len());
        gauge.add(-batch.len().cast_signed());
        left -= batch.len();
        for entry in batch {
            entry.completer.complete(entry.op);
        }
    }
    assert!(!consumer.wait(), "more was accepted than was submitted");
}

/// Room for three and five who want it, giving up and withdrawing as they go: the queue fills up whenever it can.
#[test]
fn room_is_passed_on_until_the_queue_is_full() {
    check(|| {
        let limit = |limit| NonZeroUsize::new(limit).expect("a queue holds something");
        let limits = Limits { ops: limit(MOST_OPS), bytes: limit(MOST_BYTES) };
        let (queue, consumer) = WriteQueue::new(limits, |_: &Op| 1);
        let gauge = Arc::new(Gauge::default());
        let mut threads: Vec<_> = (0..PRODUCERS)
            .map(|producer| {
                let (queue, gauge) = (queue.clone(), Arc::clone(&gauge));
                thread::spawn(move || produce(&queue, &gauge, producer))
            })
            .collect();
        drop(queue);
        threads.push(thread::spawn(move || consume(consumer, &gauge)));
        for thread in threads {
            thread.join().expect("nobody panics");
        }
    });
}
