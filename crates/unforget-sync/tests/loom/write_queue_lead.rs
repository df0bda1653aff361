//! The consumer's seat: one thread at a time works, in order, and nobody is forgotten when the seat changes hands.

use unforget_sync::primitive::atomic::{AtomicBool, Ordering};
use unforget_sync::primitive::{Arc, Mutex, thread};
use unforget_sync::{Close, Consumer};

use crate::write_queue::{Queue, queue};
use crate::{WAITS, check, check_bounded};

/// What consumer and leader work with. Whether it is in use is an atomic, and no mutex that one would try to lock:
/// loom runs nobody between taking a lock and giving it back for the sake of another who only tries.
#[derive(Default)]
struct Bench {
    in_use: AtomicBool,
    done: Mutex<Vec<usize>>,
}

type Tools = Arc<Bench>;

impl Bench {
    fn pick_up(&self) {
        assert!(!self.in_use.swap(true, Ordering::Relaxed), "two threads have the seat");
    }

    fn put_away(&self) {
        self.in_use.store(false, Ordering::Relaxed);
    }

    fn work(&self, op: usize) -> usize {
        self.pick_up();
        self.done.lock().push(op);
        self.put_away();
        op
    }
}

/// The end counts as work: after it the consumer puts its tools away for good.
fn consume(mut consumer: Consumer<usize, usize>, tools: &Tools) {
    while consumer.wait_lending() {
        for entry in consumer.take() {
            entry.completer.complete(tools.work(entry.op));
        }
    }
    tools.pick_up();
    tools.put_away();
}

fn start(consumer: Consumer<usize, usize>, tools: &Tools) -> thread::JoinHandle<()> {
    let tools = Arc::clone(tools);
    thread::spawn(move || consume(consumer, &tools))
}

/// Does `op` in the consumer's seat, or has the consumer do it.
fn lead_or_submit(queue: &Queue, tools: &Tools, op: usize) {
    match queue.try_lead() {
        Some(_lead) => tools.work(op),
        None => queue.submit(op).expect("open").wait().expect("the consumer answers"),
    };
}

/// A caller who leads if it can, and closes while the consumer may be anywhere: both operations are done, in order.
#[test]
fn a_leader_and_the_consumer_never_work_at_once() {
    check(WAITS, || {
        let (queue, consumer) = queue(2, 9);
        let tools = Tools::default();
        let consumer = start(consumer, &tools);
        let first = queue.submit(1).expect("open");
        lead_or_submit(&queue, &tools, 2);
        queue.close(Close::Drain);
        consumer.join().expect("does not panic");
        assert_eq!(*tools.done.lock(), [1, 2], "the leader overtook what was queued");
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
        let mut done = tools.done.lock().clone();
        done.sort_unstable();
        assert_eq!(done, [1, 2], "lost or done twice");
    });
}

/// What is submitted while the seat is lent reaches the consumer, though nothing comes after it, and not before the
/// leader has put the tools away.
#[test]
fn what_was_queued_meanwhile_is_the_consumers() {
    check(WAITS, || {
        let (queue, consumer) = queue(2, 9);
        let tools = Tools::default();
        let consumer = start(consumer, &tools);
        let lead = queue.try_lead();
        if lead.is_some() {
            tools.pick_up();
        }
        let ticket = queue.submit(1).expect("open");
        if lead.is_some() {
            tools.put_away();
        }
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
        let consumer = start(consumer, &tools);
        if let Some(_lead) = queue.try_lead() {
            tools.pick_up();
            queue.close(Close::Abort);
            tools.put_away();
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
        let consumer = start(consumer, &tools);
        assert_eq!(first.wait(), Ok(1));
        if let Some(_lead) = queue.try_lead() {
            assert_eq!(queue.waiting(), 0, "the leader overtook the line");
        }
        drop(queue);
        assert_eq!(submitter.join().expect("does not panic"), Ok(2));
        consumer.join().expect("does not panic");
    });
}

/// Who is told by a consumer that lends before it tells may lead at once, and the two never work together.
#[test]
fn who_is_told_by_a_consumer_that_has_lent_its_seat_may_lead() {
    check(WAITS, || {
        let (queue, mut consumer) = queue(1, 9);
        let tools = Tools::default();
        let consumer = {
            let tools = Arc::clone(&tools);
            thread::spawn(move || {
                while consumer.wait_lending() {
                    let done: Vec<_> =
                        consumer.take().into_iter().map(|entry| (tools.work(entry.op), entry)).collect();
                    consumer.lend();
                    for (result, entry) in done {
                        entry.completer.complete(result);
                    }
                }
                tools.pick_up();
                tools.put_away();
            })
        };
        assert_eq!(queue.submit(1).expect("open").wait(), Ok(1));
        {
            let _lead = queue.try_lead().expect("nobody else wants the seat");
            tools.work(2);
        }
        drop(queue);
        consumer.join().expect("does not panic");
        assert_eq!(*tools.done.lock(), [1, 2], "lost, doubled or out of order");
    });
}
