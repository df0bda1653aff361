//! What callers get who use a primitive against its documentation: an error or a panic that says what was wrong, or
//! nothing at all, but never a wait without end.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use unforget_sync::{Backoff, Clock, Close, Coalescer, Contention, FlushError, InitCell, InitError, Limits};
use unforget_sync::{ManualClock, PutError, Registry, SubmitError, SystemClock, Ticket, TicketError, Window};
use unforget_sync::{WriteQueue, retry};

use crate::watchdog::{waiting, watch};

/// The message of the panic that `wrong` ends in.
fn refusal<T>(wrong: impl FnOnce() -> T) -> String {
    let Err(panic) = catch_unwind(AssertUnwindSafe(wrong)) else { panic!("a misuse went unnoticed") };
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => (*panic.downcast::<&str>().expect("a message")).to_owned(),
    }
}

/// A ticket that has returned its outcome as a future.
fn finished() -> Ticket<u8> {
    let (mut ticket, completer) = Ticket::pair();
    completer.complete(1);
    assert!(pin!(&mut ticket).as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    ticket
}

#[test]
fn waiting_for_a_finished_ticket_panics_and_says_why() {
    let _watch = watch();
    let now = SystemClock.now();
    let refusals = [
        refusal(|| waiting("a finished ticket", || finished().wait())),
        refusal(|| waiting("a finished ticket", || finished().wait_until(&SystemClock, now))),
        refusal(|| waiting("a finished ticket", || finished().wait_timeout(Duration::MAX))),
        refusal(|| pin!(finished()).poll(&mut Context::from_waker(Waker::noop()))),
    ];
    for message in refusals {
        assert_eq!(message, "the ticket has already returned its outcome as a future");
    }
}

#[test]
fn a_queue_that_has_ended_goes_on_saying_so() {
    let _watch = watch();
    let limits = Limits { ops: NonZeroUsize::MIN, bytes: NonZeroUsize::MIN };
    let (queue, mut consumer) = WriteQueue::<u8, ()>::new(limits, |_| 1);
    assert!(consumer.take().is_empty(), "nothing was queued, and nothing is waited for");
    let ticket = queue.submit(1).expect("room");
    queue.close(Close::Drain);
    assert_eq!(queue.withdraw(&ticket), Some(1), "what was not taken may be withdrawn after closing");
    assert_eq!(ticket.wait(), Err(TicketError::Withdrawn));
    for _ in 0..2 {
        assert!(!waiting("the end", || consumer.wait()));
        assert!(consumer.take().is_empty());
        assert_eq!(queue.submit(2).err(), Some(SubmitError::Closed(2)));
    }
    drop(consumer);
    queue.close(Close::Abort);
    assert_eq!(queue.submit(2).err(), Some(SubmitError::Closed(2)));
}

#[test]
fn an_operation_that_cannot_be_weighed_is_not_queued() {
    let _watch = watch();
    let limits = Limits { ops: NonZeroUsize::MIN, bytes: NonZeroUsize::MAX };
    let (queue, mut consumer) =
        WriteQueue::<u8, ()>::new(limits, |op| usize::from(10_u8.checked_sub(*op).expect("too heavy")));
    assert!(refusal(|| queue.submit(11).map(drop)).contains("too heavy"));
    assert!(queue.try_submit(1).is_ok(), "its place is free");
    assert_eq!(consumer.take().len(), 1);
}

#[test]
fn a_clock_that_panics_leaves_no_place_in_the_line() {
    #[derive(Debug)]
    struct Broken;
    impl Clock for Broken {
        fn now(&self) -> Instant {
            panic!("the clock broke")
        }
        fn sleep(&self, _duration: Duration) {}
    }
    let _watch = watch();
    let limits = Limits { ops: NonZeroUsize::MIN, bytes: NonZeroUsize::MAX };
    let (queue, mut consumer) = WriteQueue::<u8, ()>::new(limits, |_| 1);
    let _first = queue.submit(1).expect("room");
    let refused = refusal(|| queue.submit_until(2, &Broken, SystemClock.now()).map(drop));
    assert_eq!((refused.as_str(), queue.waiting()), ("the clock broke", 0));
    assert_eq!(consumer.take().len(), 1);
    assert!(queue.try_submit(3).is_ok(), "nobody gets past the place that was left");
}

#[test]
fn windows_without_length_make_everything_due_at_once() {
    let _watch = watch();
    let clock = Arc::new(ManualClock::new());
    for (quiet, max_delay) in [(0, 0), (0, 5), (5, 0)].map(|(quiet, delay)| (millis(quiet), millis(delay))) {
        let window = Window { quiet, max_delay, ..Window::default() };
        let (coalescer, mut deliverer) = Coalescer::new(window, Arc::clone(&clock) as Arc<dyn Clock>);
        coalescer.put("a", 1).expect("open");
        coalescer.put("a", 2).expect("open");
        assert_eq!(
            coalescer.next_due(),
            Some(clock.now()),
            "a window is no longer than the shorter of its ends"
        );
        assert_eq!(deliverer.take_due().done(), [("a", 2)]);
        assert!(deliverer.take_due().is_empty());
    }
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn a_coalescer_that_was_closed_can_be_flushed_and_drained_as_often_as_one_likes() {
    let _watch = watch();
    let (coalescer, mut deliverer) = Coalescer::new(Window::default(), Arc::new(ManualClock::new()));
    coalescer.put("a", 1).expect("open");
    coalescer.close();
    coalescer.close();
    assert_eq!(coalescer.put("a", 2), Err(PutError::Closed("a", 2)), "also of a key that waits");
    assert_eq!(deliverer.take_due().done(), [("a", 1)], "what waits is due");
    assert_eq!(waiting("a flush", || coalescer.flush()), Ok(()), "everything was delivered");
    assert_eq!((coalescer.drain(), coalescer.drain()), (Vec::new(), Vec::new()));
    assert_eq!(waiting("a flush", || coalescer.flush()), Ok(()), "nothing was given back");
    drop(deliverer);
    assert_eq!(waiting("a flush", || coalescer.flush()), Ok(()), "nothing is left to deliver");
}

#[test]
fn what_nobody_will_deliver_fails_every_flush() {
    let _watch = watch();
    let (coalescer, deliverer) = Coalescer::new(Window::default(), Arc::new(ManualClock::new()));
    coalescer.put("a", 1).expect("open");
    drop(deliverer);
    assert_eq!(waiting("a flush", || coalescer.flush()), Err(FlushError::Undelivered));
    assert_eq!(coalescer.drain(), [("a", 1)]);
    assert_eq!(waiting("a flush", || coalescer.flush()), Err(FlushError::Undelivered));
}

#[test]
fn retrying_does_not_get_around_reentry() {
    let _watch = watch();
    let cell = InitCell::<u8, &str>::new();
    let mut calls = 0;
    let outcome = cell.get_or_try_init_with_retry(
        &ManualClock::new(),
        &Backoff::default(),
        |_| true,
        || {
            calls += 1;
            assert!(cell.get().is_none(), "a value that is being made is not there");
            match waiting("its own value", || cell.get_or_try_init(|| Ok(1))) {
                Err(InitError::Reentrant) => Err("needs itself"),
                _ => Ok(2),
            }
        },
    );
    assert!(matches!(&outcome, Err(InitError::Failed(error)) if **error == "needs itself"), "{outcome:?}");
    assert_eq!(calls, 5, "every attempt was told");
    assert_eq!(cell.get_or_try_init(|| Ok(3)).ok(), Some(&3));
}

#[test]
fn only_its_own_key_forgets_a_value() {
    let _watch = watch();
    let registry = Registry::<u8, u8, ()>::new();
    let (one, two) = (registry.open(1, || Ok(1)).expect("opens"), registry.open(2, || Ok(2)).expect("opens"));
    registry.forget(&2, &one);
    registry.forget(&3, &one);
    let same = [registry.open(1, || Ok(3)), registry.open(2, || Ok(3))].map(|same| same.expect("is open"));
    assert!(same[0].ptr_eq(&one) && same[1].ptr_eq(&two));
}

#[test]
fn an_initialiser_may_open_other_keys() {
    let _watch = watch();
    let registry = Registry::<u8, u8, ()>::new();
    let inner = || registry.open(2, || Ok(2)).map(|inner| *inner + 1).map_err(drop);
    let outer = waiting("both values", || registry.open(1, inner)).expect("opens");
    assert_eq!(*outer, 3);
    assert_eq!(*registry.open(2, || Ok(4)).expect("opens again"), 4, "its only handle was dropped");
}

#[test]
fn a_backoff_of_nothing_tries_and_does_not_wait() {
    let _watch = watch();
    let clock = ManualClock::new();
    let start = clock.now();
    let backoff = Backoff::default().base(Duration::ZERO).cap(Duration::ZERO);
    for (backoff, attempts) in [(backoff.clone(), 5), (backoff.deadline(Duration::ZERO), 1)] {
        let mut calls = 0;
        let outcome = retry(
            &clock,
            &backoff,
            |()| true,
            || {
                calls += 1;
                Err::<(), _>(())
            },
        );
        assert_eq!((outcome, calls), (Err(()), attempts));
    }
    assert_eq!(clock.now(), start);
}

#[test]
fn a_wait_that_panics_stays_counted_as_begun() {
    let _watch = watch();
    let contention = Contention::new();
    assert_eq!(refusal(|| contention.acquire(|| None, || panic!("while waiting"))), "while waiting");
    contention.acquire(|| None, || ());
    let counted = contention.snapshot();
    assert_eq!((counted.contended, counted.waiting()), (2, 1));
}
