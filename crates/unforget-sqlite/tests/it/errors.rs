//! What SQLite reports, told apart by what a caller can do about it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use unforget_sqlite::Error;
use unforget_sqlite::rusqlite::{self, ffi};

fn of_sqlite(code: i32) -> Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(code), None).into()
}

/// The name of a variant: what Debug prints before the fields.
fn variant(error: &Error) -> String {
    let shown = format!("{error:?}");
    shown.split([' ', '(', '{']).next().unwrap_or_default().to_owned()
}

/// Codes with their extended ones, by the variant they become.
const TOLD_APART: [(&str, &[i32]); 8] = [
    (
        "Busy",
        &[
            ffi::SQLITE_BUSY,
            ffi::SQLITE_BUSY_RECOVERY,
            ffi::SQLITE_BUSY_SNAPSHOT,
            ffi::SQLITE_BUSY_TIMEOUT,
            ffi::SQLITE_PROTOCOL,
        ],
    ),
    ("Full", &[ffi::SQLITE_FULL]),
    (
        "DiskFailed",
        &[
            ffi::SQLITE_IOERR,
            ffi::SQLITE_IOERR_READ,
            ffi::SQLITE_IOERR_SHORT_READ,
            ffi::SQLITE_IOERR_WRITE,
            ffi::SQLITE_IOERR_FSYNC,
            ffi::SQLITE_IOERR_TRUNCATE,
            ffi::SQLITE_IOERR_LOCK,
            ffi::SQLITE_IOERR_SHMMAP,
            ffi::SQLITE_IOERR_DELETE,
            ffi::SQLITE_IOERR_CORRUPTFS,
        ],
    ),
    (
        "Corrupt",
        &[
            ffi::SQLITE_CORRUPT,
            ffi::SQLITE_CORRUPT_VTAB,
            ffi::SQLITE_CORRUPT_INDEX,
            ffi::SQLITE_CORRUPT_SEQUENCE,
        ],
    ),
    ("NotADatabase", &[ffi::SQLITE_NOTADB]),
    (
        "NotAccessible",
        &[
            ffi::SQLITE_READONLY,
            ffi::SQLITE_READONLY_RECOVERY,
            ffi::SQLITE_READONLY_CANTLOCK,
            ffi::SQLITE_READONLY_DBMOVED,
            ffi::SQLITE_READONLY_DIRECTORY,
            ffi::SQLITE_CANTOPEN,
            ffi::SQLITE_CANTOPEN_ISDIR,
            ffi::SQLITE_CANTOPEN_SYMLINK,
            ffi::SQLITE_PERM,
        ],
    ),
    ("Forbidden", &[ffi::SQLITE_AUTH]),
    (
        // Among them LOCKED: a conflict of a connection with itself, which no waiting ends.
        "Sql",
        &[
            ffi::SQLITE_LOCKED,
            ffi::SQLITE_LOCKED_SHAREDCACHE,
            ffi::SQLITE_ERROR,
            ffi::SQLITE_CONSTRAINT,
            ffi::SQLITE_CONSTRAINT_UNIQUE,
            ffi::SQLITE_CONSTRAINT_FOREIGNKEY,
            ffi::SQLITE_INTERRUPT,
            ffi::SQLITE_NOMEM,
            ffi::SQLITE_TOOBIG,
            ffi::SQLITE_MISMATCH,
            ffi::SQLITE_SCHEMA,
        ],
    ),
];

#[test]
fn every_class_of_what_sqlite_reports_is_told_apart() {
    for (expected, codes) in TOLD_APART {
        for code in codes {
            assert_eq!(variant(&of_sqlite(*code)), expected, "{code}: {}", ffi::code_to_str(*code));
        }
    }
}

/// One of each variant, with whether trying again may help.
fn every_variant() -> Vec<(Error, bool)> {
    let path = PathBuf::from("a.db");
    let source = Arc::new(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR), None));
    let files = unforget_fs::Error::Symlink { path: path.clone() };
    let io = Arc::new(io::Error::from(io::ErrorKind::WouldBlock));
    let somewhere = Some(path.clone());
    let never = [
        Error::Full { path: somewhere.clone(), source: Arc::clone(&source) },
        Error::DiskFailed { path: somewhere.clone(), source: Arc::clone(&source) },
        Error::Corrupt { path: somewhere.clone(), source: Arc::clone(&source) },
        Error::NotADatabase { path: somewhere.clone(), source: Arc::clone(&source) },
        Error::NotAccessible { path: somewhere.clone(), source: Arc::clone(&source) },
        Error::NetworkFileSystem { path: path.clone(), file_system: "NFS" },
        Error::NewerSchema { path: path.clone(), found: 2, supported: 1 },
        Error::ForeignDatabase { path: path.clone() },
        Error::Migration { path: path.clone(), reason: "no such table".to_owned() },
        Error::OldLibrary { found: "3.40.1" },
        Error::Setting { path: somewhere.clone(), name: "x", wanted: "1".to_owned(), found: "0".to_owned() },
        Error::DurabilityDiffers { path: path.clone() },
        Error::Forbidden,
        Error::Reentrant,
        Error::NoBatchEnd,
        Error::TooMuchPending { limit: 1 },
        Error::Page { path: path.clone(), fault: "it is too short" },
        Error::Panicked { message: "on purpose".to_owned() },
        Error::TooLarge { bytes: 2, limit: 1 },
        Error::Closed,
        Error::Forked,
        Error::OutcomeUnknown { source: Some(Arc::clone(&source)) },
        Error::Poisoned,
        Error::Replaced { path: path.clone() },
        Error::Exists { path: path.clone() },
        Error::InUse { path: path.clone(), pids: vec![1] },
        Error::Unsound { path: path.clone(), faults: Vec::new() },
        Error::Cancelled,
        Error::Sql { source },
        Error::Files(Arc::new(files)),
        Error::Io { operation: "open", path, source: io },
    ];
    let place = "a.rs:1:1".to_owned();
    let (held_for, limit) = (Duration::from_secs(2), Duration::from_secs(1));
    let too_long = Error::ReadTooLong { path: "a.db".into(), place, held_for, limit };
    let never = never.into_iter().chain([too_long]);
    let busy = Error::Busy { path: somewhere, waited: Duration::ZERO, blocker: None };
    never.map(|error| (error, false)).chain([(busy, true)]).collect()
}

#[test]
fn only_being_busy_is_worth_trying_again() {
    for (error, retryable) in every_variant() {
        assert_eq!(error.is_retryable(), retryable, "{error:?}");
    }
}

#[test]
fn every_message_is_a_sentence_for_people() {
    for (error, _) in every_variant() {
        let message = error.to_string();
        assert!(message.len() > 15 && !message.ends_with('.') && !message.contains('{'), "{message}");
        assert!(!message.contains("Some(") && !message.contains("SqliteFailure"), "no Debug: {message}");
    }
}
