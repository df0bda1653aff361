//! An import that is killed, and repeated.

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::Child;

use serde_json::Value;
use unforget::unforget_sqlite::rusqlite::Connection;

use crate::command::{Store, lines, start, wait_until};

const LINES: usize = 12_000;
const KILLED: Option<i32> = Some(9);

fn count(database: &Connection) -> usize {
    let count = database.query_row("SELECT count(*) FROM memory_nodes", [], |row| row.get::<_, i64>(0));
    usize::try_from(count.expect("readers never wait")).expect("a number of turns")
}

/// Kills an import once some turns are committed, and returns how many.
fn kill_once_some_are_there(mut import: Child, store: &Store) -> usize {
    let database = store.database();
    wait_until("the first commit of the import", || count(&database) > 0);
    import.kill().expect("it can be killed");
    let status = import.wait().expect("it ends");
    assert_eq!(status.signal(), KILLED, "it was killed before its end");
    count(&database)
}

/// Imports the whole file and demands that every turn is there once.
fn repeat(store: &Store, file: &str, there: usize) {
    let data: Value = store.feed(["import", "-"], file.as_bytes()).data();
    assert_eq!(data["duplicates"], there, "what was committed before the kill stayed: {data}");
    assert_eq!(data["imported"], LINES - there, "the rest was not there, in no part: {data}");
    let distinct = "SELECT count(DISTINCT turn_id) = count(*) FROM memory_nodes";
    let database = store.database();
    assert_eq!(database.query_row(distinct, [], |row| row.get(0)), Ok(true), "no turn is there twice");
    assert_eq!(count(&database), LINES, "every turn is there");
    for number in [0, there.saturating_sub(1), there, LINES - 1] {
        let best = store.recall([number.to_string()]).swap_remove(0);
        assert_eq!(best["turn_id"], format!("t{number}"), "turn {number} is found by its words");
    }
    let sound: String =
        database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a readable file");
    assert_eq!(sound, "ok", "the database is sound");
}

#[test]
fn an_import_of_a_file_that_is_killed_can_be_repeated() {
    let store = Store::new();
    let text = lines(LINES);
    let file = store.file("turns.jsonl", &text);
    let import = start(&mut store.json(["import".as_ref(), file.as_os_str()]));
    let there = kill_once_some_are_there(import, &store);
    assert!((1..LINES).contains(&there), "it was killed in the middle, after {there} turns");
    repeat(&store, &text, there);
}

#[test]
fn an_import_that_is_killed_while_it_waits_for_more_keeps_its_whole_batches() {
    let store = Store::new();
    let text = lines(LINES);
    let mut import = start(&mut store.json(["import", "--skip-bad", "-"]));
    // It gets all but the last line and not the end of its input, so it cannot end by itself.
    let last = text.trim_end().rfind('\n').expect("several lines") + 1;
    let mut stdin = import.stdin.take().expect("piped");
    stdin.write_all(&text.as_bytes()[..last]).expect("it listens");
    let there = kill_once_some_are_there(import, &store);
    assert_eq!(there % 512, 0, "a batch is there whole or not at all: {there} turns");
    repeat(&store, &text, there);
}
