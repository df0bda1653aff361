//! Bad lines, bad files, and what becomes of the good lines beside them.

use serde_json::json;

use crate::command::{Store, feed, line, lines};

/// A line with one field of turn 2 replaced, or added.
fn with(field: &str, value: &serde_json::Value) -> Vec<u8> {
    let mut object: serde_json::Value = serde_json::from_str(&line(2)).expect("our line");
    object[field] = value.clone();
    object.to_string().into_bytes()
}

fn without(field: &str) -> Vec<u8> {
    let mut object: serde_json::Value = serde_json::from_str(&line(2)).expect("our line");
    object.as_object_mut().expect("an object").remove(field);
    object.to_string().into_bytes()
}

/// Lines that are bad, each with the field that is named.
fn bad_lines() -> Vec<(Vec<u8>, &'static str)> {
    let long_name = json!("n".repeat(257));
    let mut invalid_utf8 = line(2).into_bytes();
    invalid_utf8[20] = 0xff;
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let bomb = format!(r#"{{"user_id":"ada","session_id":"s","content":"x","metadata":{{"deep":{deep}}}}}"#);
    let mut cases = vec![
        (b"{".to_vec(), "line"),
        (b"hello".to_vec(), "line"),
        (b"[1,2]".to_vec(), "line"),
        (b"\"text\"".to_vec(), "line"),
        (format!("{} trailing", line(2)).into_bytes(), "line"),
        (format!("{}{}", line(2), line(3)).into_bytes(), "line"),
        (invalid_utf8, "line"),
        (bomb.into_bytes(), "line"),
        (vec![b'x'; 9 << 20], "line"),
        (with("content", &json!("x".repeat((1 << 20) + 1))), "content"),
        (with("content", &json!("")), "content"),
        (with("content", &json!(5)), "content"),
        (with("user_id", &json!(null)), "user_id"),
        (with("user_id", &json!("a\u{1b}b")), "user_id"),
        (with("session_id", &json!("")), "session_id"),
        (with("turn_id", &json!(7)), "turn_id"),
        (with("turn_id", &long_name), "turn_id"),
        (with("layer", &json!("")), "layer"),
        (with("speaker", &json!(["Ada"])), "speaker"),
        (with("created_ms", &json!(-1)), "created_ms"),
        (with("created_ms", &json!("2026-01-01")), "created_ms"),
        (with("created_ms", &json!(253_402_300_800_000_u64)), "created_ms"),
        (with("metadata", &json!("none")), "metadata"),
        (with("metadata", &json!({"k": "v".repeat(65 << 10)})), "metadata"),
    ];
    cases.extend(["user_id", "session_id", "content"].map(|field| (without(field), field)));
    cases
}

/// A bad line between two good ones; the first line is blank and counts.
fn around(bad: &[u8]) -> Vec<u8> {
    [b"\n", line(1).as_bytes(), b"\n", bad, b"\n", line(4).as_bytes(), b"\n"].concat()
}

#[test]
fn a_bad_line_is_named_with_its_field_and_nothing_is_imported() {
    let store = Store::new();
    for (bad, field) in bad_lines() {
        let answer = store.feed(["import", "-"], &around(&bad));
        let message = answer.refusal(2, "invalid");
        let shown = String::from_utf8_lossy(&bad[..bad.len().min(80)]).into_owned();
        let named = format!("line 3: field `{field}` ");
        assert!(message.contains(&named), "{shown}: the message has {named:?}: {message}");
        assert!(message.starts_with("standard input cannot be imported"), "{shown}: {message}");
        assert!(message.contains("--skip-bad"), "{shown}: the hint says how to go on: {message}");
        assert!(message.len() < 1_000, "{shown}: the message does not repeat the line");
    }
    assert_eq!(store.turns(), 0, "not even the good lines before it are stored");
}

#[test]
fn the_good_lines_around_a_bad_one_are_kept_with_skip_bad() {
    for (bad, field) in bad_lines() {
        let store = Store::new();
        let answer = store.feed(["import", "--skip-bad", "-"], &around(&bad));
        let data = answer.data();
        assert_eq!([&data["imported"], &data["rejected"]], [2, 1], "{field}: {data}");
        let told = format!("unforget: skipped line 3: field `{field}` ");
        assert!(answer.stderr.starts_with(&told), "what was left out is told: {}", answer.stderr);
        assert_eq!(store.recall(["4"])[0]["turn_id"], "t4", "{field}: the line after it is whole");
    }
}

#[test]
fn another_users_turn_id_is_refused_by_line_and_field_and_nothing_is_changed() {
    let store = Store::new();
    store.run(["remember", "--user", "bob", "--turn-id", "t2", "mine"]).data();
    let message = store.feed(["import", "-"], lines(5).as_bytes()).refusal(2, "invalid");
    assert!(message.contains("line 3: field `turn_id` is `t2`, which belongs to another user"), "{message}");
    assert_eq!(store.turns(), 1, "nothing is changed");
    let data = store.feed(["import", "--skip-bad", "-"], lines(5).as_bytes()).data();
    assert_eq!([&data["imported"], &data["rejected"]], [4, 1], "the others are kept: {data}");
    assert_eq!(store.recall(["mine"])[0]["user_id"], json!("bob"), "the turn stays its owner's");
}

#[test]
fn one_id_of_two_users_within_a_file_is_refused_though_far_apart() {
    let store = Store::new();
    let stolen = json!({"user_id": "bob", "session_id": "s", "turn_id": "t0", "content": "mine now"});
    let file = format!("{}{stolen}\n", lines(1_200));
    let message = store.feed(["import", "-"], file.as_bytes()).refusal(2, "invalid");
    assert!(message.contains("line 1201: field `turn_id` is `t0`"), "{message}");
    assert_eq!(store.turns(), 0, "not even the batches before it are stored");
}

#[test]
fn many_bad_lines_are_counted_and_the_first_are_shown() {
    let store = Store::new();
    let file = "x\n".repeat(50) + &line(1);
    let message = store.feed(["import", "-"], file.as_bytes()).refusal(2, "invalid");
    assert!(message.contains("line 20: ") && !message.contains("line 21: "), "20 are shown: {message}");
    assert!(message.contains("and 30 more"), "the others are counted: {message}");
    let answer = store.feed(["import", "--skip-bad", "-"], file.as_bytes());
    assert_eq!(answer.data()["rejected"], json!(50));
    assert!(answer.stderr.ends_with("skipped 30 more lines\n"), "{}", answer.stderr);
    let text = feed(&mut store.text(["import", "--skip-bad", "-"]), file.as_bytes());
    assert!(text.stdout.starts_with("imported 0, already there 1, rejected 50, in "), "{text:?}");
}

#[test]
fn a_file_that_cannot_be_read_is_told_by_its_name() {
    let store = Store::new();
    let missing = store.root().join("missing.jsonl");
    let message = store.run(["import".as_ref(), missing.as_os_str()]).refusal(4, "not_found");
    assert!(message.contains("missing.jsonl"), "{message}");
    let message = store.run(["import".as_ref(), store.root().as_os_str()]).refusal(14, "io");
    assert!(message.contains("directory"), "{message}");
    let through = store.file("file", "x").join("turns.jsonl");
    store.run(["import".as_ref(), through.as_os_str()]).refusal(14, "io");
    assert_eq!(store.turns(), 0, "nothing is stored");
}
