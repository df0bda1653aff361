//! Directories and databases that are refused, and stay as they were.

use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::command::{Store, entries, line, mode, run, set_mode, unforget};

/// The user that owns nothing.
const NOBODY: u32 = 65_534;

/// Every command that uses a store, with arguments that a good store would take.
const COMMANDS: [&[&str]; 5] = [&["init"], &["remember", "x"], &["recall", "x"], &["stats"], &["tour"]];

/// Runs every command on a store, demands the same refusal of all, and returns their messages.
fn refused_by_all(store: &Store, exit: i32, code: &str) -> Vec<String> {
    let file = store.root().join("turns.jsonl");
    std::fs::write(&file, line(1)).expect("a file to import");
    let mut messages: Vec<_> = COMMANDS.iter().map(|args| store.run(*args).refusal(exit, code)).collect();
    messages.push(store.run(["import".as_ref(), file.as_os_str()]).refusal(exit, code));
    messages
}

#[test]
fn a_file_is_no_store() {
    let store = Store::missing();
    std::fs::write(store.path(), "a letter").expect("a file in its place");
    for message in refused_by_all(&store, 14, "io") {
        assert!(message.contains("is not a directory"), "{message}");
    }
    assert_eq!(std::fs::read(store.path()).expect("it is there"), b"a letter", "the file is not touched");
}

#[test]
fn a_path_through_a_file_is_no_store() {
    let store = Store::missing();
    let file = store.file("file", "a letter");
    for args in COMMANDS {
        let answer =
            run(unforget(store.root()).arg("--json").args(args).arg("--store").arg(file.join("store")));
        let message = answer.refusal(14, "io");
        assert!(message.to_lowercase().contains("not a directory"), "{args:?}: {message}");
    }
    assert_eq!(std::fs::read(&file).expect("it is there"), b"a letter", "the file is not touched");
}

#[test]
fn a_symbolic_link_is_not_followed() {
    let real = Store::new();
    real.remember("kept");
    let before = entries(&real.path());
    let link = Store::missing();
    symlink(real.path(), link.path()).expect("a link in its place");
    for message in refused_by_all(&link, 14, "io") {
        assert!(message.contains("symbolic link"), "{message}");
    }
    assert_eq!(entries(&real.path()), before, "what the link points to is not touched");

    let dangling = Store::missing();
    symlink(dangling.root().join("nowhere"), dangling.path()).expect("a link in its place");
    refused_by_all(&dangling, 14, "io");
    assert!(!dangling.root().join("nowhere").exists(), "nothing is created through a link");
}

#[test]
fn a_directory_that_others_may_enter_is_refused_with_content_in_it() {
    let store = Store::empty(0o755);
    std::fs::write(store.path().join("letter"), "dear").expect("some content");
    let before = entries(&store.path());
    for message in refused_by_all(&store, 14, "io") {
        assert!(message.contains("open to other users (mode 0755)"), "{message}");
    }
    assert_eq!((entries(&store.path()), mode(&store.path())), (before, 0o755), "it stays as it was");
}

#[test]
fn a_private_directory_with_other_files_is_no_store() {
    let store = Store::empty(0o700);
    std::fs::write(store.path().join("letter"), "dear").expect("some content");
    let before = entries(&store.path());
    for args in [&["init"] as &[_], &["remember", "x"], &["tour"], &["import", "/dev/null"]] {
        let message = store.run(args).refusal(3, "not_a_store");
        assert!(message.contains("holds other files"), "{args:?}: {message}");
    }
    store.run(["recall", "x"]).refusal(4, "not_found");
    store.run(["stats"]).refusal(4, "not_found");
    assert_eq!(entries(&store.path()), before, "nothing is added to it");
}

/// A copy of the command that any user can run, whoever may enter the directory it was built in. Another program
/// copies it: a process that starts while this one has it open for writing could not run it.
fn copy_for_everybody(place: &Path) -> Command {
    set_mode(place, 0o755);
    let copy = place.join("unforget");
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_unforget")).arg(&copy).status();
    assert!(copied.expect("there is a cp").success(), "the command can be copied");
    let mut command = Command::new(copy);
    command.env_clear().env("HOME", place);
    command
}

#[test]
fn a_store_without_permission_is_an_input_output_error() {
    let store = Store::new();
    store.remember("secret");
    let is_root = std::fs::metadata(store.root()).expect("our directory").uid() == 0;
    let mut command = copy_for_everybody(store.root());
    let mode = if is_root {
        command.uid(NOBODY);
        0o700
    } else {
        0o000
    };
    set_mode(&store.path(), mode);
    let answer = command.args(["--json", "recall", "secret", "--store"]).arg(store.path()).output();
    match answer {
        Ok(output) => {
            let message = crate::command::Answer::from(output).refusal(14, "io");
            assert!(message.contains("ermission denied"), "{message}");
        }
        Err(error) => eprintln!("skipped: no process of another user can be started here: {error}"),
    }
    set_mode(&store.path(), 0o700);
    assert_eq!(store.turns(), 1, "the store is as it was");
}

#[test]
fn a_database_that_is_none_is_not_touched() {
    let wide: Vec<u8> = (0..5_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    for garbage in [b"no".as_slice(), &wide[..100], &wide[..512], &wide] {
        let store = Store::empty(0o700);
        let database = store.path().join("unforget.db");
        std::fs::write(&database, garbage).expect("garbage in its place");
        for message in refused_by_all(&store, 10, "not_a_database") {
            assert!(message.contains("unforget.db is not a database"), "{message}");
            assert_eq!(message.matches("file is not").count(), 1, "a cause is told once: {message}");
        }
        assert_eq!(std::fs::read(&database).expect("it is there"), garbage, "not a byte is changed");
        for side in ["unforget.db-wal", "unforget.db-shm", "unforget.db-journal"] {
            assert!(!store.path().join(side).exists(), "no {side} is left beside it");
        }
    }
}

#[test]
fn a_damaged_database_is_told_and_stays_as_it_is() {
    let store = Store::new();
    store.feed(["import", "-"], crate::command::lines(500).as_bytes()).data();
    let database = store.path().join("unforget.db");
    // With the log folded in, the one file is the whole database.
    let fold = |row: &unforget::unforget_sqlite::rusqlite::Row<'_>| row.get::<_, i64>(0);
    store.database().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], fold).expect("nobody else has it open");
    let mut bytes = std::fs::read(&database).expect("the database");
    bytes[4_096..].fill(0xa5);
    std::fs::write(&database, &bytes).expect("damage");
    store.run(["recall", "glider"]).refusal(10, "corrupt");
    store.run(["stats"]).refusal(10, "corrupt");
    assert_eq!(store.run(["remember", "x"]).exit, Some(10), "nothing is stored in a damaged database");
    assert!(std::fs::read(&database).expect("it is there") == bytes, "what may be saved is not written over");
}

#[test]
fn a_newer_schema_is_refused_and_not_touched() {
    let store = Store::new();
    store.remember("from the future");
    let version: i64 =
        store.database().pragma_query_value(None, "user_version", |row| row.get(0)).expect("ours");
    store.database().pragma_update(None, "user_version", 99).expect("our database");
    let before = std::fs::read(store.path().join("unforget.db")).expect("the database");
    for message in refused_by_all(&store, 10, "newer_schema") {
        assert!(message.contains("99") && message.contains("upgrade"), "{message}");
    }
    let after = std::fs::read(store.path().join("unforget.db")).expect("the database");
    assert!(after == before, "a database of a newer program is not changed by an older one");
    store.database().pragma_update(None, "user_version", version).expect("our database");
    assert_eq!(store.recall(["future"]).len(), 1, "the newer program finds everything");
}

#[test]
fn a_database_that_is_no_regular_file_is_refused_at_once() {
    let with_directory = Store::empty(0o700);
    std::fs::create_dir(with_directory.path().join("unforget.db")).expect("a directory in its place");
    let with_fifo = Store::empty(0o700);
    let fifo = Command::new("mkfifo").arg(with_fifo.path().join("unforget.db")).status();
    assert!(fifo.expect("there is a mkfifo").success(), "a FIFO in its place");
    for store in [with_directory, with_fifo] {
        for message in refused_by_all(&store, 14, "io") {
            assert!(message.contains("not a regular file"), "{message}");
        }
    }
}

#[test]
fn a_database_that_another_program_keeps_locked_is_busy() {
    let store = Store::new();
    let database = store.database();
    database.execute_batch("BEGIN IMMEDIATE").expect("nobody else writes");
    let message = store.run(["remember", "late"]).refusal(15, "busy");
    assert!(message.contains("was busy for 10"), "the message says how long it waited: {message}");
    database.execute_batch("ROLLBACK").expect("our transaction");
    assert_eq!(store.turns(), 0, "what was refused is not stored");
    store.remember("in time");
    assert_eq!(store.turns(), 1, "what was refused is not stored later either");
}
