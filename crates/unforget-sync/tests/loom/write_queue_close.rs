//! `WriteQueue` at its end: everything accepted is delivered or its ticket says why not, and nobody is left waiting.

use unforget_sync::primitive::model::Mode;
use unforget_sync::primitive::thread;
use unforget_sync::{Clock, Close, SubmitError, SystemClock, TicketError};

use crate::write_queue::{consume, queue};
use crate::{DEADLINES, WAITS, check};

/// Closing to drain races a submitter: accepted is delivered, refused comes back, and the consumer ends.
#[test]
fn draining_delivers_what_was_accepted() {
    check(WAITS, || {
        let (queue, consumer) = queue(1, 9);
        let producer = {
            let queue = queue.clone();
            thread::spawn(move || queue.submit(1))
        };
        let closer = thread::spawn(move || queue.close(Close::Drain));
        let taken = consume(consumer, 1);
        closer.join().expect("does not panic");
        match producer.join().expect("does not panic") {
            Ok(ticket) => assert_eq!((taken, ticket.wait()), (vec![1], Ok(1))),
            Err(error) => assert_eq!((taken, error), (vec![], SubmitError::Closed(1))),
        }
    });
}

/// Closing finds a submitter in line: it is woken and gets its operation back, though there is never room.
#[test]
fn closing_wakes_a_blocked_submitter() {
    check(WAITS, || {
        let (queue, mut consumer) = queue(1, 9);
        let _filler = queue.submit(1).expect("open");
        let blocked = {
            let queue = queue.clone();
            thread::spawn(move || queue.submit(2).map(drop))
        };
        queue.close(Close::Drain);
        assert_eq!(blocked.join().expect("does not panic"), Err(SubmitError::Closed(2)));
        assert_eq!(consumer.take().len(), 1, "draining keeps what was accepted");
        assert!(!consumer.wait(), "closed and empty");
    });
}

/// Aborting races taking: each ticket resolves, with its result or as never started, as the consumer knows it.
#[test]
fn aborting_resolves_what_was_not_taken() {
    check(WAITS, || {
        let (queue, consumer) = queue(2, 9);
        let tickets = [1, 2].map(|op| queue.submit(op).expect("open"));
        let consumer = thread::spawn(move || consume(consumer, 2));
        queue.close(Close::Abort);
        let taken = consumer.join().expect("does not panic");
        let results = tickets.map(unforget_sync::Ticket::wait);
        if taken.is_empty() {
            assert_eq!(results, [Err(TicketError::Aborted); 2]);
        } else {
            assert_eq!((taken, results), (vec![1, 2], [Ok(1), Ok(2)]));
        }
    });
}

/// The consumer goes away while one operation waits for a result and another for room: both are told.
#[test]
fn losing_the_consumer_tells_everyone() {
    check(WAITS, || {
        let (queue, consumer) = queue(1, 9);
        let producers = [1, 2].map(|op| {
            let queue = queue.clone();
            thread::spawn(move || match queue.submit(op) {
                Ok(ticket) => assert_eq!(ticket.wait(), Err(TicketError::Aborted)),
                Err(error) => assert_eq!(error, SubmitError::Closed(op)),
            })
        });
        drop(consumer);
        for producer in producers {
            producer.join().expect("was told the truth");
        }
        assert!(queue.is_closed());
    });
}

/// The last handle goes away while the consumer waits: it ends.
#[test]
fn dropping_the_last_handle_ends_the_consumer() {
    check(WAITS, || {
        let (queue, consumer) = queue(1, 9);
        let handles = [queue.clone(), queue].map(|handle| thread::spawn(move || drop(handle)));
        assert_eq!(consume(consumer, 1), []);
        for handle in handles {
            handle.join().expect("does not panic");
        }
    });
}

/// Draining to a deadline races the consumer: what it has not taken is aborted and counted, and nothing else is.
#[test]
fn draining_to_a_deadline_aborts_what_is_late() {
    check(DEADLINES, || {
        let (queue, consumer) = queue(2, 9);
        let tickets = [1, 2].map(|op| queue.submit(op).expect("open"));
        let consumer = thread::spawn(move || consume(consumer, 2));
        let late = queue.drain_until(&SystemClock, SystemClock.now());
        let taken = consumer.join().expect("does not panic");
        assert_eq!(taken.len() + late, 2, "an operation is taken or late");
        for (op, ticket) in [1, 2].into_iter().zip(tickets) {
            let outcome = if taken.contains(&op) { Ok(op) } else { Err(TicketError::Aborted) };
            assert_eq!(ticket.wait(), outcome);
        }
    });
}

/// Aborting finds somebody who drains, at a deadline that never comes: the wait is over, and nothing was late.
#[test]
fn aborting_ends_the_wait_of_who_drains() {
    check(&[Mode::DeadlineNever, Mode::SpuriousOnce], || {
        let (queue, _consumer) = queue(1, 9);
        let ticket = queue.submit(1).expect("open");
        let drainer = {
            let queue = queue.clone();
            thread::spawn(move || queue.drain_until(&SystemClock, SystemClock.now()))
        };
        queue.close(Close::Abort);
        assert_eq!(drainer.join().expect("does not panic"), 0, "who aborted has told the ticket");
        assert_eq!(ticket.wait(), Err(TicketError::Aborted));
    });
}
