//! A file that is gone, a log that is cut or damaged.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use unforget::unforget_sqlite::{Database, Error, Options};

use super::{found, notes, open, write};

/// The header of a log, and what precedes each page in it.
const HEADER: usize = 32;
const FRAME: usize = 24 + 4096;

/// Copies a database of nine notes with its log while it is in use, as a process that is killed leaves them.
fn left_behind() -> (TempDir, PathBuf) {
    let live = tempfile::tempdir().expect("a directory");
    let db = open(live.path(), Options::default()).expect("it opens");
    (1..10).for_each(|n| write(&db, n).expect("it is written"));
    let copy = tempfile::tempdir().expect("a directory");
    for name in ["notes.db", "notes.db-wal"] {
        fs::copy(live.path().join(name), copy.path().join(name)).expect("it is there");
    }
    let path = copy.path().join("notes.db");
    (copy, path)
}

fn log_of(path: &Path) -> PathBuf {
    path.with_extension("db-wal")
}

/// Changes the log, and answers which notes an engine and a plain connection then find; they agree.
fn found_after(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u64> {
    let (directory, path) = left_behind();
    let mut log = fs::read(log_of(&path)).expect("there is a log");
    assert_eq!((log.len() - HEADER) % FRAME, 0, "a log of whole frames");
    change(&mut log);
    fs::write(log_of(&path), log).expect("it can be written");
    let db = open(directory.path(), Options::default()).expect("it opens");
    assert!(db.check().expect("it can be checked").is_ok());
    let found_by_engine = notes(&db).expect("it can be read");
    write(&db, 100).expect("it goes on");
    db.close().expect("nobody is in the way");
    let (sound, mut left) = found(&path);
    assert_eq!((sound.as_str(), left.pop()), ("ok", Some(100)));
    assert_eq!(left, found_by_engine);
    left
}

#[test]
fn a_log_that_is_whole_is_read_whole() {
    assert_eq!(found_after(|_| {}), (1..10).collect::<Vec<_>>());
}

#[test]
fn a_last_frame_that_is_torn_is_cut_with_its_commit_alone() {
    let torn = found_after(|log| log.truncate(log.len() - FRAME / 2));
    assert_eq!(torn, (1..9).collect::<Vec<_>>());
    let overwritten = found_after(|log| {
        let end = log.len();
        log[end - 100..].fill(0xA5);
    });
    assert_eq!(overwritten, (1..9).collect::<Vec<_>>());
}

#[test]
fn a_damaged_frame_in_the_middle_ends_the_log_there() {
    let left = found_after(|log| {
        let middle = HEADER + (log.len() - HEADER) / FRAME / 2 * FRAME;
        log[middle + 1_000] ^= 1;
    });
    assert!((1..9).contains(&left.len()), "what was committed before is there: {left:?}");
    assert_eq!(left, (1..=left.len() as u64).collect::<Vec<_>>(), "and nothing from behind the damage");
}

#[test]
fn a_file_that_is_deleted_while_it_is_open_is_not_written_and_not_made_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let db = open(directory.path(), Options::default()).expect("it opens");
    write(&db, 1).expect("it is written");
    let path = directory.path().join("notes.db");
    fs::remove_file(&path).expect("it can be removed");
    match write(&db, 2) {
        Err(Error::Replaced { path: named }) => assert!(named.ends_with("notes.db")),
        other => panic!("{other:?}"),
    }
    assert!(!db.is_open() && !path.exists(), "the engine made a file that nobody asked for");
    assert!(matches!(write(&db, 3), Err(Error::Poisoned)));
}

#[test]
fn a_page_that_is_damaged_is_told_and_left() {
    let directory = tempfile::tempdir().expect("a directory");
    let db = open(directory.path(), Options::default()).expect("it opens");
    (1..200).for_each(|n| write(&db, n).expect("it is written"));
    db.close().expect("nobody is in the way");
    let path = directory.path().join("notes.db");
    let mut bytes = fs::read(&path).expect("it is there");
    bytes[4096..8192].fill(0xA5);
    fs::write(&path, &bytes).expect("it can be written");
    let db = Database::open(&path, Options::default()).expect("the first page is sound");
    match write(&db, 500) {
        Err(error @ Error::Corrupt { .. }) => {
            assert!(error.to_string().contains("restore a backup"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(notes(&db), Err(Error::Corrupt { .. })));
    db.close().expect("nobody is in the way");
    assert_eq!(fs::read(&path).expect("it is there"), bytes, "it was left for a backup to be compared with");
}
