use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use unforget_sync::{Ticket, TicketError, WaitError};

use crate::watchdog::{waiting, watch};

/// An executor in a screenful: runs one future and parks the thread while it is pending.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => waiting("a wake", thread::park),
        }
    }
}

#[derive(Default)]
struct CountsWakes(AtomicUsize);

impl Wake for CountsWakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_ticket_is_a_future_without_a_runtime() {
    let _watch = watch();
    for _ in 0..500 {
        let (ticket, completer) = Ticket::pair();
        let consumer = thread::spawn(move || completer.complete(7));
        assert_eq!(block_on(async { ticket.await.map(|result| result + 1) }), Ok(8));
        consumer.join().expect("does not panic");
    }
}

#[test]
fn a_pending_future_wakes_only_the_waker_given_last() {
    let _watch = watch();
    let (ticket, completer) = Ticket::pair();
    let mut ticket = pin!(ticket);
    let wakers = [(); 2].map(|()| Arc::new(CountsWakes::default()));
    for waker in &wakers {
        let waker = Waker::from(Arc::clone(waker));
        assert!(ticket.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    completer.complete(1);
    assert_eq!(wakers.map(|waker| waker.0.load(Ordering::SeqCst)), [0, 1]);
    assert_eq!(ticket.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(1)));
}

#[test]
fn a_panicking_waker_does_not_reach_the_completer() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("in the waker");
        }
    }
    let _watch = watch();
    let (ticket, completer) = Ticket::pair();
    let mut ticket = pin!(ticket);
    let waker = Waker::from(Arc::new(Panics));
    assert!(ticket.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    completer.complete(1);
    assert_eq!(block_on(ticket), Ok(1));
}

#[test]
fn polling_a_finished_ticket_panics() {
    let _watch = watch();
    let (mut ticket, completer) = Ticket::pair();
    completer.complete(1);
    assert_eq!(block_on(&mut ticket), Ok(1));
    assert!(ticket.is_resolved());
    assert!(catch_unwind(AssertUnwindSafe(|| block_on(&mut ticket))).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| ticket.wait())).is_err(), "waiting would never end");
}

#[test]
fn a_future_may_be_waited_for_after_it_was_polled() {
    let _watch = watch();
    let (ticket, completer) = Ticket::pair();
    let mut ticket = Box::pin(ticket);
    assert!(ticket.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    completer.complete(1);
    assert_eq!(std::pin::Pin::into_inner(ticket).wait(), Ok(1));
}

#[test]
fn a_timed_out_wait_gives_the_ticket_back() {
    let _watch = watch();
    let (ticket, completer) = Ticket::pair();
    let Err(WaitError::TimedOut(ticket)) = ticket.wait_timeout(Duration::from_millis(1)) else {
        panic!("nobody completed it");
    };
    assert!(!ticket.is_resolved());
    completer.complete(1);
    assert_eq!(ticket.wait_timeout(Duration::MAX).ok(), Some(1), "the result was lost");
}

#[test]
fn a_result_that_is_there_wins_over_the_deadline() {
    let _watch = watch();
    let (ticket, completer) = Ticket::pair();
    completer.complete(1);
    assert_eq!(ticket.wait_timeout(Duration::ZERO).ok(), Some(1));
}

#[test]
fn a_completer_lost_in_a_panic_abandons_its_ticket() {
    let _watch = watch();
    let (ticket, completer) = Ticket::<u8>::pair();
    let consumer = thread::spawn(move || {
        let _held = &completer;
        panic!("in the consumer");
    });
    assert!(consumer.join().is_err());
    assert!(matches!(ticket.wait_timeout(Duration::ZERO), Err(WaitError::Failed(TicketError::Abandoned))));
}

#[test]
fn dropping_a_ticket_cancels_nothing() {
    let _watch = watch();
    let (ticket, completer) = Ticket::pair();
    drop(ticket);
    let result = Arc::new(());
    completer.complete(Arc::clone(&result));
    assert_eq!(Arc::strong_count(&result), 1, "the result nobody wants is dropped");
}

#[test]
fn errors_say_whether_the_operation_was_started() {
    use std::error::Error;
    let _watch = watch();
    assert!(TicketError::Abandoned.to_string().contains("unknown"));
    for error in [TicketError::Aborted, TicketError::Withdrawn] {
        assert!(error.to_string().contains("not started"), "{error}");
        assert!(WaitError::<()>::Failed(error).source().is_some());
    }
    assert!(WaitError::TimedOut(()).source().is_none());
}
