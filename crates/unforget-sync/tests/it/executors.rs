//! Tickets as futures of executors that know nothing about them: one that parks a thread around a single future
//! (pollster), and one that runs tasks on whichever of its threads is free (async-executor).

use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread;

use async_executor::{Executor, LocalExecutor};
use unforget_sync::{Close, Completer, Consumer, Limits, Ticket, TicketError, WriteQueue};

use crate::eventually::eventually;
use crate::watchdog::{waiting, watch};

const TASKS: usize = 8;
const OPERATIONS: usize = 200;

type Queue = WriteQueue<usize, usize>;

fn queue() -> (Queue, Consumer<usize, usize>) {
    let ops = NonZeroUsize::new(TASKS * OPERATIONS).expect("not zero");
    WriteQueue::new(Limits { ops, bytes: NonZeroUsize::MAX }, |_| 1)
}

fn block_on<F: Future>(what: &'static str, future: F) -> F::Output {
    waiting(what, || pollster::block_on(future))
}

/// Runs `test` while two threads run the tasks of an executor.
fn with_threads<T>(test: impl FnOnce(&Executor<'static>) -> T) -> T {
    let executor = Arc::new(Executor::new());
    let threads = [(); 2].map(|()| {
        let (stop, stopped) = Ticket::<()>::pair();
        let executor = Arc::clone(&executor);
        (stopped, thread::spawn(move || pollster::block_on(executor.run(stop))))
    });
    let tested = test(&executor);
    for (stopped, thread) in threads {
        stopped.complete(());
        assert_eq!(waiting("an executor's thread", || thread.join()).expect("does not panic"), Ok(()));
    }
    tested
}

/// Polls once, before there is an outcome.
async fn poll_in_vain(mut ticket: Ticket<usize>) -> Ticket<usize> {
    let polled = poll_fn(|context| Poll::Ready(Pin::new(&mut ticket).poll(context))).await;
    assert_eq!(polled, Poll::Pending);
    ticket
}

/// Answers each operation with the one after it, on a thread of its own.
fn answer(mut consumer: Consumer<usize, usize>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        while waiting("a batch", || consumer.wait()) {
            for entry in consumer.take() {
                entry.completer.complete(entry.op + 1);
            }
        }
    })
}

async fn submit_all(queue: Queue) {
    for op in 0..OPERATIONS {
        assert_eq!(queue.submit(op).expect("open").await, Ok(op + 1), "someone else's result");
    }
}

#[test]
fn pollster_is_woken_from_another_thread() {
    let _watch = watch();
    let (queue, consumer) = queue();
    let answering = answer(consumer);
    block_on("all operations", submit_all(queue));
    waiting("the consumer", || answering.join()).expect("ends with the last handle");
}

#[test]
fn tasks_on_threads_are_woken_from_another_thread() {
    let _watch = watch();
    let (queue, consumer) = queue();
    let answering = answer(consumer);
    with_threads(|executor| {
        let tasks: Vec<_> = (0..TASKS).map(|_| executor.spawn(submit_all(queue.clone()))).collect();
        drop(queue);
        for task in tasks {
            block_on("a task", task);
        }
    });
    waiting("the consumer", || answering.join()).expect("ends with the last handle");
}

/// One thread, so whoever completes the tickets is between two polls of the tasks that await them.
#[test]
fn tasks_of_one_thread_are_completed_in_any_order() {
    let _watch = watch();
    let executor = LocalExecutor::new();
    let (tickets, completers): (Vec<_>, Vec<Completer<usize>>) = (0..TASKS).map(|_| Ticket::pair()).unzip();
    let tasks: Vec<_> = tickets.into_iter().map(|ticket| executor.spawn(ticket)).collect();
    while executor.try_tick() {}
    for (number, completer) in completers.into_iter().enumerate().rev() {
        completer.complete(number);
    }
    let all = async {
        for (number, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await, Ok(number));
        }
    };
    block_on("the tasks", executor.run(all));
}

#[test]
fn a_pending_ticket_moves_from_a_task_to_another_executor() {
    let _watch = watch();
    let (ticket, completer) = Ticket::pair();
    let ticket = with_threads(|executor| block_on("the task", executor.spawn(poll_in_vain(ticket))));
    let completing = thread::spawn(move || completer.complete(7));
    assert_eq!(block_on("the moved ticket", ticket), Ok(7), "its first executor is gone");
    completing.join().expect("does not panic");
}

#[test]
fn a_pending_ticket_moves_from_a_thread_into_a_task() {
    let _watch = watch();
    let (ticket, completer) = Ticket::pair();
    let ticket = block_on("one poll", poll_in_vain(ticket));
    with_threads(|executor| {
        let task = executor.spawn(ticket);
        completer.complete(7);
        assert_eq!(block_on("the task", task), Ok(7));
    });
}

/// What a task has sent is carried out although the task is cancelled, and nobody notices that it is gone.
#[test]
fn a_task_cancelled_while_it_waits_cancels_no_operation() {
    let _watch = watch();
    let (queue, mut consumer) = queue();
    with_threads(|executor| {
        let submitting = queue.clone();
        let task = executor.spawn(async move { submitting.submit(1).expect("open").await });
        eventually("the operation is queued", || queue.len() == 1);
        assert_eq!(block_on("the end of the task", task.cancel()), None, "it had no result yet");
        let batch = consumer.take();
        assert_eq!(batch.iter().map(|entry| entry.op).collect::<Vec<_>>(), [1]);
        for entry in batch {
            entry.completer.complete(2);
        }
        assert_eq!(queue.submit(3).map(|ticket| ticket.is_resolved()), Ok(false), "the queue goes on");
    });
}

#[test]
fn a_ticket_that_was_polled_may_be_waited_for_without_its_executor() {
    let _watch = watch();
    let (ticket, completer) = Ticket::pair();
    let executor = LocalExecutor::new();
    let ticket = block_on("one poll", executor.run(poll_in_vain(ticket)));
    drop(executor);
    let completing = thread::spawn(move || completer.complete(7));
    assert_eq!(waiting("the ticket", || ticket.wait()), Ok(7));
    completing.join().expect("does not panic");
}

#[test]
fn who_awaits_is_told_why_there_is_no_result() {
    let _watch = watch();
    let (queue, mut consumer) = queue();
    with_threads(|executor| {
        let [abandoned, withdrawn, aborted] = [1, 2, 3].map(|op| {
            let ticket = queue.submit(op).expect("open");
            if op == 1 {
                drop(consumer.take());
            } else if op == 2 {
                assert_eq!(queue.withdraw(&ticket), Some(2));
            }
            executor.spawn(ticket)
        });
        queue.close(Close::Abort);
        assert_eq!(block_on("the first", abandoned), Err(TicketError::Abandoned));
        assert_eq!(block_on("the second", withdrawn), Err(TicketError::Withdrawn));
        assert_eq!(block_on("the third", aborted), Err(TicketError::Aborted));
    });
}
