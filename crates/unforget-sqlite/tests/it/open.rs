//! Files that are not what they should be.

use std::fs;
use std::sync::Arc;

use unforget_sqlite::{Database, Error, Options, Result};

use crate::store::{Store, insert};

#[test]
fn a_file_that_is_no_database_is_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("letter.txt");
    let letter = "Dear reader, ".repeat(1_000);
    fs::write(&path, &letter).unwrap();
    let outcome = Database::open(&path, Options::default());
    assert!(matches!(outcome, Err(Error::NotADatabase { .. })), "{outcome:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), letter);
}

#[test]
fn a_missing_directory_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let outcome = Database::open(directory.path().join("missing/a.db"), Options::default());
    assert!(matches!(&outcome, Err(Error::Io { path, .. }) if path.ends_with("missing")), "{outcome:?}");
}

#[test]
fn a_directory_is_no_database() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("a.db")).unwrap();
    let refused = refusal(&directory.path().join("a.db"));
    assert!(matches!(refused, unforget_fs::Error::NotRegular { .. }), "{refused:?}");
}

/// What the library for files says about `path`.
fn refusal(path: &std::path::Path) -> unforget_fs::Error {
    match Database::open(path, Options::default()) {
        Err(Error::Files(why)) => Arc::into_inner(why).unwrap(),
        other => unreachable!("it was not refused: {other:?}"),
    }
}

#[cfg(unix)]
#[test]
fn a_file_with_two_names_is_refused() {
    let store = Store::new();
    let (link, twin) = (store.directory.path().join("link.db"), store.directory.path().join("twin.db"));
    std::os::unix::fs::symlink(store.path(), &link).unwrap();
    assert!(matches!(refusal(&link), unforget_fs::Error::Symlink { .. }), "a symbolic link");
    fs::hard_link(store.path(), &twin).unwrap();
    assert!(matches!(refusal(&twin), unforget_fs::Error::HardLinked { links: 2, .. }), "a hard link");
}

#[cfg(unix)]
#[test]
fn a_file_of_another_user_is_refused_and_left() {
    use std::os::unix::fs::{MetadataExt, chown};
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("theirs.db");
    fs::write(&path, "").unwrap();
    let another = fs::metadata(&path).unwrap().uid() + 1;
    if let Err(error) = chown(&path, Some(another), None) {
        println!("skipped, only root may give a file away: {error}");
        return;
    }
    assert!(matches!(refusal(&path), unforget_fs::Error::ForeignOwner { uid, .. } if uid == another));
    let beside = fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(beside, 1, "nothing was made beside it that its owner could not write");
}

#[cfg(unix)]
#[test]
fn the_database_and_its_log_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let store = Store::new();
    insert(&store.db, "private").unwrap();
    let mut seen = Vec::new();
    for entry in fs::read_dir(store.directory.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", entry.file_name());
        seen.push(entry.file_name().into_string().unwrap());
    }
    seen.sort();
    assert_eq!(seen, ["generation", "notes.db", "notes.db-shm", "notes.db-wal", "turn.lock", "turn.queue"]);
}

#[cfg(unix)]
#[test]
fn a_file_that_took_the_name_of_an_open_one_gets_an_engine_of_its_own() {
    let store = Store::new();
    insert(&store.db, "old").unwrap();
    for name in ["notes.db", "notes.db-wal", "notes.db-shm"] {
        fs::remove_file(store.directory.path().join(name)).unwrap();
    }
    assert!(!store.db.is_open(), "its file has no name any more");
    let outcome = insert(&store.db, "into nowhere");
    assert!(matches!(outcome, Err(Error::Replaced { .. })), "nobody would find it again: {outcome:?}");
    let anew = Database::open(store.path(), Options::default()).unwrap();
    anew.migrate(&crate::store::SCHEMA).unwrap();
    insert(&anew, "new").unwrap();
    assert_eq!(crate::store::bodies(&anew), ["new"]);
}

#[test]
fn a_database_of_another_program_is_left_as_it_is() {
    static OURS: unforget_sqlite::Schema =
        unforget_sqlite::Schema::new(&["CREATE TABLE a(x)"]).application_id(77);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("theirs.db");
    let theirs = unforget_sqlite::rusqlite::Connection::open(&path).unwrap();
    theirs.execute_batch("CREATE TABLE recipe(name)").unwrap();
    let db = Database::open(&path, Options::default()).unwrap();
    assert!(matches!(db.migrate(&OURS), Err(Error::ForeignDatabase { .. })));
    let tables: i64 = theirs.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
    assert_eq!(tables, 1);
    let ours = Database::open(directory.path().join("ours.db"), Options::default()).unwrap();
    ours.migrate(&OURS).unwrap();
    ours.migrate(&OURS).unwrap();
}

#[test]
fn after_closing_the_file_alone_is_complete() {
    let store = Store::new();
    insert(&store.db, "kept").unwrap();
    assert_eq!(store.bodies(), ["kept"], "a reader has the file open");
    store.db.close().unwrap();
    let copy = store.directory.path().join("copy.db");
    fs::copy(store.path(), &copy).unwrap();
    let copy = unforget_sqlite::rusqlite::Connection::open(copy).unwrap();
    let body: String = copy.query_row("SELECT body FROM note", [], |row| row.get(0)).unwrap();
    assert_eq!(body, "kept");
}

#[test]
fn a_damaged_page_is_reported_and_not_mended() {
    let store = Store::new();
    for n in 0..2_000 {
        insert_fast(&store.db, n);
    }
    store.db.close().unwrap();
    let mut bytes = fs::read(store.path()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8_192].fill(0xA5);
    fs::write(store.path(), &bytes).unwrap();
    let db = Database::open(store.path(), Options::default()).unwrap();
    let sound = db.check().is_ok_and(|check| check.is_ok());
    assert!(!sound, "a full check reads every page");
    db.close().unwrap();
    assert_eq!(
        fs::read(store.path()).unwrap(),
        bytes,
        "the damaged file is left for a backup to be compared with"
    );
}

fn insert_fast(db: &Database, n: i32) {
    let ticket = db
        .submit(0, move |tx| -> Result<usize> {
            Ok(tx.execute("INSERT INTO note(body) VALUES (?1 || ' ' || hex(randomblob(100)))", [n])?)
        })
        .unwrap();
    drop(ticket);
}

#[test]
fn the_smallest_and_the_largest_settings_make_an_engine_that_works() {
    use std::time::Duration;
    use unforget_sqlite::Checkpoints;
    let smallest = Checkpoints::default().every(0).reset_at(0).patience(Duration::ZERO);
    let largest = Checkpoints::default().every(u64::MAX).reset_at(u64::MAX).patience(Duration::MAX);
    let [smallest, largest] = [
        Options::default()
            .readers(0)
            .busy_timeout(Duration::ZERO)
            .queue(0, 0)
            .batch_operations(0)
            .batch_time(Duration::ZERO)
            .checkpoints(smallest)
            .max_read(Duration::ZERO),
        Options::default()
            .readers(u32::MAX)
            .busy_timeout(Duration::MAX)
            .deadline(Duration::MAX)
            .queue(usize::MAX, usize::MAX)
            .batch_operations(usize::MAX)
            .batch_time(Duration::MAX)
            .checkpoints(largest)
            .max_read(Duration::MAX),
    ];
    for options in [smallest, largest] {
        let store = Store::with(options);
        for n in 0..20 {
            let body = format!("note {n:02}");
            let written = store.db.write(move |tx| -> Result<_, Error> {
                Ok(tx.execute("INSERT INTO note(body) VALUES (?1)", [&body])?)
            });
            assert_eq!(written.unwrap(), 1, "{options:?}");
        }
        assert_eq!(store.bodies().len(), 20, "{options:?}");
        store.db.close().unwrap();
    }
}
