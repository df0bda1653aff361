//! Storing one turn: what is taken, and what is refused with its reason.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use serde_json::{Value, json};

use crate::command::Store;

const LIMIT: usize = 1 << 20;

#[test]
fn a_turn_is_stored_with_everything_that_was_said_about_it() {
    let store = Store::new();
    let data = store
        .run([
            "remember",
            "--user",
            "ada",
            "--session",
            "monday",
            "--turn-id",
            "t1",
            "--layer",
            "note",
            "--speaker",
            "Ada",
            "--created-ms",
            "1790000000000",
            "--metadata",
            r#"{"mood":"good"}"#,
            "The glider",
            "is",
            "here.",
        ])
        .data();
    assert_eq!(data, json!({"turn_id": "t1"}), "a given id is kept");
    let hits = store.recall(["glider"]);
    let expected = json!({
        "turn_id": "t1", "layer": "note", "user_id": "ada", "session_id": "monday",
        "content": "The glider is here.", "created_ms": 1_790_000_000_000_u64, "score": hits[0]["score"],
    });
    assert_eq!(hits, [expected], "words are joined by spaces, fields are as given");
    let row = "SELECT speaker, metadata FROM memory_nodes";
    let kept: (String, String) =
        store.database().query_row(row, [], |row| Ok((row.get(0)?, row.get(1)?))).expect("the turn");
    assert_eq!(kept, ("Ada".to_owned(), r#"{"mood":"good"}"#.to_owned()), "what is not shown is kept too");
}

#[test]
fn a_turn_without_options_gets_a_new_id_and_the_present_time() {
    let store = Store::new();
    let ids: Vec<_> = (0..3).map(|_| store.remember("the same words")).collect();
    assert!(ids.is_sorted() && ids[0] != ids[1] && ids[1] != ids[2], "ids differ and sort by time: {ids:?}");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    for hit in store.recall(["words"]) {
        assert_eq!([&hit["user_id"], &hit["session_id"], &hit["layer"]], ["default", "default", "message"]);
        let age = now.as_millis().abs_diff(hit["created_ms"].as_u64().expect("a time").into());
        assert!(age < 600_000, "the time is now, give or take: {hit}");
    }
}

#[test]
fn content_comes_from_standard_input_as_it_is() {
    let store = Store::new();
    let content = "first line\n\ttabbed “quoted” \u{1f642}\r\nlast line without an end";
    store.feed(["remember", "-"], content.as_bytes()).data();
    assert_eq!(store.recall(["tabbed"])[0]["content"], json!(content), "not a byte is trimmed");
}

#[test]
fn numbers_below_zero_are_content() {
    let store = Store::new();
    store.run(["remember", "-12", "degrees"]).data();
    assert_eq!(store.recall(["-12"])[0]["content"], json!("-12 degrees"), "a minus sign is no flag");
}

#[test]
fn exactly_one_mebibyte_is_kept_whole() {
    let store = Store::new();
    let content = format!("needle {}", "é".repeat((LIMIT - 7) / 2)) + "x";
    assert_eq!(content.len(), LIMIT, "as large as allowed");
    store.feed(["remember", "-"], content.as_bytes()).data();
    let found = store.recall(["needle"]);
    assert!(found[0]["content"] == json!(content), "a content of the limit's size is kept to the last byte");
}

#[test]
fn more_than_one_mebibyte_is_too_large_whatever_it_is_made_of() {
    let store = Store::new();
    let ascii = "x".repeat(LIMIT + 1);
    // The byte after the limit is in the middle of a character of each of these.
    let umlauts = "ä".repeat(LIMIT);
    let euros = "€".repeat(LIMIT);
    assert!([&umlauts, &euros].iter().all(|text| !text.is_char_boundary(LIMIT + 1)), "in the middle");
    for content in [ascii, umlauts, euros] {
        let message = store.feed(["remember", "-"], content.as_bytes()).refusal(6, "too_large");
        assert!(message.contains("`content`") && message.contains("1048576"), "field and limit: {message}");
        assert!(message.contains("split it"), "the hint says what to do: {message}");
    }
    assert_eq!(store.turns(), 0, "nothing is stored");
}

#[test]
fn content_that_is_empty_is_refused() {
    let store = Store::new();
    for answer in [store.run(["remember", ""]), store.feed(["remember", "-"], b"")] {
        let message = answer.refusal(2, "invalid");
        assert!(message.contains("`content` is empty"), "{message}");
    }
    assert_eq!(store.turns(), 0, "nothing is stored");
}

#[test]
fn bytes_that_are_no_text_are_refused_with_their_place() {
    let store = Store::new();
    let message = store.feed(["remember", "-"], b"caf\xe9 au lait").refusal(2, "invalid");
    assert!(message.contains("`content` is not UTF-8: byte 3"), "{message}");
    assert!(message.contains("convert it"), "the hint says what to do: {message}");
    let argument = OsStr::from_bytes(b"caf\xe9");
    let message = store.run([OsStr::new("remember"), argument]).refusal(2, "usage");
    assert!(message.contains("UTF-8"), "{message}");
    assert_eq!(store.turns(), 0, "nothing is stored");
}

#[test]
fn every_bad_field_is_named_and_nothing_is_stored() {
    let store = Store::new();
    let long = "n".repeat(257);
    let large = json!({"k": "v".repeat(65 << 10)}).to_string();
    let cases: [(&[&str], i32, &str); 12] = [
        (&["--user", ""], 2, "`user_id` is empty"),
        (&["--session", ""], 2, "`session_id` is empty"),
        (&["--layer", ""], 2, "`layer` is empty"),
        (&["--turn-id", ""], 2, "`turn_id` is empty"),
        (&["--turn-id", "a\nb"], 2, "`turn_id` holds control characters"),
        (&["--speaker", "\x1b[1m"], 2, "`speaker` holds control characters"),
        (&["--user", &long], 6, "`user_id` has 257 bytes; at most 256"),
        (&["--created-ms", "253402300800000"], 2, "`created_ms` is after the year 9999"),
        (&["--metadata", "[1]"], 2, "`metadata` is not a JSON object"),
        (&["--metadata", "{"], 2, "`metadata` is not JSON"),
        (&["--metadata", &large], 6, "`metadata` has"),
        (&["--metadata", ""], 2, "`metadata` is not JSON"),
    ];
    for (args, exit, told) in cases {
        let answer = store.run(["remember"].iter().chain(args).chain(&["x"]));
        let message = answer.refusal(exit, if exit == 2 { "invalid" } else { "too_large" });
        assert!(message.contains(told), "{args:?} is answered by {told:?}: {message}");
    }
    assert_eq!(store.turns(), 0, "nothing is stored");
}

#[test]
fn an_id_that_is_taken_is_refused_and_the_first_turn_stays() {
    let store = Store::new();
    let remember = |user: &str, layer: &str, content: &str| {
        store.run(["remember", "--turn-id", "t1", "--user", user, "--layer", layer, content])
    };
    remember("ada", "message", "the first words").data();
    let message = remember("ada", "message", "other words").refusal(9, "duplicate");
    assert!(message.contains("`t1`") && message.contains("leave out the id"), "{message}");
    let message = remember("bob", "message", "my words").refusal(3, "conflict");
    assert!(message.contains("`t1` belongs to another user"), "{message}");
    assert!(!message.contains("ada"), "whose it is, is not told: {message}");
    let found: Vec<Value> = store.recall(["words"]).into_iter().map(|hit| hit["content"].clone()).collect();
    assert_eq!(found, ["the first words"], "the turn that was there is as it was");
    remember("bob", "note", "in a layer of its own").data();
    assert_eq!(store.turns(), 2, "an id is unique in its layer only");
}

#[test]
fn text_that_looks_like_sql_is_text() {
    let store = Store::new();
    let attacks =
        ["'); DROP TABLE memory_nodes; --", "x' OR '1'='1", "\"; DELETE FROM memory_fts; --", "%_?1:a@b$c"];
    for attack in attacks {
        store
            .run([
                "remember",
                "--user",
                attack,
                "--session",
                attack,
                "--turn-id",
                attack,
                "--speaker",
                attack,
                attack,
            ])
            .data();
        let hits = store.recall(["--user", attack, "--session", attack, "--", attack]);
        assert_eq!(hits.len(), 1, "found among its user's turns: {attack}");
        for field in ["user_id", "session_id", "turn_id", "content"] {
            assert_eq!(hits[0][field], json!(attack), "{field} is as it was given");
        }
    }
    assert_eq!(store.turns(), 4, "every turn is there");
}
