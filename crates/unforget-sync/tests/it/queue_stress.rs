//! Many threads on one small queue: everything arrives once, in order, and everyone is answered.

use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use unforget_sync::{Consumer, Limits, SubmitError, TicketError, WaitError, WriteQueue};

use crate::watchdog::{waiting, watch};

const PRODUCERS: usize = 4;
const OPERATIONS: usize = 3_000;

/// Who submitted it and the how-manieth of theirs it is.
type Op = (usize, usize);

fn small_queue() -> (WriteQueue<Op, Op>, Consumer<Op, Op>) {
    let ops = NonZeroUsize::new(5).expect("not zero");
    let bytes = NonZeroUsize::new(8).expect("not zero");
    WriteQueue::new(Limits { ops, bytes }, |(_, count)| count % 4)
}

/// Completes each operation with itself and returns them in the order taken.
fn consume(mut consumer: Consumer<Op, Op>) -> Vec<Op> {
    let mut taken = Vec::new();
    while waiting("a batch", || consumer.wait()) {
        let batch = consumer.take();
        assert!(batch.len() <= 5, "a batch of {} from a queue of 5", batch.len());
        for entry in batch {
            taken.push(entry.op);
            entry.completer.complete(entry.op);
        }
    }
    taken
}

fn of(producer: usize, taken: &[Op]) -> Vec<usize> {
    taken.iter().filter(|(by, _)| *by == producer).map(|(_, count)| *count).collect()
}

#[test]
fn everything_arrives_once_and_in_order() {
    let _watch = watch();
    let (queue, consumer) = small_queue();
    let consumer = thread::spawn(|| consume(consumer));
    thread::scope(|threads| {
        for producer in 0..PRODUCERS {
            let queue = queue.clone();
            threads.spawn(move || {
                for count in 0..OPERATIONS {
                    let ticket = waiting("room", || queue.submit((producer, count))).expect("open");
                    // Waiting for some and not for others makes batches of every size.
                    if count % 3 == 0 {
                        let outcome = waiting("a ticket", || ticket.wait());
                        assert_eq!(outcome, Ok((producer, count)), "someone else's result");
                    }
                }
            });
        }
    });
    drop(queue);
    let taken = consumer.join().expect("does not panic");
    for producer in 0..PRODUCERS {
        assert!(of(producer, &taken).into_iter().eq(0..OPERATIONS), "lost, doubled or out of order");
    }
}

#[test]
fn what_is_withdrawn_or_refused_is_not_taken_and_everything_else_is() {
    let _watch = watch();
    let (queue, consumer) = small_queue();
    let consumer = thread::spawn(|| consume(consumer));
    let carried_out: Vec<Vec<usize>> = thread::scope(|threads| {
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|producer| {
                let queue = queue.clone();
                threads.spawn(move || {
                    (0..OPERATIONS).filter(|count| submit_impatiently(&queue, (producer, *count))).collect()
                })
            })
            .collect();
        producers.into_iter().map(|producer| producer.join().expect("does not panic")).collect()
    });
    drop(queue);
    let taken = consumer.join().expect("does not panic");
    for (producer, carried_out) in carried_out.into_iter().enumerate() {
        assert_eq!(of(producer, &taken), carried_out, "the submitter and the consumer disagree");
    }
}

/// Submits in one of several ways and gives up early. Returns whether the operation was carried out.
fn submit_impatiently(queue: &WriteQueue<Op, Op>, op: Op) -> bool {
    let submitted = match op.1 % 3 {
        0 => queue.try_submit(op),
        1 => queue.submit_timeout(op, Duration::from_micros(20)),
        _ => waiting("room", || queue.submit(op)),
    };
    let ticket = match submitted {
        Ok(ticket) => ticket,
        Err(SubmitError::Full(back)) => {
            assert_eq!(back, op, "someone else's operation came back");
            return false;
        }
        Err(other) => panic!("the queue is open and the operation fits: {other}"),
    };
    let ticket = match ticket.wait_timeout(Duration::from_micros(20)) {
        Err(WaitError::TimedOut(ticket)) => ticket,
        outcome => {
            assert_eq!(outcome.ok(), Some(op), "someone else's result");
            return true;
        }
    };
    let withdrawn = queue.withdraw(&ticket);
    let outcome = waiting("a ticket", || ticket.wait());
    match withdrawn {
        Some(back) => assert_eq!((back, outcome), (op, Err(TicketError::Withdrawn))),
        None => assert_eq!(outcome, Ok(op)),
    }
    withdrawn.is_none()
}
