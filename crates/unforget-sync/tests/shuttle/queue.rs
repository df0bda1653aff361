//! `WriteQueue` with five producers who submit, give up, withdraw, wait and look away, and a consumer that may fail.

use std::num::NonZeroUsize;

use unforget_sync::primitive::model::draw;
use unforget_sync::primitive::{Arc, thread};
use unforget_sync::{
    Clock, Close, Consumer, Limits, SubmitError, SystemClock, Ticket, TicketError, WaitError, WriteQueue,
};

use crate::queue_ledger::{End, Fate, Learnt, Ledger, Op};
use crate::{check, contained, dawdle, panic_on_purpose};

const PRODUCERS: usize = 5;
const OPS: usize = 3;
/// Room for fewer than there are producers, in both measures, so that most submitters stand in line.
const MOST_OPS: usize = 3;
const MOST_BYTES: usize = 4;
const HEAVIEST: usize = 3;

type Queue = WriteQueue<Op, Op>;

fn queue() -> (Queue, Consumer<Op, Op>) {
    let limit = |limit| NonZeroUsize::new(limit).expect("a queue holds something");
    WriteQueue::new(Limits { ops: limit(MOST_OPS), bytes: limit(MOST_BYTES) }, |op| op.weight)
}

/// Submits in one of the ways there are.
fn submit(queue: &Queue, op: Op) -> Option<Ticket<Op>> {
    let submitted = match draw(4) {
        0 => queue.try_submit(op),
        1 => queue.submit_until(op, &SystemClock, SystemClock.now()),
        _ => queue.submit(op),
    };
    match submitted {
        Ok(ticket) => Some(ticket),
        Err(SubmitError::TooLarge { .. }) => unreachable!("no operation is heavier than the queue's limit"),
        Err(refused) => {
            assert_eq!(refused.into_op(), op, "another operation came back");
            None
        }
    }
}

/// Follows an operation to its end, in one of the ways there are.
fn follow(queue: &Queue, ticket: Ticket<Op>) -> Learnt {
    match draw(4) {
        0 => Learnt::Nothing,
        1 => match queue.withdraw(&ticket) {
            Some(_) => {
                assert_eq!(ticket.wait(), Err(TicketError::Withdrawn), "the ticket of a withdrawn operation");
                Learnt::Withdrawn
            }
            None => Learnt::Outcome(ticket.wait()),
        },
        2 => match ticket.wait_until(&SystemClock, SystemClock.now()) {
            Ok(result) => Learnt::Outcome(Ok(result)),
            Err(WaitError::Failed(error)) => Learnt::Outcome(Err(error)),
            Err(WaitError::TimedOut(ticket)) => follow(queue, ticket),
        },
        _ => Learnt::Outcome(ticket.wait()),
    }
}

/// Submits all operations of one producer; follows each at once or keeps the tickets for later.
fn produce(queue: &Queue, producer: usize, ledger: &Ledger) {
    let mut kept = Vec::new();
    for index in 0..OPS {
        let op = Op { producer, index, weight: 1 + draw(HEAVIEST) };
        match submit(queue, op) {
            None => ledger.learnt(op, Learnt::Refused),
            Some(ticket) if draw(2) == 0 => ledger.learnt(op, follow(queue, ticket)),
            Some(ticket) => kept.push((op, ticket)),
        }
    }
    for (op, ticket) in kept {
        ledger.learnt(op, follow(queue, ticket));
    }
}

/// Takes batches to the end, and loses an operation now and then. Panics amid a batch where `may_panic`.
fn consume(consumer: &mut Consumer<Op, Op>, ledger: &Ledger, may_panic: bool) {
    while consumer.wait() {
        let batch = consumer.take();
        let bytes: usize = batch.iter().map(|entry| entry.op.weight).sum();
        assert!(
            batch.len() <= MOST_OPS && bytes <= MOST_BYTES,
            "a batch of {} with {bytes} bytes",
            batch.len()
        );
        let dies_at = if may_panic && draw(4) == 0 { draw(batch.len() + 1) } else { usize::MAX };
        let taken: Vec<_> = batch.iter().map(|entry| entry.op).collect();
        for (at, entry) in batch.into_iter().enumerate() {
            if at == dies_at {
                taken[at..].iter().for_each(|&op| ledger.took(op, Fate::Lost));
                panic_on_purpose();
            }
            if draw(6) == 0 {
                ledger.took(entry.op, Fate::Lost);
            } else {
                ledger.took(entry.op, Fate::Completed);
                entry.completer.complete(entry.op);
            }
        }
    }
}

/// Runs the producers against one consumer and a thread that does `meanwhile`, then compares both sides.
fn compose(end: End, may_panic: bool, meanwhile: impl FnOnce(Queue) + Send + 'static) {
    let ledger = Arc::new(Ledger::default());
    let (queue, mut consumer) = queue();
    let mut threads: Vec<_> = (0..PRODUCERS)
        .map(|producer| {
            let (queue, ledger) = (queue.clone(), Arc::clone(&ledger));
            thread::spawn(move || produce(&queue, producer, &ledger))
        })
        .collect();
    threads.push({
        let ledger = Arc::clone(&ledger);
        // The consumer is dropped by the panic itself, while the thread unwinds.
        thread::spawn(move || {
            let ended = contained(move || consume(&mut consumer, &ledger, may_panic)).is_some();
            assert!(ended || may_panic, "the consumer panicked, and not on purpose");
        })
    });
    threads.push(thread::spawn(move || meanwhile(queue)));
    for thread in threads {
        thread.join().expect("nobody panics but on purpose");
    }
    ledger.settle(PRODUCERS * OPS, end);
}

/// Nobody closes the queue: it ends with the last handle, and everything accepted was delivered.
#[test]
fn everything_accepted_is_delivered_once_and_in_order() {
    check(|| compose(End::Drained, false, drop));
}

/// The queue is closed to drain at any time: what was accepted by then is delivered, the rest comes back.
#[test]
fn draining_at_any_time_delivers_what_was_accepted() {
    check(|| {
        compose(End::Drained, false, |queue| {
            dawdle(12);
            queue.close(Close::Drain);
            assert!(queue.is_closed());
        });
    });
}

/// The queue is drained, then aborted: each ticket has its result, or says that the operation was not started.
#[test]
fn aborting_at_any_time_tells_every_ticket() {
    check(|| {
        compose(End::Aborted, false, |queue| {
            dawdle(12);
            if draw(2) == 0 {
                queue.close(Close::Drain);
                dawdle(4);
            }
            queue.close(Close::Abort);
            assert!(queue.is_empty(), "what is queued was dropped, and nothing gets in");
        });
    });
}

/// The consumer panics amid a batch, while submitters stand in line: everyone is told the truth about his operation.
#[test]
fn a_consumer_that_panics_leaves_nobody_waiting() {
    check(|| {
        compose(End::Aborted, true, |queue| {
            dawdle(12);
            if draw(3) == 0 {
                queue.close(Close::Drain);
            }
        });
    });
}
