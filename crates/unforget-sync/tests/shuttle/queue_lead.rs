//! `WriteQueue` whose callers sit down in the consumer's seat, or hand over, or panic in it, until it is drained.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use unforget_sync::primitive::atomic::{AtomicBool, Ordering};
use unforget_sync::primitive::model::draw;
use unforget_sync::primitive::{Arc, thread};
use unforget_sync::{Clock, Consumer, Limits, SubmitError, SystemClock, TicketError, WriteQueue};

use crate::{check, contained, dawdle, panic_on_purpose};

const CALLERS: usize = 4;
const OPS: usize = 3;
/// Fewer than there are callers, so that some stand in line.
const ROOM: usize = 2;

type Op = (usize, usize);
type Queue = WriteQueue<Op, Op>;

/// What whoever has the seat works with.
#[derive(Default)]
struct Tools {
    in_use: AtomicBool,
    /// std's lock: what a scenario writes down is no part of the protocol.
    done: Mutex<Vec<Op>>,
}

impl Tools {
    fn work(&self, op: Op) -> Op {
        assert!(!self.in_use.swap(true, Ordering::AcqRel), "two threads have the seat");
        dawdle(2);
        self.done.lock().unwrap_or_else(PoisonError::into_inner).push(op);
        self.in_use.store(false, Ordering::Release);
        op
    }
}

/// Has one operation done, and says whether it was. A leader that panics has done its own.
fn carry_out(queue: &Queue, tools: &Tools, op: Op) -> bool {
    dawdle(3);
    if let Some(lead) = queue.try_lead() {
        tools.work(op);
        if draw(4) == 0 {
            let _panicked: Option<()> = contained(|| {
                let _lead = lead;
                panic_on_purpose()
            });
        }
        return true;
    }
    match queue.submit(op).map(unforget_sync::Ticket::wait) {
        Ok(Ok(result)) => {
            assert_eq!(result, op, "another operation's result");
            true
        }
        Ok(Err(error)) => {
            assert_eq!(error, TicketError::Aborted, "the consumer loses nothing");
            false
        }
        Err(error) => {
            assert_eq!(error, SubmitError::Closed(op));
            false
        }
    }
}

fn consume(mut consumer: Consumer<Op, Op>, tools: &Tools) {
    while consumer.wait_lending() {
        for entry in consumer.take() {
            entry.completer.complete(tools.work(entry.op));
        }
    }
}

/// Whoever works is alone, what is acknowledged was done once and in its caller's order, and nothing else was done.
#[test]
fn one_at_a_time_has_the_seat_and_everything_acknowledged_was_done() {
    check(|| {
        let limits = Limits { ops: NonZeroUsize::new(ROOM).expect("not zero"), bytes: NonZeroUsize::MAX };
        let (queue, consumer) = WriteQueue::new(limits, |_: &Op| 1);
        let tools = Arc::new(Tools::default());
        let callers: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let (queue, tools) = (queue.clone(), Arc::clone(&tools));
                thread::spawn(move || {
                    let ops = (0..OPS).map(|index| (caller, index));
                    ops.filter(|op| carry_out(&queue, &tools, *op)).collect::<Vec<_>>()
                })
            })
            .collect();
        let consumer = {
            let tools = Arc::clone(&tools);
            thread::spawn(move || consume(consumer, &tools))
        };
        if draw(2) == 0 {
            dawdle(20);
            queue.drain_until(&SystemClock, SystemClock.now());
        }
        drop(queue);
        let acknowledged: Vec<_> =
            callers.into_iter().map(|caller| caller.join().expect("nobody panics")).collect();
        consumer.join().expect("nobody panics");
        let done = tools.done.lock().unwrap_or_else(PoisonError::into_inner);
        for (caller, acknowledged) in acknowledged.into_iter().enumerate() {
            let done: Vec<_> = done.iter().copied().filter(|(by, _)| *by == caller).collect();
            assert_eq!(done, acknowledged, "done and acknowledged are not the same");
        }
    });
}
