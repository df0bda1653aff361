//! The tour: what it promises is looked up by itself, and here once more.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde_json::Value;

use crate::command::{Store, entries, run, unforget};

fn number(data: &Value, field: &str) -> u64 {
    data[field].as_u64().expect("a number")
}

fn assert_nothing_lost(data: &Value) {
    assert_eq!(number(data, "lost"), 0, "nothing that was acknowledged is lost: {data}");
    assert!(number(data, "acknowledged") >= 60, "enough was said: {data}");
    assert_eq!(data["found"], data["acknowledged"], "every acknowledged turn is found: {data}");
    assert_eq!(number(data, "restarted"), 1, "one process was killed and started again: {data}");
    let (told, counted) =
        (number(data, "context_updates_acknowledged"), number(data, "context_updates_counted"));
    assert!(counted >= told && told > 0, "every acknowledged update is counted: {data}");
    assert_eq!(data["integrity"], "ok", "the database is sound: {data}");
}

#[test]
fn a_tour_in_a_given_directory_keeps_what_was_said_and_can_be_repeated() {
    let store = Store::missing();
    let tour = || run(unforget(store.root()).args(["--json", "tour"]).arg(store.path())).data();
    let first = tour();
    assert_nothing_lost(&first);
    assert_eq!(store.turns(), number(&first, "acknowledged"), "the store stays, with what was said");
    let second = tour();
    assert_nothing_lost(&second);
    let both = number(&first, "acknowledged") + number(&second, "acknowledged");
    assert_eq!(store.turns(), both, "a second tour adds its own turns");
    assert_eq!(store.run(["stats"]).data()["contexts"], 1, "both updated one context");
}

#[test]
fn a_tour_without_a_directory_leaves_nothing_behind() {
    let store = Store::new();
    store.remember("mine");
    let temporary = store.root().join("temporary");
    std::fs::create_dir(&temporary).expect("a new directory");
    let mut command = unforget(store.root());
    let answer =
        run(command.args(["--json", "tour"]).env("TMPDIR", &temporary).env("UNFORGET_STORE", store.path()));
    assert_nothing_lost(&answer.data());
    assert_eq!(answer.stderr, "", "there is nothing beside the answer");
    assert_eq!(entries(&temporary), [], "the temporary store is gone");
    assert_eq!(store.turns(), 1, "the store of the environment is for memories, not for tours");
}

#[test]
fn a_tour_takes_an_empty_directory_and_the_flag() {
    let store = Store::empty(0o755);
    assert_nothing_lost(&store.run(["tour"]).data());
    assert!(store.turns() >= 60, "the flag names the tour's directory");
}

#[test]
fn a_tour_is_told_to_people_with_a_table_and_no_bars_in_a_pipe() {
    let store = Store::missing();
    let text = run(unforget(store.root()).arg("tour").arg(store.path())).text();
    for told in ["turns acknowledged", "SQLITE_BUSY seen by callers", "integrity check", "The store is in "] {
        assert!(text.contains(told), "the answer has {told:?}: {text}");
    }
    let lost = text.lines().find(|line| line.contains("lost")).expect("a row about what was lost");
    assert_eq!(lost.matches(char::is_numeric).collect::<String>(), "0", "{lost}");
    assert!(!text.contains('\x1b') && !text.contains('\r'), "nothing moves a cursor in a pipe");
}

#[test]
fn a_directory_whose_name_is_no_text_is_a_place_for_a_tour() {
    let store = Store::missing();
    let path = store.root().join(Path::new(std::ffi::OsStr::from_bytes(b"caf\xe9")));
    let answer = run(unforget(store.root()).args(["--json", "tour"]).arg(&path));
    assert_nothing_lost(&answer.data());
    assert!(path.join("unforget.db").is_file(), "the store is in the directory that was named");
}
