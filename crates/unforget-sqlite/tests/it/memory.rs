//! Databases in memory: the same engine, of which nothing is left.

use std::ops::ControlFlow;

use unforget_sqlite::{Database, Error, Existing, Options, Result};

use crate::store::{BusyWriter, Store, bodies, insert, submit};

/// One story, told of a database on a disk and of one in memory.
fn story(store: &Store) {
    let db = &store.db;
    insert(db, "first").unwrap();
    let tickets: Vec<_> = (0..100).map(|n| submit(db, &format!("note {n:02}"))).collect();
    assert!(tickets.into_iter().all(|ticket| ticket.wait().is_ok()));
    assert!(matches!(insert(db, "first"), Err(Error::Sql { .. })), "a constraint fails its operation alone");
    db.read(|tx| -> Result<()> {
        let count = || tx.query_row("SELECT count(*) FROM note", [], |row| row.get::<_, i64>(0));
        let before = count()?;
        // In another snapshot, while this one is open: neither waits for the other.
        insert(db, "meanwhile")?;
        assert_eq!(
            db.read(|tx| -> Result<i64> {
                Ok(tx.query_row("SELECT count(*) FROM note", [], |row| row.get(0))?)
            })?,
            before + 1
        );
        assert_eq!(count()?, before, "a snapshot does not change");
        Ok(())
    })
    .unwrap();
    let busy = BusyWriter::hold(db);
    assert_eq!(bodies(db).len(), 102, "readers do not wait for the writer");
    busy.release();
    assert!(db.check_full().unwrap().is_ok());
    let copy = store.directory.path().join("copy.db");
    db.backup(&copy, Existing::Refuse, |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(bodies(&Database::open(&copy, Options::default()).unwrap()).len(), 102);
    assert!(db.stats().commits > 0 && db.stats().operations >= 104);
    db.vacuum().unwrap();
    db.close().unwrap();
    assert!(matches!(db.read(|_| -> Result<()> { Ok(()) }), Err(Error::Closed)));
}

#[test]
fn the_same_story_is_true_on_a_disk_and_in_memory() {
    story(&Store::new());
    story(&Store::in_memory());
}

#[test]
fn every_call_makes_a_database_of_its_own() {
    let (one, other) = (Store::in_memory(), Store::in_memory());
    insert(&one.db, "of the first").unwrap();
    assert_eq!((one.bodies().len(), other.bodies().len()), (1, 0));
    assert_ne!(one.db.path(), other.db.path());
}

#[test]
fn nothing_is_left_of_it() {
    let store = Store::in_memory();
    insert(&store.db, "gone soon").unwrap();
    let clone = store.db.clone();
    let place = clone.path().parent().unwrap().to_owned();
    drop(store);
    assert_eq!(bodies(&clone), ["gone soon"], "it lives as long as its last handle");
    drop(clone);
    assert!(!place.exists(), "{}", place.display());
}

#[cfg(target_os = "linux")]
#[test]
fn it_is_on_a_file_system_in_memory() {
    let store = Store::in_memory();
    assert!(store.db.path().starts_with("/dev/shm"), "{}", store.db.path().display());
}
