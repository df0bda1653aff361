//! Opening, sharing, draining and closing.

use std::sync::{Arc, Barrier, mpsc};
use std::time::Duration;

use unforget_sqlite::{Database, Durability, Error, Options, Result, Schema};

use crate::store::{BusyWriter, SCHEMA, Store, bodies, insert, submit};

#[test]
fn two_opens_of_one_file_share_an_engine() {
    let store = Store::new();
    std::fs::create_dir(store.directory.path().join("aside")).unwrap();
    let another_way = store.directory.path().join("aside/../notes.db");
    let again = Database::open(another_way, Options::default()).unwrap();
    insert(&again, "once").unwrap();
    assert_eq!(again.stats().operations, store.db.stats().operations, "they count together");
    assert_eq!(store.bodies(), ["once"]);
}

#[test]
fn another_durability_for_an_open_file_is_refused() {
    let store = Store::new();
    let options = Options::default().durability(Durability::Normal);
    assert!(matches!(Database::open(store.path(), options), Err(Error::DurabilityDiffers { .. })));
}

#[test]
fn many_threads_open_a_file_that_does_not_exist_yet() {
    let directory = tempfile::tempdir().unwrap();
    let path = Arc::new(directory.path().join("new.db"));
    let together = Arc::new(Barrier::new(32));
    let threads: Vec<_> = (0..32)
        .map(|n| {
            let (path, together) = (Arc::clone(&path), Arc::clone(&together));
            std::thread::spawn(move || {
                together.wait();
                let db = Database::open(&*path, Options::default())?;
                db.migrate(&SCHEMA)?;
                insert(&db, &format!("thread {n}"))?;
                Ok::<_, Error>(db)
            })
        })
        .collect();
    let handles: Vec<Database> = threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect();
    assert!(handles.iter().all(|db| db.stats().operations == 32), "one engine ran what all of them wrote");
    assert_eq!(bodies(&handles[0]).len(), 32);
}

#[test]
fn dropping_the_last_handle_commits_what_was_accepted() {
    let store = Store::new();
    let path = store.path();
    let tickets: Vec<_> = (0..200).map(|n| submit(&store.db, &format!("note {n}"))).collect();
    drop(tickets);
    let Store { directory, db } = store;
    drop(db);
    let again = Database::open(&path, Options::default()).unwrap();
    assert_eq!(bodies(&again).len(), 200, "an accepted write is not lost with its ticket and its handle");
    drop((again, directory));
}

#[test]
fn an_operation_may_hold_the_last_handle() {
    /// Drops its handle first, and only then what the test waits for.
    struct Last {
        _db: Database,
        _dropped: mpsc::Sender<()>,
    }
    let store = Store::new();
    let path = store.path();
    let busy = BusyWriter::hold(&store.db);
    let (sender, dropped) = mpsc::channel();
    let last = Last { _db: store.db.clone(), _dropped: sender };
    let ticket = store.db.submit(0, move |tx| -> Result<usize> {
        let _keeps_both = &last;
        Ok(tx.execute("INSERT INTO note(body) VALUES ('by the last')", [])?)
    });
    drop(ticket);
    let Store { directory, db } = store;
    drop(db);
    busy.let_go();
    // A writer that waited for itself would do so for its deadline of ten seconds.
    let outcome = dropped.recv_timeout(Duration::from_secs(5));
    assert_eq!(outcome, Err(mpsc::RecvTimeoutError::Disconnected), "the writer does not wait for itself");
    assert_eq!(bodies(&Database::open(&path, Options::default()).unwrap()), ["by the last"]);
    drop(directory);
}

#[test]
fn the_newest_schema_of_a_process_counts() {
    static OLDER: Schema = Schema::new(&["CREATE TABLE a(x)"]);
    static NEWER: Schema = Schema::new(&["CREATE TABLE a(x)", "CREATE TABLE b(x)"]);
    let directory = tempfile::tempdir().unwrap();
    let db = Database::open(directory.path().join("a.db"), Options::default()).unwrap();
    db.migrate(&OLDER).unwrap();
    db.migrate(&NEWER).unwrap();
    let wrote = db.write(|tx| -> Result<usize> { Ok(tx.execute("INSERT INTO b VALUES (1)", [])?) });
    assert_eq!(wrote.unwrap(), 1);
}

#[test]
fn the_longest_waits_are_cut_and_no_panic() {
    let options = Options::default().deadline(Duration::MAX).busy_timeout(Duration::MAX);
    insert(&Store::with(options).db, "in time").unwrap();
}

#[test]
fn a_schema_that_is_up_to_date_is_seen_behind_a_foreign_program() {
    let options =
        Options::default().deadline(Duration::from_millis(200)).busy_timeout(Duration::from_millis(10));
    let store = Store::with(options);
    let foreign = unforget_sqlite::rusqlite::Connection::open(store.path()).unwrap();
    foreign.execute_batch("BEGIN IMMEDIATE").unwrap();
    store.db.migrate(&SCHEMA).unwrap();
    assert!(store.db.check().unwrap().is_ok(), "nor does a check wait for writers");
}

#[test]
fn close_drains_and_then_refuses() {
    let store = Store::new();
    let busy = BusyWriter::hold(&store.db);
    let accepted = submit(&store.db, "accepted");
    let closer = {
        let db = store.db.clone();
        std::thread::spawn(move || db.close())
    };
    while store.db.is_open() {
        std::thread::yield_now();
    }
    assert!(matches!(store.db.submit(0, |_| -> Result<()> { Ok(()) }), Err(Error::Closed)));
    assert!(matches!(store.db.read(|_| -> Result<()> { Ok(()) }), Err(Error::Closed)));
    busy.release();
    closer.join().unwrap().unwrap();
    assert!(accepted.wait().is_ok(), "what was accepted before is committed");
    let again = Database::open(store.path(), Options::default()).unwrap();
    assert_eq!(bodies(&again), ["accepted"]);
    assert!(again.is_open() && !store.db.is_open(), "a closed engine is not handed out again");
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    static NEWER: Schema = Schema::new(&["CREATE TABLE a(x)", "CREATE TABLE b(x)"]);
    static OLDER: Schema = Schema::new(&["CREATE TABLE a(x)"]);
    let directory = tempfile::tempdir().unwrap();
    let db = Database::open(directory.path().join("a.db"), Options::default()).unwrap();
    db.migrate(&NEWER).unwrap();
    match db.migrate(&OLDER) {
        Err(Error::NewerSchema { found: 2, supported: 1, .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_process_whose_schema_was_overtaken_stops_writing() {
    let store = Store::new();
    insert(&store.db, "before").unwrap();
    let newer = unforget_sqlite::rusqlite::Connection::open(store.path()).unwrap();
    newer.execute_batch("PRAGMA user_version = 7").unwrap();
    let outcome = insert(&store.db, "after");
    assert!(matches!(outcome, Err(Error::NewerSchema { found: 7, .. })), "{outcome:?}");
    assert_eq!(store.bodies(), ["before"], "it may still read");
}

#[test]
fn a_migration_that_fails_changes_nothing() {
    static BROKEN: Schema = Schema::new(&["CREATE TABLE a(x)", "CREATE TABLE a(x)"]);
    static MENDED: Schema = Schema::new(&["CREATE TABLE a(x)", "CREATE TABLE b(x)"]);
    let directory = tempfile::tempdir().unwrap();
    let db = Database::open(directory.path().join("a.db"), Options::default()).unwrap();
    let outcome = db.migrate(&BROKEN);
    assert!(matches!(outcome, Err(Error::Migration { .. })), "{outcome:?}");
    db.migrate(&MENDED).unwrap();
}

#[test]
fn a_sound_file_has_no_faults() {
    let store = Store::new();
    insert(&store.db, "note").unwrap();
    assert!(store.db.check().unwrap().is_ok());
}

#[test]
fn a_reference_to_nothing_is_a_fault() {
    let store = Store::new();
    let foreign = unforget_sqlite::rusqlite::Connection::open(store.path()).unwrap();
    foreign
        .execute_batch("PRAGMA foreign_keys = OFF; INSERT INTO note(body, parent) VALUES ('orphan', 9)")
        .unwrap();
    let check = store.db.check().unwrap();
    assert_eq!(check.faults, ["a row of note points to a row of note that does not exist"]);
}

#[test]
fn a_close_may_take_as_long_as_there_is_time() {
    let store = Store::new();
    insert(&store.db, "kept").unwrap();
    store.db.close_within(Duration::MAX).unwrap();
    assert!(!store.db.is_open());
}
