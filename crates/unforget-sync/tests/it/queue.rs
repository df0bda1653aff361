use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use unforget_sync::{Clock, Close, Consumer, Entry, Limits, ManualClock, SubmitError, SystemClock};
use unforget_sync::{TicketError, WriteQueue};

use crate::eventually::eventually;
use crate::watchdog::{waiting, watch};

/// An operation is its own weight.
type Queue = WriteQueue<usize, usize>;

fn queue(ops: usize, bytes: usize) -> (Queue, Consumer<usize, usize>) {
    let ops = NonZeroUsize::new(ops).expect("a queue holds something");
    let bytes = NonZeroUsize::new(bytes).expect("a queue holds something");
    WriteQueue::new(Limits { ops, bytes }, |op| *op)
}

fn taken(consumer: &mut Consumer<usize, usize>) -> Vec<usize> {
    consumer.take().into_iter().map(|entry| entry.op).collect()
}

#[test]
fn the_number_of_operations_is_bounded() {
    let _watch = watch();
    let (queue, mut consumer) = queue(2, 100);
    let _tickets = [queue.try_submit(1).expect("room"), queue.try_submit(2).expect("room")];
    assert_eq!(queue.try_submit(3).err(), Some(SubmitError::Full(3)));
    assert_eq!(queue.len(), 2);
    assert_eq!(taken(&mut consumer), [1, 2]);
    assert!(queue.try_submit(3).is_ok() && !queue.is_empty(), "a taken batch frees its room");
}

#[test]
fn the_bytes_are_bounded_and_filled_to_the_last() {
    let _watch = watch();
    let (queue, mut consumer) = queue(100, 10);
    let _tickets = [queue.try_submit(4).expect("room"), queue.try_submit(6).expect("exactly fits")];
    assert_eq!(queue.try_submit(1).err(), Some(SubmitError::Full(1)));
    assert!(queue.try_submit(0).is_ok(), "what weighs nothing always fits");
    assert_eq!(taken(&mut consumer), [4, 6, 0]);
    assert!(queue.try_submit(10).is_ok(), "a taken batch frees its bytes");
}

#[test]
fn an_operation_that_can_never_fit_is_refused_at_once() {
    let _watch = watch();
    let (queue, _consumer) = queue(1, 10);
    let error = queue.submit(11).expect_err("larger than the queue");
    assert_eq!(error, SubmitError::TooLarge { op: 11, weight: 11, limit: 10 });
    assert!(error.to_string().contains("11 bytes") && error.to_string().contains("at most 10"), "{error}");
    assert_eq!(error.into_op(), 11);
}

#[test]
fn a_timed_submit_gives_the_operation_back() {
    let _watch = watch();
    let (queue, _consumer) = queue(1, 10);
    let _ticket = queue.submit(1).expect("room");
    let clock = ManualClock::new();
    assert_eq!(queue.submit_until(2, &clock, clock.now()).err(), Some(SubmitError::Full(2)));
    assert_eq!(queue.submit_timeout(3, Duration::from_millis(1)).err(), Some(SubmitError::Full(3)));
    assert_eq!(queue.waiting(), 0, "who gave up still stands in line");
}

#[test]
fn room_that_is_there_wins_over_the_deadline() {
    let _watch = watch();
    let (queue, _consumer) = queue(1, 10);
    let clock = ManualClock::new();
    assert!(queue.submit_until(1, &clock, clock.now()).is_ok());
    assert_eq!(queue.submit_timeout(2, Duration::ZERO).err(), Some(SubmitError::Full(2)));
}

// Where others are blocked, the consumer belongs to the scope: an assertion that fails there drops it, and that
// releases them.

#[test]
fn a_blocked_submitter_gets_the_room_of_a_taken_batch() {
    let _watch = watch();
    let (queue, consumer) = queue(1, 10);
    let _ticket = queue.submit(1).expect("room");
    thread::scope(|threads| {
        let mut consumer = consumer;
        let blocked =
            threads.spawn(|| waiting("room for 2", || queue.submit_timeout(2, Duration::MAX).map(drop)));
        eventually("the second submitter waits", || queue.waiting() == 1);
        assert_eq!(taken(&mut consumer), [1]);
        assert_eq!(waiting("the blocked submitter", || blocked.join()).expect("does not panic"), Ok(()));
        assert_eq!(taken(&mut consumer), [2]);
    });
}

#[test]
fn submitters_get_room_in_the_order_they_came() {
    let _watch = watch();
    let (queue, consumer) = queue(1, 10);
    let _ticket = queue.submit(0).expect("room");
    thread::scope(|threads| {
        let mut consumer = consumer;
        for op in 1..=5 {
            let queue = &queue;
            threads.spawn(move || waiting(format!("room for {op}"), || queue.submit(op).map(drop)));
            eventually("it stands in line", || queue.waiting() == op);
        }
        for op in 0..=5 {
            assert!(waiting(format!("operation {op}"), || consumer.wait()));
            assert_eq!(taken(&mut consumer), [op], "someone overtook");
        }
    });
}

#[test]
fn nobody_overtakes_a_submitter_who_waits_for_much_room() {
    let _watch = watch();
    let (queue, consumer) = queue(10, 10);
    let _ticket = queue.submit(5).expect("room");
    thread::scope(|threads| {
        let mut consumer = consumer;
        let heavy = threads.spawn(|| waiting("room for 10", || queue.submit(10).map(drop)));
        eventually("the heavy one waits", || queue.waiting() == 1);
        assert_eq!(queue.try_submit(1).err(), Some(SubmitError::Full(1)), "a light one would starve it");
        assert_eq!(taken(&mut consumer), [5]);
        assert_eq!(waiting("the heavy one", || heavy.join()).expect("does not panic"), Ok(()));
    });
}

#[test]
fn withdrawing_takes_back_what_was_not_taken() {
    let _watch = watch();
    let (queue, mut consumer) = queue(3, 10);
    let [first, second, third] = [1, 2, 3].map(|op| queue.submit(op).expect("room"));
    assert_eq!(queue.withdraw(&second), Some(2));
    assert_eq!(queue.withdraw(&second), None, "withdrawn once");
    assert_eq!(second.wait(), Err(TicketError::Withdrawn));
    assert!(queue.try_submit(5).is_ok(), "its room is free");
    let batch = consumer.take();
    assert_eq!(queue.withdraw(&first), None, "taken");
    for Entry { op, completer } in batch {
        completer.complete(op);
    }
    assert_eq!((first.wait(), third.wait()), (Ok(1), Ok(3)));
}

#[test]
fn what_a_bounded_take_leaves_can_be_withdrawn_and_is_waited_for() {
    let _watch = watch();
    let (queue, mut consumer) = queue(3, 6);
    let tickets = [1, 2, 3].map(|op| queue.submit(op).expect("room"));
    let mut batch = Vec::new();
    consumer.take_at_most(2, &mut batch);
    assert_eq!(batch.iter().map(|entry| entry.op).collect::<Vec<_>>(), [1, 2], "the first ones, in order");
    assert!(queue.try_submit(4).is_err(), "what is left keeps its bytes");
    assert!(waiting("what is left", || consumer.wait()), "there is work as long as anything is queued");
    assert_eq!(queue.withdraw(&tickets[1]), None, "taken");
    assert_eq!(queue.withdraw(&tickets[2]), Some(3), "not taken");
    consumer.take_at_most(2, &mut batch);
    assert_eq!(batch.len(), 2, "there is nothing more");
}

#[test]
fn a_ticket_of_another_queue_withdraws_nothing() {
    let _watch = watch();
    let (one, _consumer) = queue(1, 10);
    let (other, _other_consumer) = queue(1, 10);
    let _ticket = one.submit(1).expect("room");
    let foreign = other.submit(1).expect("room");
    assert_eq!(one.withdraw(&foreign), None);
    assert_eq!(one.len(), 1);
}

#[test]
fn draining_lets_the_consumer_finish() {
    let _watch = watch();
    let (queue, mut consumer) = queue(2, 10);
    let ticket = queue.submit(1).expect("room");
    queue.close(Close::Drain);
    queue.close(Close::Drain);
    assert!(queue.is_closed());
    assert_eq!(queue.submit(2).err(), Some(SubmitError::Closed(2)));
    assert_eq!(queue.try_submit(2).err(), Some(SubmitError::Closed(2)));
    assert!(consumer.wait(), "what was accepted is delivered");
    for entry in consumer.take() {
        entry.completer.complete(entry.op);
    }
    assert!(!consumer.wait(), "closed and empty");
    assert_eq!(waiting("the ticket", || ticket.wait()), Ok(1));
}

#[test]
fn aborting_after_draining_drops_what_is_left() {
    let _watch = watch();
    let (queue, consumer) = queue(2, 10);
    let ticket = queue.submit(1).expect("room");
    queue.close(Close::Drain);
    queue.close(Close::Abort);
    assert_eq!(waiting("the ticket", || ticket.wait()), Err(TicketError::Aborted));
    assert!(!consumer.wait());
    queue.close(Close::Drain);
    assert!(queue.is_closed() && queue.is_empty());
}

/// No test lasts as long. On the system's clock, because a wait on a manual one looks again every millisecond, and
/// would end without being woken.
fn far_off() -> Instant {
    SystemClock.now() + Duration::from_hours(1)
}

#[test]
fn draining_waits_until_everything_was_taken() {
    let _watch = watch();
    let (queue, consumer) = queue(2, 10);
    let tickets = [1, 2].map(|op| queue.submit(op).expect("room"));
    thread::scope(|threads| {
        let mut consumer = consumer;
        let queue = &queue;
        let drainer = threads.spawn(|| queue.drain_until(&SystemClock, far_off()));
        eventually("the queue is closed", || queue.is_closed());
        for entry in consumer.take() {
            entry.completer.complete(entry.op);
        }
        assert_eq!(waiting("the drainer", || drainer.join()).expect("does not panic"), 0, "nothing was late");
    });
    assert_eq!(tickets.map(unforget_sync::Ticket::wait), [Ok(1), Ok(2)]);
}

#[test]
fn aborting_ends_the_wait_of_who_drains() {
    let _watch = watch();
    let (queue, _consumer) = queue(2, 10);
    let ticket = queue.submit(1).expect("room");
    thread::scope(|threads| {
        let queue = &queue;
        let drainer = threads.spawn(|| queue.drain_until(&SystemClock, far_off()));
        eventually("the queue is closed", || queue.is_closed());
        queue.close(Close::Abort);
        assert_eq!(
            waiting("the drainer", || drainer.join()).expect("does not panic"),
            0,
            "who aborted has told the ticket"
        );
    });
    assert_eq!(ticket.wait(), Err(TicketError::Aborted));
}

#[test]
fn closing_wakes_everyone_in_line() {
    let _watch = watch();
    let (queue, consumer) = queue(1, 10);
    let _ticket = queue.submit(1).expect("room");
    thread::scope(|threads| {
        let consumer = consumer;
        let blocked = [2, 3].map(|op| {
            let queue = &queue;
            threads.spawn(move || waiting(format!("room for {op}"), || queue.submit(op).map(drop)))
        });
        eventually("both stand in line", || queue.waiting() == 2);
        drop(consumer);
        for (blocked, op) in blocked.into_iter().zip([2, 3]) {
            let blocked = waiting("a blocked submitter", || blocked.join());
            assert_eq!(blocked.expect("does not panic"), Err(SubmitError::Closed(op)));
        }
    });
}

#[test]
fn a_consumer_that_panics_leaves_nobody_waiting() {
    let _watch = watch();
    let (queue, mut consumer) = queue(2, 10);
    let taken = queue.submit(1).expect("room");
    let (started, queued) = std::sync::mpsc::channel();
    let writer = thread::spawn(move || {
        let _batch = consumer.take();
        started.send(()).expect("the test waits for this");
        assert!(!consumer.wait(), "in the consumer");
    });
    queued.recv_timeout(crate::eventually::DEADLINE).expect("the batch was taken");
    let left = queue.submit(2).expect("room");
    assert!(writer.join().is_err(), "the consumer panicked");
    assert_eq!(
        waiting("what was taken", || taken.wait()),
        Err(TicketError::Abandoned),
        "taken: it may have taken effect"
    );
    assert_eq!(waiting("what was left", || left.wait()), Err(TicketError::Aborted), "never taken");
    assert_eq!(queue.submit(3).err(), Some(SubmitError::Closed(3)));
}

#[test]
fn dropping_the_last_handle_drains() {
    let _watch = watch();
    let (queue, mut consumer) = queue(2, 10);
    let clone = queue.clone();
    let ticket = queue.submit(1).expect("room");
    drop(queue);
    assert!(!clone.is_closed(), "a handle is left");
    drop(clone);
    assert!(consumer.wait());
    for entry in consumer.take() {
        entry.completer.complete(entry.op);
    }
    assert!(!consumer.wait(), "nobody is left to submit");
    assert_eq!(waiting("the ticket", || ticket.wait()), Ok(1));
}

#[test]
fn operations_and_results_are_dropped_outside_the_lock() {
    /// Uses the queue from its destructor.
    struct Nosy(Option<WriteQueue<Self, ()>>);
    impl Drop for Nosy {
        fn drop(&mut self) {
            if let Some(queue) = &self.0 {
                assert!(queue.is_closed(), "the queue is closed by then");
            }
        }
    }
    let _watch = watch();
    let limits = Limits { ops: NonZeroUsize::MIN, bytes: NonZeroUsize::MIN };
    let (queue, consumer) = WriteQueue::new(limits, |_: &Nosy| 1);
    let ticket = queue.submit(Nosy(Some(queue.clone()))).expect("room");
    queue.close(Close::Abort);
    assert_eq!(waiting("the ticket", || ticket.wait()), Err(TicketError::Aborted));
    drop(consumer);
}

#[test]
fn an_operation_that_panics_when_dropped_takes_no_ticket_with_it() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            assert!(thread::panicking(), "in the destructor");
        }
    }
    let _watch = watch();
    let limits = Limits { ops: NonZeroUsize::MAX, bytes: NonZeroUsize::MAX };
    let (queue, _consumer) = WriteQueue::<_, ()>::new(limits, |_: &Panics| 1);
    let tickets = [(); 2].map(|()| queue.submit(Panics).expect("room"));
    assert!(catch_unwind(AssertUnwindSafe(|| queue.close(Close::Abort))).is_err());
    for ticket in tickets {
        assert_eq!(waiting("the ticket", || ticket.wait()), Err(TicketError::Aborted));
    }
}

#[test]
fn errors_can_be_printed_whatever_the_operation() {
    struct Opaque;
    let _watch = watch();
    let errors = [
        SubmitError::Full(Arc::new(Opaque)),
        SubmitError::Closed(Arc::new(Opaque)),
        SubmitError::TooLarge { op: Arc::new(Opaque), weight: 2, limit: 1 },
    ];
    for error in errors {
        assert!(!format!("{error} {error:?}").contains("Opaque"));
    }
}
