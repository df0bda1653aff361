//! The consumer's seat: one thread at a time works, in order, and nobody is forgotten when the seat changes hands.

use unforget_sync::primitive::{Arc, Mutex, thread};
use unforget_sync::{Close, Consumer};

use crate::write_queue::{Queue, queue};
use crate::{WAITS, check, check_bounded};

/// What consumer and leader work with: everything done so far. Nobody ever waits for it.
type Tools = Arc<Mutex<Vec<usize>>>;

fn work(tools: &Tools, op: usize) -> usize {
    let mut done = tools.try_lock().expect("two threads have the seat");
    // A step between asking and doing, so that the model can run another thread here.
    thread::yield_now();
    done.push(op);
    op
}

fn consume(mut consumer: Consumer<usize, usize>, tools: &Tools) {
    while consumer.wait_lending() {
        for entry in consumer.take() {
            entry.completer.complete(work(tools, entry.op));
        }
    }
    assert!(tools.try_lock().is_some(), "the consumer ends only when nobody leads");
}

/// Does `op` in the consumer's seat, or has the consumer do it.
fn lead_or_submit(queue: &Queue, tools: &Tools, op: usize) {
    match queue.try_lead() {
        Some(_lead) => work(tools, op),
        None => queue.submit(op).expect("open").wait().expect("the consumer answers"),
    };
}

/// A caller who leads if it can, and closes while the consumer may be anywhere: both operations are done, in order.
#[test]
fn a_leader_and_the_consumer_never_work_at_once() {
    check(WAITS, || {
        let (queue, consumer) = queue(2, 9);
        let tools = Tools::default();
        let consumer = {
            let tools = Arc::clone(&tools);
            thread::spawn(move || consume(consumer, &tools))
        };
        let first = queue.submit(1).expect("open");
        lead_or_submit(&queue, &tools, 2);
        queue.close(Close::Drain);
        consumer.join().expect("does not panic");
        assert_eq!(*tools.lock(), [1, 2], "the leader overtook what was queued");
        assert_eq!(first.wait(), Ok(1));
    });
}

/// Two callers who want to lead: each operation is done once.
#[test]
fn two_callers_share_one_seat() {
    check_bounded(2, WAITS, || {
        let (queue, consumer) = queue(2, 9);
        let tools = Tools::default();
        let callers = [1, 2].map(|op| {
            let (queue, tools) = (queue.clone(), Arc::clone(&tools));
            thread::spawn(move || lead_or_submit(&queue, &tools, op))
        });
        drop(queue);
        consume(consumer, &tools);
        for caller in callers {
            caller.join().expect("does not panic");
        }
        let mut done = tools.lock().clone();
        done.sort_unstable();
        assert_eq!(done, [1, 2], "lost or done twice");
    });
}

/// What is submitted while the seat is lent reaches the consumer, though nothing comes after it.
#[test]
fn what_was_queued_meanwhile_is_the_consumers() {
    check(WAITS, || {
        let (queue, consumer) = queue(2, 9);
        let tools = Tools::default();
        let consumer = {
            let tools = Arc::clone(&tools);
            thread::spawn(move || consume(consumer, &tools))
        };
        let lead = queue.try_lead();
        let ticket = queue.submit(1).expect("open");
        drop(lead);
        assert_eq!(ticket.wait(), Ok(1));
        drop(queue);
        consumer.join().expect("does not panic");
    });
}

/// Closing while the seat is lent: the consumer hears of it, and ends only when the seat is back.
#[test]
fn closing_waits_for_the_leader() {
    check(WAITS, || {
        let (queue, consumer) = queue(2, 9);
        let tools = Tools::default();
        let consumer = {
            let tools = Arc::clone(&tools);
            thread::spawn(move || consume(consumer, &tools))
        };
        if let Some(_lead) = queue.try_lead() {
            let working = tools.lock();
            queue.close(Close::Abort);
            drop(working);
        } else {
            queue.close(Close::Abort);
        }
        consumer.join().expect("does not panic");
    });
}

/// A submitter that stands in line came first: nobody leads before it is in.
#[test]
fn nobody_leads_past_the_line() {
    check_bounded(2, WAITS, || {
        let (queue, consumer) = queue(1, 9);
        let tools = Tools::default();
        let first = queue.submit(1).expect("open");
        let submitter = {
            let queue = queue.clone();
            thread::spawn(move || queue.submit(2).expect("open").wait())
        };
        let consumer = {
            let tools = Arc::clone(&tools);
            thread::spawn(move || consume(consumer, &tools))
        };
        assert_eq!(first.wait(), Ok(1));
        if let Some(_lead) = queue.try_lead() {
            assert_eq!(queue.waiting(), 0, "the leader overtook the line");
        }
        drop(queue);
        assert_eq!(submitter.join().expect("does not panic"), Ok(2));
        consumer.join().expect("does not panic");
    });
}
