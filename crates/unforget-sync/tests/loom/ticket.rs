//! `Ticket`: resolved exactly once, whoever waits in whatever way.

use std::pin::pin;
use std::task::{Context, Poll, Wake, Waker};

use unforget_sync::primitive::{Arc, Condvar, Mutex, thread};
use unforget_sync::{Clock, SystemClock, Ticket, TicketError, WaitError};

use crate::{DEADLINES, WAITS, check};

/// A waker that a thread can wait for.
#[derive(Default)]
struct Doorbell {
    rung: Mutex<bool>,
    ring: Condvar,
}

impl Wake for Doorbell {
    fn wake(self: std::sync::Arc<Self>) {
        *self.rung.lock() = true;
        self.ring.notify_one();
    }
}

impl Doorbell {
    fn wait(&self) {
        let mut rung = self.rung.lock();
        while !*rung {
            rung = self.ring.wait(rung);
        }
    }
}

#[test]
fn a_blocked_wait_gets_the_result() {
    check(WAITS, || {
        let (ticket, completer) = Ticket::pair();
        let consumer = thread::spawn(move || completer.complete(7));
        assert_eq!(ticket.wait(), Ok(7));
        consumer.join().expect("does not panic");
    });
}

#[test]
fn a_lost_completer_abandons_its_ticket() {
    check(WAITS, || {
        let (ticket, completer) = Ticket::<u32>::pair();
        let consumer = thread::spawn(move || drop(completer));
        assert_eq!(ticket.wait(), Err(TicketError::Abandoned));
        consumer.join().expect("does not panic");
    });
}

/// A timed wait returns the result or the ticket, and the ticket still gets the result.
#[test]
fn a_timed_out_wait_loses_nothing() {
    check(DEADLINES, || {
        let (ticket, completer) = Ticket::pair();
        let consumer = thread::spawn(move || completer.complete(7));
        let result = match ticket.wait_until(&SystemClock, SystemClock.now()) {
            Err(WaitError::TimedOut(ticket)) => ticket.wait(),
            Ok(result) => Ok(result),
            Err(WaitError::Failed(error)) => Err(error),
        };
        assert_eq!(result, Ok(7));
        consumer.join().expect("does not panic");
    });
}

/// A future is polled with one waker and then with another: the last one given is the one that is woken.
#[test]
fn a_future_wakes_the_waker_given_last() {
    check(WAITS, || {
        let (ticket, completer) = Ticket::pair();
        let consumer = thread::spawn(move || completer.complete(7));
        let mut ticket = pin!(ticket);
        let result = loop {
            let doorbell = Arc::new(Doorbell::default());
            let waker = Waker::from(Arc::clone(&doorbell));
            let earlier = Waker::noop();
            if let Poll::Ready(result) = ticket.as_mut().poll(&mut Context::from_waker(earlier)) {
                break result;
            }
            match ticket.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(result) => break result,
                Poll::Pending => doorbell.wait(),
            }
        };
        assert_eq!(result, Ok(7));
        consumer.join().expect("does not panic");
    });
}

/// Two tickets of a batch that is resolved before anybody is woken: both waits end, and the wake of one is not lost
/// though it was resolved long before.
#[test]
fn a_batch_resolved_quietly_wakes_everyone() {
    check(WAITS, || {
        let (first, one) = Ticket::pair();
        let (second, other) = Ticket::pair();
        let consumer = thread::spawn(move || {
            let wakes = [one.complete_quietly(1), other.complete_quietly(2)];
            drop(wakes);
        });
        assert_eq!((first.wait(), second.wait()), (Ok(1), Ok(2)));
        consumer.join().expect("does not panic");
    });
}
