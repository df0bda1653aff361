//! The file of the counters, and programs that do not know it.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::Instant;

use unforget_sqlite::rusqlite::Connection;
use unforget_sqlite::{Database, Error, Options};

use crate::child::Child;
use crate::generation::{count, next_moment};
use crate::store::{PATIENCE, Store, insert};

fn page(store: &Store) -> PathBuf {
    store.directory.path().join("generation")
}

/// Does to the counter what a writer does before its commit, and dies: there is one database, so it has the first line.
fn leave_odd(store: &Store) {
    let file = File::options().read(true).write(true).open(page(store)).unwrap();
    let mut counter = [0; 8];
    file.read_exact_at(&mut counter, 64 + 8).unwrap();
    let value = u64::from_ne_bytes(counter);
    assert_eq!(value, store.db.stats().generation, "this is the counter");
    file.write_all_at(&((value + 1) | 1).to_ne_bytes(), 64 + 8).unwrap();
}

fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_counter_that_a_killed_writer_left_odd_is_healed_by_a_commit() {
    let store = Store::new();
    let generation = store.db.generation().unwrap();
    insert(&store.db, "so that the length of the log is known").unwrap();
    let before = store.db.stats();
    leave_odd(&store);
    assert_eq!(generation.now(), None, "a commit is under way, or its outcome is open");
    next_moment(&generation, None);
    assert_eq!(store.db.stats().healed, before.healed + 1, "it was mended");
    // The engine counts after the commit, which is what was waited for.
    wait_for("it was mended by a commit that writes over what was left", || {
        store.db.stats().wal.frames > before.wal.frames
    });
    assert_eq!(count(&store.db).0, 1);
}

#[test]
fn nobody_heals_while_somebody_has_the_turn() {
    let store = Store::new();
    let generation = store.db.generation().unwrap();
    let busy = crate::store::BusyWriter::hold(&store.db);
    leave_odd(&store);
    let began = Instant::now();
    while began.elapsed().as_millis() < 1_000 {
        assert_eq!(generation.now(), None, "whoever has the turn may be committing");
        std::thread::yield_now();
    }
    busy.release();
    next_moment(&generation, None);
}

#[test]
fn a_counter_that_was_left_odd_is_healed_when_the_database_is_opened() {
    let store = Store::new();
    insert(&store.db, "kept").unwrap();
    leave_odd(&store);
    let path = store.path();
    let Store { directory, db } = store;
    drop(db);
    let db = Database::open(&path, Options::default()).unwrap();
    assert!(db.stats().generation.is_multiple_of(2), "the log was emptied, so nothing is left");
    assert_eq!(db.stats().healed, 1);
    drop((db, directory));
}

#[test]
fn a_log_that_readers_hold_is_written_over_when_the_database_is_opened() {
    let store = Store::new();
    let child = Child::start("read", &store.path());
    insert(&store.db, "keeps the log from being emptied").unwrap();
    leave_odd(&store);
    let path = store.path();
    let Store { directory, db } = store;
    drop(db);
    let db = Database::open(&path, Options::default()).unwrap();
    assert!(db.stats().generation.is_multiple_of(2));
    assert!(db.stats().healed == 1 && db.stats().wal.bytes > 0, "by a commit: the log is not empty");
    child.finish();
    drop((db, directory));
}

#[test]
fn a_foreign_program_is_noticed() {
    let store = Store::new();
    let generation = store.db.generation().unwrap();
    let foreign = Connection::open(store.path()).unwrap();
    let mut changes = store.db.changes().unwrap();
    for n in 1..=3 {
        let (_, before) = count(&store.db);
        let counter = store.db.stats().generation;
        foreign.execute("INSERT INTO note(body) VALUES (?1)", [format!("foreign {n}")]).unwrap();
        next_moment(&generation, before);
        assert_eq!(store.db.stats().generation, counter, "it does not know the counter");
        assert_eq!(count(&store.db).0, n);
        assert!(changes.wait_timeout(PATIENCE).unwrap().is_some(), "subscribers are told too");
    }
}

#[test]
fn a_page_that_was_removed_is_replaced_by_everybody() {
    let store = Store::new();
    let generation = store.db.generation().unwrap();
    let mut child = Child::start("answer", &store.path());
    assert_eq!(child.ask("read"), "0");
    let before = next_moment(&generation, None);
    fs::remove_file(page(&store)).unwrap();
    next_moment(&generation, Some(before));
    wait_for("there is a page again", || page(&store).exists());
    // The child finds it by its own watcher, or when it next writes.
    wait_for("both use it", || {
        let counter = store.db.stats().generation;
        child.ask("write");
        store.db.stats().generation > counter
    });
    let counter = store.db.stats().generation;
    assert_eq!(child.ask("write").parse(), Ok(count(&store.db).0));
    assert!(store.db.stats().generation > counter, "a commit by the other process moves the counter");
}

#[test]
fn what_is_no_page_is_refused_and_left_alone() {
    let refused = |prepare: &dyn Fn(&std::path::Path)| {
        let directory = tempfile::tempdir().unwrap();
        prepare(&directory.path().join("generation"));
        Database::open(directory.path().join("a.db"), Options::default()).unwrap_err()
    };
    let error = refused(&|path| fs::write(path, "mine").unwrap());
    assert!(matches!(error, Error::Page { .. }) && error.to_string().contains("remove it"), "{error}");
    let error = refused(&|path| fs::write(path, b"unforget\x01\0\0\0\0\0\0\0").unwrap());
    assert!(matches!(error, Error::Page { fault: "it has another length", .. }), "{error}");
    let error = refused(&|path| fs::write(path, [7; 4096]).unwrap());
    assert!(matches!(error, Error::Page { fault: "it is something else", .. }), "{error}");
    let error = refused(&|path| std::os::unix::fs::symlink("/dev/null", path).unwrap());
    assert!(
        matches!(&error, Error::Files(inner) if matches!(**inner, unforget_fs::Error::Symlink { .. })),
        "{error}"
    );
    let newer = refused(&|path| {
        let mut page = vec![0; 4096];
        page[..8].copy_from_slice(b"unforget");
        page[8] = 9;
        fs::write(path, page).unwrap();
    });
    assert!(newer.to_string().contains("another version"), "{newer}");
}

#[test]
fn a_page_has_its_space() {
    use std::os::unix::fs::MetadataExt;
    let store = Store::new();
    let metadata = fs::metadata(page(&store)).unwrap();
    assert_eq!(metadata.len(), 4096);
    assert!(metadata.blocks() > 0, "a full disk must not end a process that touches it");
}

#[test]
fn a_database_that_is_restored_has_another_moment() {
    let store = Store::new();
    let copy = store.directory.path().join("copy");
    store
        .db
        .backup(&copy, unforget_sqlite::Existing::Refuse, |_| std::ops::ControlFlow::Continue(()))
        .unwrap();
    let path = store.path();
    let before = store.db.stats().generation;
    let Store { directory, db } = store;
    drop(db);
    Database::restore(&copy, &path).unwrap();
    let db = Database::open(&path, Options::default()).unwrap();
    assert!(db.stats().generation > before, "whoever still had it open would notice");
    drop((db, directory));
}
