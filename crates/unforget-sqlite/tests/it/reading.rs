//! Snapshots.

use std::sync::mpsc;

use unforget_sqlite::{Error, ReadTx, Result};

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
