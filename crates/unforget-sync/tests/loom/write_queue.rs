//! `WriteQueue`: nothing lost, nothing twice, in order, and no wakeup missed.

use std::num::NonZeroUsize;

use unforget_sync::primitive::model::Mode;
use unforget_sync::primitive::thread;
use unforget_sync::{
    Clock, Close, Consumer, Limits, SubmitError, SystemClock, Ticket, TicketError, WriteQueue,
};

use crate::{DEADLINES, WAITS, check, check_bounded};

/// An operation is its own weight; its result is itself.
pub(crate) type Queue = WriteQueue<usize, usize>;

pub(crate) fn queue(ops: usize, bytes: usize) -> (Queue, Consumer<usize, usize>) {
    let ops = NonZeroUsize::new(ops).expect("a queue holds something");
    let bytes = NonZeroUsize::new(bytes).expect("a queue holds something");
    WriteQueue::new(Limits { ops, bytes }, |op| *op)
}

/// Takes and completes batches of up to `most` until the queue ends, and returns everything taken.
pub(crate) fn consume(mut consumer: Consumer<usize, usize>, most: usize) -> Vec<usize> {
    let mut taken = Vec::new();
    while consumer.wait() {
        let batch = consumer.take();
        assert!(batch.len() <= most, "more was queued than there was room for");
        for entry in batch {
            taken.push(entry.op);
            entry.completer.complete(entry.op);
        }
    }
    taken
}

/// One producer, two operations, room for both: the consumer gets both, in order, and ends.
#[test]
fn operations_arrive_once_and_in_order() {
    check(WAITS, || {
        let (queue, consumer) = queue(2, 9);
        let producer = thread::spawn(move || {
            let first = queue.submit(1).expect("open");
            let second = queue.submit(2).expect("open");
            (first, second)
        });
        assert_eq!(consume(consumer, 2), [1, 2], "lost, doubled or out of order");
        let (first, second) = producer.join().expect("does not panic");
        assert_eq!((first.wait(), second.wait()), (Ok(1), Ok(2)));
    });
}

/// The producer waits for its result with the queue still open, so that nothing but the operation ends the
/// consumer's wait.
#[test]
fn an_operation_wakes_a_waiting_consumer() {
    check(WAITS, || {
        let (queue, consumer) = queue(1, 9);
        let producer = thread::spawn(move || queue.submit(1).expect("open").wait());
        assert_eq!(consume(consumer, 1), [1]);
        assert_eq!(producer.join().expect("does not panic"), Ok(1));
    });
}

/// One producer, two operations, room for one: the second waits for the batch to be taken.
#[test]
fn a_blocked_submitter_is_woken_by_a_taken_batch() {
    check(WAITS, || {
        let (queue, consumer) = queue(1, 9);
        let producer = thread::spawn(move || {
            let first = queue.submit(1).expect("open");
            let second = queue.submit(2).expect("open");
            (first, second)
        });
        assert_eq!(consume(consumer, 1), [1, 2], "lost, doubled or out of order");
        let (first, second) = producer.join().expect("does not panic");
        assert_eq!((first.wait(), second.wait()), (Ok(1), Ok(2)));
    });
}

/// Two producers, room for one, a consumer that waits: whoever is blocked gets in, and everyone gets a result.
/// Bound: 3 preemptions.
#[test]
fn two_producers_share_room_for_one() {
    check_bounded(3, WAITS, || {
        let (queue, consumer) = queue(1, 9);
        let producers = [1, 2].map(|op| {
            let queue = queue.clone();
            thread::spawn(move || queue.submit(op).expect("open").wait())
        });
        drop(queue);
        let mut taken = consume(consumer, 1);
        taken.sort_unstable();
        assert_eq!(taken, [1, 2], "lost or doubled");
        let results = producers.map(|producer| producer.join().expect("does not panic"));
        assert_eq!(results, [Ok(1), Ok(2)], "each result goes to its own ticket");
    });
}

/// Three submitters in a line for one place: each that gets in makes way for the next. Bound: 2 preemptions.
#[test]
fn the_line_moves_on_as_batches_are_taken() {
    check_bounded(2, WAITS, || {
        let (queue, consumer) = queue(1, 9);
        let producers = [1, 2, 3].map(|op| {
            let queue = queue.clone();
            thread::spawn(move || queue.submit(op).map(drop))
        });
        drop(queue);
        let mut taken = consume(consumer, 1);
        taken.sort_unstable();
        assert_eq!(taken, [1, 2, 3], "lost or doubled");
        for producer in producers {
            assert_eq!(producer.join().expect("does not panic"), Ok(()));
        }
    });
}

/// One batch frees room for two who wait: the first to get in passes the wakeup on, and nothing is taken after that.
#[test]
fn room_for_two_admits_two() {
    check(WAITS, || {
        let (queue, mut consumer) = queue(9, 2);
        let _filler = queue.submit(2).expect("open");
        let producers = [1, 1].map(|op| {
            let queue = queue.clone();
            thread::spawn(move || queue.submit(op).map(drop))
        });
        assert_eq!(consumer.take().len(), 1, "only the filler fitted");
        for producer in producers {
            assert_eq!(producer.join().expect("does not panic"), Ok(()));
        }
        assert_eq!(consumer.take().len(), 2);
    });
}

/// The head of the line does not fit and gives up; the one behind fits and must be let in, though nothing is taken.
#[test]
fn a_head_that_gives_up_lets_the_next_one_in() {
    check(&[Mode::DeadlineNow], || {
        let (queue, consumer) = queue(9, 2);
        let _filler = queue.submit(1).expect("open");
        let heavy = {
            let queue = queue.clone();
            thread::spawn(move || queue.submit_until(2, &SystemClock, SystemClock.now()).map(drop))
        };
        assert!(queue.submit(1).is_ok(), "the queue is open");
        assert_eq!(heavy.join().expect("does not panic"), Err(SubmitError::Full(2)));
        drop(consumer);
    });
}

/// A submitter with a deadline races a consumer: it gets in or gets its operation back, never both.
#[test]
fn a_timed_submit_gets_in_or_gets_its_operation_back() {
    check(DEADLINES, || {
        let (queue, consumer) = queue(1, 9);
        let producer = thread::spawn(move || {
            let _first = queue.submit(1).expect("open");
            match queue.submit_until(2, &SystemClock, SystemClock.now()) {
                Ok(ticket) => Some(ticket),
                Err(SubmitError::Full(2)) => None,
                Err(other) => panic!("the queue is open and the operation fits: {other}"),
            }
        });
        let taken = consume(consumer, 1);
        let second = producer.join().expect("does not panic").map(Ticket::wait);
        assert_eq!(second.is_some(), taken == [1, 2], "accepted and taken go together");
        assert!(second.is_none_or(|result| result == Ok(2)));
    });
}

/// Withdrawing races taking: the operation is on exactly one side, and its ticket says which.
#[test]
fn an_operation_is_withdrawn_or_taken_never_both() {
    check(WAITS, || {
        let (queue, consumer) = queue(1, 9);
        let consumer = thread::spawn(move || consume(consumer, 1));
        let ticket = queue.submit(1).expect("open");
        let withdrawn = queue.withdraw(&ticket);
        drop(queue);
        let taken = consumer.join().expect("does not panic");
        if let Some(op) = withdrawn {
            assert_eq!((op, taken), (1, vec![]));
            assert_eq!(ticket.wait(), Err(TicketError::Withdrawn));
        } else {
            assert_eq!(taken, [1]);
            assert_eq!(ticket.wait(), Ok(1));
        }
    });
}

/// Operations are taken one by one while they are submitted and one is withdrawn: the consumer ends only when nothing
/// is left, and each is on exactly one side. Bound: 3 preemptions.
#[test]
fn a_bounded_take_leaves_the_rest_to_be_taken_or_withdrawn() {
    check_bounded(3, WAITS, || {
        let (queue, mut consumer) = queue(2, 9);
        let producer = thread::spawn(move || {
            let _first = queue.submit(1).expect("open");
            let second = queue.submit(2).expect("open");
            queue.withdraw(&second).is_some()
        });
        let mut taken = Vec::new();
        while consumer.wait() {
            let mut batch = Vec::new();
            consumer.take_at_most(1, &mut batch);
            assert!(batch.len() <= 1, "more than was asked for");
            taken.extend(batch.into_iter().map(|entry| entry.op));
        }
        let withdrawn = producer.join().expect("does not panic");
        let expected: &[usize] = if withdrawn { &[1] } else { &[1, 2] };
        assert_eq!(taken, expected, "lost, doubled or out of order");
    });
}

/// A bounded take makes room for whom it has room for, though something is left.
#[test]
fn a_bounded_take_lets_a_blocked_submitter_in() {
    check(WAITS, || {
        let (queue, mut consumer) = queue(2, 9);
        let _tickets = [1, 2].map(|op| queue.submit(op).expect("open"));
        let blocked = {
            let queue = queue.clone();
            thread::spawn(move || queue.submit(3).map(drop))
        };
        let mut batch = Vec::new();
        consumer.take_at_most(1, &mut batch);
        assert_eq!(blocked.join().expect("does not panic"), Ok(()));
        assert_eq!(consumer.take().len(), 2, "what was left, and who came after it");
    });
}

/// Withdrawing makes room, and whoever waits for it is let in without the consumer's help.
#[test]
fn withdrawing_lets_a_blocked_submitter_in() {
    check(WAITS, || {
        let (queue, mut consumer) = queue(1, 9);
        let ticket = queue.submit(1).expect("open");
        let blocked = {
            let queue = queue.clone();
            thread::spawn(move || queue.submit(2).map(drop))
        };
        assert_eq!(queue.withdraw(&ticket), Some(1), "nobody took it");
        assert_eq!(blocked.join().expect("does not panic"), Ok(()));
        assert_eq!(consumer.take().len(), 1);
        queue.close(Close::Drain);
    });
}
