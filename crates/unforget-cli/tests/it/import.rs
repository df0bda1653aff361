//! Storing the turns of a file, again and again.

use serde_json::{Value, json};

use crate::command::{Store, line, lines};

fn counts(data: &Value) -> [u64; 3] {
    ["imported", "duplicates", "rejected"].map(|field| data[field].as_u64().expect("a number"))
}

#[test]
fn a_file_is_imported_once_however_often_it_is_given() {
    let store = Store::new();
    // More than two batches.
    let file = store.file("turns.jsonl", lines(1_300));
    let import = || store.run(["import".as_ref(), file.as_os_str()]).data();
    let first = import();
    assert_eq!(counts(&first), [1_300, 0, 0], "all lines are new");
    assert!(first["seconds"].as_f64() > Some(0.0), "{first}");
    assert_eq!(counts(&import()), [0, 1_300, 0], "the second time all are there");
    assert_eq!(store.turns(), 1_300, "nothing is stored twice");
    assert_eq!(store.recall(["1299"])[0]["turn_id"], "t1299", "the last line is found");
}

#[test]
fn standard_input_is_imported_like_a_file() {
    let store = Store::new();
    assert_eq!(counts(&store.feed(["import", "-"], lines(600).as_bytes()).data()), [600, 0, 0]);
    let more = store.feed(["import", "--skip-bad", "-"], lines(700).as_bytes()).data();
    assert_eq!(counts(&more), [100, 600, 0], "also where lines are stored as they come");
    assert_eq!(store.turns(), 700, "nothing is stored twice");
}

#[test]
fn a_turn_without_an_id_gets_one_from_what_it_says() {
    let store = Store::new();
    let without =
        |content: &str| json!({"user_id": "ada", "session_id": "s", "content": content}).to_string();
    let file = format!("{}\n{}\n", without("The glider is here."), without("The glider is there."));
    assert_eq!(counts(&store.feed(["import", "-"], file.as_bytes()).data()), [2, 0, 0]);
    let more = format!("{}\n{file}", without("The glider is gone."));
    assert_eq!(counts(&store.feed(["import", "-"], more.as_bytes()).data()), [1, 2, 0], "wherever it stands");
    assert_eq!(store.turns(), 3, "what says the same is one turn");
}

#[test]
fn every_field_of_a_line_is_kept() {
    let store = Store::new();
    let full = json!({
        "user_id": "ada", "session_id": "monday", "turn_id": "t1", "layer": "note", "speaker": "Ada",
        "content": "The glider is here.", "created_ms": 1_790_000_000_000_u64, "metadata": {"mood": "good"},
        "weather": ["rain"],
    });
    let bare = json!({
        "user_id": "bob", "session_id": "tuesday", "turn_id": null, "layer": null, "speaker": null,
        "content": "The boat is there.", "created_ms": null, "metadata": null,
    });
    let data = store.feed(["import", "-"], format!("{full}\n{bare}\n").as_bytes()).data();
    assert_eq!(counts(&data), [2, 0, 0], "optional fields may be null");
    let hits = store.recall(["glider"]);
    for field in ["user_id", "session_id", "turn_id", "layer", "content", "created_ms"] {
        assert_eq!(hits[0][field], full[field], "{field} is as it was given");
    }
    let row = "SELECT speaker, metadata FROM memory_nodes WHERE turn_id = 't1'";
    let kept: (String, String) =
        store.database().query_row(row, [], |row| Ok((row.get(0)?, row.get(1)?))).expect("the turn");
    assert_eq!(kept.0, "Ada");
    let metadata: Value = serde_json::from_str(&kept.1).expect("JSON");
    assert_eq!(metadata, json!({"mood": "good", "weather": ["rain"]}), "an unknown field is kept too");
    assert_eq!(store.recall(["boat"])[0]["layer"], json!("message"), "a null layer is the default");
}

#[test]
fn the_same_id_of_the_same_user_is_a_duplicate_and_the_first_stays() {
    let store = Store::new();
    store.run(["remember", "--user", "ada", "--turn-id", "t1", "The glider is here."]).data();
    let again = json!({"user_id": "ada", "session_id": "s", "turn_id": "t1", "content": "It is gone."});
    let note =
        json!({"user_id": "bob", "session_id": "s", "turn_id": "t1", "layer": "note", "content": "Noted."});
    let file = format!("{again}\n{}\n{}\n{note}\n", line(7), line(7));
    let data = store.feed(["import", "-"], file.as_bytes()).data();
    assert_eq!(counts(&data), [2, 2, 0], "twice in one file or before it; another layer is another turn");
    assert_eq!(store.recall(["gone"]), [""; 0], "the turn that was there is as it was");
}

#[test]
fn lines_may_end_as_they_do_on_any_system() {
    let store = Store::new();
    let file = format!("\u{feff}{}\r\n\r\n   \n\t\n{}\n{}", line(1), line(2), line(3));
    let data = store.feed(["import", "-"], file.as_bytes()).data();
    assert_eq!(counts(&data), [3, 0, 0], "a byte-order mark, CRLF and blank lines are no turns");
    let again = store.feed(["import", "-"], (line(1) + "\n").as_bytes()).data();
    assert_eq!(counts(&again), [0, 1, 0], "the end of a line is no part of the turn");
}

#[test]
fn a_file_without_turns_is_imported() {
    for content in ["", "\n", "\u{feff}", "\r\n\r\n"] {
        let store = Store::new();
        let file = store.file("turns.jsonl", content);
        let data = store.run(["import".as_ref(), file.as_os_str()]).data();
        assert_eq!(counts(&data), [0, 0, 0], "{content:?} is good and empty");
    }
}

#[test]
fn the_largest_content_is_imported_however_it_is_written() {
    let store = Store::new();
    let escaped = r"\u0041".repeat(1 << 20);
    let line = |id: &str, content: &str| {
        format!(r#"{{"user_id":"ada","session_id":"s","turn_id":"{id}","content":"{content}"}}"#)
    };
    let file = format!("{}\n{}\n", line("plain", &"A".repeat(1 << 20)), line("escaped", &escaped));
    assert_eq!(counts(&store.feed(["import", "-"], file.as_bytes()).data()), [2, 0, 0]);
    let sizes = "SELECT length(content) FROM memory_nodes";
    let database = store.database();
    let mut statement = database.prepare(sizes).expect("our table");
    let sizes: Vec<i64> =
        statement.query_map([], |row| row.get(0)).expect("rows").map(Result::unwrap).collect();
    assert_eq!(sizes, [1 << 20; 2], "the limit is on the content, not on the line");
}
