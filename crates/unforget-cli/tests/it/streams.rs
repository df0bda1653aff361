//! Readers that leave, outputs that are full, inputs that are no files.

use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::command::{Answer, Store, feed, line, lines, run, start};

/// Larger than what a pipe holds, so that a reader that leaves is noticed.
const LONG: usize = 1 << 20;

fn store_with_a_long_turn() -> Store {
    let store = Store::new();
    store.feed(["remember", "-"], "word ".repeat(LONG / 5).as_bytes()).data();
    store
}

/// Runs a command whose reader is gone before it answers.
fn unread(command: &mut Command) -> Answer {
    let mut child = start(command);
    drop(child.stdout.take());
    child.wait_with_output().expect("the command ends").into()
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let store = store_with_a_long_turn();
    for mut command in
        [store.text(["recall", "word"]), store.json(["recall", "word"]), store.text(["--help"])]
    {
        let answer = unread(&mut command);
        assert_eq!((answer.exit, answer.stderr.as_str()), (Some(0), ""), "no panic and no complaint");
    }
    let refused = unread(&mut store.json(["recall", "***"]));
    assert_eq!((refused.exit, refused.stderr.as_str()), (Some(2), ""), "a failure keeps its exit code");
}

#[test]
fn a_reader_may_take_the_first_line_and_leave() {
    let store = store_with_a_long_turn();
    let mut child = start(&mut store.text(["recall", "word"]));
    let mut first = [0; 6];
    child.stdout.take().expect("piped").read_exact(&mut first).expect("a first line comes");
    let answer = Answer::from(child.wait_with_output().expect("the command ends"));
    assert_eq!((answer.exit, answer.stderr.as_str()), (Some(0), ""), "the reader has read what it wanted");
    assert_eq!(&first, b"   1  ", "it was the first hit");
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_printed_is_a_failure_that_is_told() {
    let store = Store::new();
    let full = || Stdio::from(File::options().write(true).open("/dev/full").expect("a full device"));
    for mut command in [store.text(["stats"]), store.json(["stats"]), store.text(["--help"])] {
        let answer = run(command.stdout(full()));
        assert_eq!(answer.exit, Some(14), "an answer that nobody got is no success: {answer:?}");
        assert!(answer.stderr.contains("cannot print the answer"), "{answer:?}");
    }
    let answer = run(store.text(["remember", "kept"]).stdout(full()));
    assert_eq!((answer.exit, store.turns()), (Some(14), 1), "what was stored before stays stored");
}

#[test]
fn a_message_never_commands_the_terminal() {
    let store = Store::new();
    let attack = "\x1b[2J\x1b]0;owned\x07";
    let told = [
        run(&mut store.text(["import", attack])),
        run(&mut store.text([attack])),
        run(&mut store.text(["remember", "--metadata", attack, "x"])),
        run(&mut store.text(["remember", "--turn-id", attack, "x"])),
        feed(&mut store.text(["import", "--skip-bad", "-"]), format!("{{\"{attack}\":").as_bytes()),
    ];
    for answer in told {
        assert!(!answer.stderr.is_empty(), "something was wrong and is told: {answer:?}");
        let raw = answer.stderr.chars().any(|c| c.is_control() && c != '\n');
        assert!(!raw, "control characters are shown and not sent: {answer:?}");
    }
}

#[test]
fn a_pipe_is_read_like_a_file() {
    let store = Store::new();
    let answer = store.feed(["import", "/dev/stdin"], lines(3).as_bytes());
    assert_eq!(answer.data()["imported"], json!(3), "a pipe that has a name can be imported");
    let answer = feed(&mut store.json(["import", "-"]), line(9).as_bytes());
    assert_eq!(answer.data()["imported"], json!(1), "the last line may lack its end");
}

#[cfg(target_os = "linux")]
#[test]
fn an_input_without_end_is_given_up_at_the_limit() {
    let store = Store::new();
    let endless = || File::open("/dev/zero").expect("a device without end");
    let message = run(store.json(["remember", "-"]).stdin(endless())).refusal(6, "too_large");
    assert!(message.contains("1048576"), "the limit is named: {message}");
    assert_eq!(store.turns(), 0, "nothing is stored");
}
