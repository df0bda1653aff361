//! Snapshots.

use std::sync::mpsc;
use std::time::Duration;

use unforget_sqlite::{Error, Options, ReadTx, Result};

use crate::store::{PATIENCE, Store, insert};

fn count(tx: &ReadTx<'_>) -> Result<i64> {
    Ok(tx.query_row("SELECT count(*) FROM note", [], |row| row.get(0))?)
}

#[test]
fn a_snapshot_is_taken_before_the_first_query() {
    let store = Store::new();
    let (db, (started, has_started)) = (store.db.clone(), mpsc::channel());
    let (go, may_go) = mpsc::channel::<()>();
    let reader = std::thread::spawn(move || {
        db.read(|tx| {
            started.send(()).unwrap();
            may_go.recv_timeout(PATIENCE).unwrap();
            count(tx)
        })
    });
    has_started.recv_timeout(PATIENCE).unwrap();
    insert(&store.db, "later").unwrap();
    go.send(()).unwrap();
    assert_eq!(reader.join().unwrap().unwrap(), 0, "what was written after the read began is not in it");
    assert_eq!(store.db.read(count).unwrap(), 1, "what was acknowledged before the read began is in it");
}

#[test]
fn several_statements_see_one_point_in_time() {
    let store = Store::new();
    let seen = store.db.read(|tx| -> Result<(i64, i64)> {
        let first = count(tx)?;
        insert(&store.db, "meanwhile")?;
        Ok((first, count(tx)?))
    });
    assert_eq!(seen.unwrap(), (0, 0));
}

#[test]
fn a_write_is_seen_by_every_read_that_begins_after_it() {
    let store = Store::new();
    for n in 1..=100 {
        insert(&store.db, &format!("note {n}")).unwrap();
        assert_eq!(store.db.read(count).unwrap(), n, "an acknowledged write is seen");
    }
}

#[test]
fn a_read_that_fails_or_panics_gives_its_connection_back() {
    let store = Store::with(unforget_sqlite::Options::default().readers(1));
    let failed =
        store.db.read(|tx| -> Result<()> { Ok(tx.query_row("SELECT * FROM nowhere", [], |_| Ok(()))?) });
    assert!(matches!(failed, Err(Error::Sql { .. })), "{failed:?}");
    let db = store.db.clone();
    let panicked = std::thread::spawn(move || db.read(|_| -> Result<()> { panic!("on purpose") })).join();
    assert!(panicked.is_err(), "the panic is the caller's");
    insert(&store.db, "after").unwrap();
    assert_eq!(store.db.read(count).unwrap(), 1, "the next read has a fresh snapshot");
}

const ENDLESS: &str =
    "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

#[test]
fn a_read_that_is_too_old_is_ended_and_told_its_age_and_place() {
    let limit = Duration::from_millis(50);
    let store = Store::with(Options::default().max_read(limit));
    let read = store.db.read(|tx| -> Result<i64> { Ok(tx.query_row(ENDLESS, [], |row| row.get(0))?) });
    let Err(Error::ReadTooLong { path, place, held_for, limit: told }) = read else {
        panic!("it was not ended for its age: {read:?}");
    };
    assert_eq!((path, told), (store.path(), limit));
    assert!(held_for >= limit && held_for < PATIENCE, "{held_for:?}");
    assert!(place.contains("reading.rs:"), "{place}");
    assert!(store.bodies().is_empty(), "the next read on the connection is not ended");
}

#[test]
fn only_the_statements_of_a_read_are_ended() {
    let store = Store::with(Options::default().max_read(Duration::ZERO));
    let short = store.db.read(|tx| -> Result<i64> { Ok(tx.query_row("SELECT 7", [], |row| row.get(0))?) });
    assert_eq!(short.unwrap(), 7, "a closure and short statements go on");
    let swallowed = store
        .db
        .read(|tx| -> Result<bool> { Ok(tx.query_row(ENDLESS, [], |row| row.get::<_, i64>(0)).is_err()) });
    assert!(swallowed.unwrap(), "a closure that goes on without the statement keeps its answer");
}
