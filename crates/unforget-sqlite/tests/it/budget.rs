//! What a batch does before others get the turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use unforget_fs::Turnstile;
use unforget_sqlite::{Error, Options, Result, Ticket};

use crate::store::{BusyWriter, PATIENCE, Store, insert, submit};

/// An operation that works for `time`, and counts in `done`.
fn slow(store: &Store, time: Duration, done: &Arc<AtomicUsize>) -> Ticket<(), Error> {
    let done = Arc::clone(done);
    let work = move |_: &unforget_sqlite::WriteTx<'_>| {
        let began = Instant::now();
        while began.elapsed() < time {
            std::hint::spin_loop();
        }
        done.fetch_add(1, Ordering::Relaxed);
        Ok(())
    };
    store.db.submit(0, work).unwrap()
}

#[test]
fn a_batch_holds_no_more_operations_than_its_budget() {
    let store = Store::with(Options::default().batch_operations(2));
    let busy = BusyWriter::hold(&store.db);
    let before = store.db.stats().commits;
    let tickets: Vec<_> = (0..5).map(|n| submit(&store.db, &format!("note {n}"))).collect();
    busy.release();
    for ticket in tickets {
        ticket.wait().unwrap();
    }
    assert_eq!(store.db.stats().commits - before, 4, "one in front, then two, two and one");
    assert_eq!(store.bodies().len(), 5);
}

#[test]
fn a_flood_of_slow_operations_lets_another_process_in_when_its_time_is_up() {
    const FLOOD: usize = 200;
    let time = Duration::from_millis(2);
    let store = Store::with(Options::default().batch_time(5 * time));
    // As another process has it: a turnstile of its own.
    let mut other = Turnstile::open(store.directory.path()).unwrap();
    let done = Arc::new(AtomicUsize::new(0));
    let busy = BusyWriter::hold(&store.db);
    let flood: Vec<_> = (0..FLOOD).map(|_| slow(&store, time, &done)).collect();
    busy.release();
    while done.load(Ordering::Relaxed) == 0 {
        std::thread::yield_now();
    }
    let turn = other.enter().unwrap();
    let done_before_it = done.load(Ordering::Relaxed);
    drop(turn);
    assert!(done_before_it < FLOOD, "the other process waited for the whole flood");
    for ticket in flood {
        ticket.wait().unwrap();
    }
    assert_eq!(done.load(Ordering::Relaxed), FLOOD, "the rest goes on after the other had the turn");
}

#[test]
fn what_a_batch_has_not_come_to_is_withdrawn_and_told_so() {
    let deadline = Duration::from_millis(300);
    let store = Store::with(Options::default().deadline(deadline));
    let busy = BusyWriter::hold(&store.db);
    let first = submit(&store.db, "first");
    let (go, may_go) = mpsc::channel::<()>();
    let second = store.db.submit(0, move |_| -> Result<()> {
        let _whoever_holds_it_up = may_go.recv_timeout(PATIENCE);
        Ok(())
    });
    let third = submit(&store.db, "third");
    busy.let_go();
    let outcome = third.wait();
    assert!(matches!(outcome, Err(Error::Busy { .. })), "the batch has not come to it: {outcome:?}");
    go.send(()).unwrap();
    second.unwrap().wait().unwrap();
    first.wait().unwrap();
    insert(&store.db, "next").unwrap();
    assert_eq!(store.bodies(), ["first", "next"], "what was given up is not done later");
}

#[test]
fn every_batch_gets_something_done_however_short_its_time() {
    let store = Store::with(Options::default().batch_time(Duration::ZERO));
    let busy = BusyWriter::hold(&store.db);
    let tickets: Vec<_> = (0..3).map(|n| submit(&store.db, &format!("note {n}"))).collect();
    busy.release();
    for ticket in tickets {
        ticket.wait().unwrap();
    }
    assert_eq!(store.bodies().len(), 3);
}
