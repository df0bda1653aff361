//! Callers that wait in vain: told in time, told who is in the way, and sure that nothing was done.

use std::time::{Duration, Instant};

use unforget_fs::Turnstile;
use unforget_sqlite::rusqlite::Connection;
use unforget_sqlite::{Blocker, Error, Options, Result};

use crate::store::{BusyWriter, Store, insert};

const SHORT: Duration = Duration::from_millis(300);

fn impatient() -> Store {
    Store::with(Options::default().deadline(SHORT).busy_timeout(Duration::from_millis(20)))
}

#[test]
fn a_write_behind_a_taken_turn_names_who_has_it_and_is_not_done_later() {
    let store = impatient();
    let mut turnstile = Turnstile::open(store.directory.path()).unwrap();
    let turn = turnstile.enter().unwrap();
    let since = Instant::now();
    let outcome = insert(&store.db, "late");
    let waited_in_fact = since.elapsed();
    drop(turn);
    match outcome {
        Err(Error::Busy { blocker: Some(Blocker::Process(holder)), waited, .. }) => {
            assert_eq!(holder.pid, std::process::id());
            assert!(waited >= SHORT && waited_in_fact < SHORT * 20, "{waited:?}, {waited_in_fact:?}");
        }
        other => panic!("{other:?}"),
    }
    insert(&store.db, "next").unwrap();
    assert_eq!(store.bodies(), ["next"], "the write that was given up has no effect");
}

#[test]
fn a_write_behind_a_foreign_program_is_not_started() {
    let store = impatient();
    let foreign = Connection::open(store.path()).unwrap();
    foreign.execute_batch("BEGIN IMMEDIATE").unwrap();
    let outcome = insert(&store.db, "late");
    assert!(matches!(outcome, Err(Error::Busy { blocker: Some(Blocker::Foreign), .. })), "{outcome:?}");
    foreign.execute_batch("COMMIT").unwrap();
    insert(&store.db, "next").unwrap();
    assert_eq!(store.bodies(), ["next"]);
}

#[test]
fn a_foreign_program_that_gets_out_of_the_way_in_time_is_not_noticed() {
    let store = Store::with(Options::default().busy_timeout(Duration::from_millis(1)));
    let foreign = Connection::open(store.path()).unwrap();
    foreign.execute_batch("BEGIN IMMEDIATE").unwrap();
    let waiting = crate::store::submit(&store.db, "patient");
    let deadline = Instant::now() + crate::store::PATIENCE;
    while store.db.stats().busy == 0 && Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert!(store.db.stats().busy > 0, "the writer has met the foreign program");
    foreign.execute_batch("COMMIT").unwrap();
    waiting.wait().unwrap();
    assert_eq!(store.bodies(), ["patient"]);
}

#[test]
fn a_full_queue_refuses_at_the_deadline() {
    let store = Store::with(Options::default().deadline(SHORT).queue(1, 1_000));
    let busy = BusyWriter::hold(&store.db);
    let _queued = crate::store::submit(&store.db, "queued");
    let refused = store.db.submit(0, |_| -> Result<()> { Ok(()) }).err();
    assert!(matches!(refused, Some(Error::Busy { .. })), "{refused:?}");
    busy.release();
}

#[test]
fn reads_wait_for_a_connection_no_longer_than_the_deadline() {
    let store = Store::with(Options::default().deadline(SHORT).readers(1));
    let outcome = store.db.read(|_| store.db.read(|_| -> Result<()> { Ok(()) }));
    let busy = matches!(outcome, Err(Error::Busy { blocker: Some(Blocker::Readers), .. }));
    assert!(busy, "the only connection is in use: {outcome:?}");
    assert!(store.bodies().is_empty(), "and is free again afterwards");
}

#[test]
fn opening_behind_a_taken_turn_ends_at_the_deadline() {
    let directory = tempfile::tempdir().unwrap();
    let mut turnstile = Turnstile::open(directory.path()).unwrap();
    let turn = turnstile.enter().unwrap();
    let path = directory.path().join("new.db");
    let options = Options::default().deadline(SHORT);
    let outcome = unforget_sqlite::Database::open(&path, options);
    assert!(matches!(outcome, Err(Error::Busy { blocker: Some(Blocker::Process(_)), .. })), "{outcome:?}");
    drop(turn);
    unforget_sqlite::Database::open(&path, options).unwrap();
}
