//! Finding turns: order, filters, limits, and queries that are no words.

use serde_json::{Value, json};

use crate::command::{Store, feed, keys, lines};

fn contents(hits: &[Value]) -> Vec<&str> {
    hits.iter().map(|hit| hit["content"].as_str().expect("a text")).collect()
}

#[test]
fn hits_come_best_first_with_all_their_fields() {
    let store = Store::new();
    for (session, content) in [
        ("a", "We had lunch."),
        ("b", "The harbour was full of boats and we had to wait for the glider to be towed."),
        ("c", "The glider is in the harbour."),
        ("d", "Rain again."),
    ] {
        store.run(["remember", "--session", session, content]).data();
    }
    let hits = store.recall(["glider in the harbour"]);
    assert_eq!(hits.len(), 2, "turns with none of the words are no hits: {hits:?}");
    assert_eq!(hits[0]["content"], json!("The glider is in the harbour."), "the closest turn is first");
    let scores: Vec<f64> = hits.iter().map(|hit| hit["score"].as_f64().expect("a number")).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b) && scores[1] > 0.0, "scores fall: {scores:?}");
    let fields = ["content", "created_ms", "layer", "score", "session_id", "turn_id", "user_id"];
    assert_eq!(keys(&hits[0]), fields, "the fields of a hit are documented and stay");
}

#[test]
fn a_user_and_a_session_narrow_the_search() {
    let store = Store::new();
    for (user, session, content) in
        [("ada", "s", "glider one"), ("ada", "t", "glider two"), ("bob", "s", "glider three")]
    {
        store.run(["remember", "--user", user, "--session", session, content]).data();
    }
    let found = |args: &[&str]| {
        let hits = store.recall(args.iter().chain(&["glider"]));
        let mut contents: Vec<_> = contents(&hits).into_iter().map(str::to_owned).collect();
        contents.sort_unstable();
        contents
    };
    assert_eq!(found(&[]), ["glider one", "glider three", "glider two"]);
    assert_eq!(found(&["--user", "ada"]), ["glider one", "glider two"]);
    assert_eq!(found(&["--session", "s"]), ["glider one", "glider three"]);
    assert_eq!(found(&["--user", "ada", "--session", "s"]), ["glider one"]);
    assert_eq!(found(&["--user", "nobody"]), [""; 0], "another user's turns are never shown");
}

#[test]
fn the_limit_bounds_the_hits_and_has_bounds_itself() {
    let store = Store::new();
    store.feed(["import", "-"], lines(1_100).as_bytes()).data();
    for (args, expected) in
        [(&[] as &[_], 10), (&["--limit", "1"], 1), (&["--limit", "25"], 25), (&["--limit", "1000"], 1_000)]
    {
        let hits = store.recall(args.iter().chain(&["glider"]));
        assert_eq!(hits.len(), expected, "{args:?}: as many hits as asked for");
    }
    for limit in ["0", "1001", "99999999999999999999", "1.5", "ten", ""] {
        let message = store.run(["recall", "--limit", limit, "glider"]).refusal(2, "usage");
        assert!(message.contains("--limit"), "the message names the option: {message}");
    }
}

#[test]
fn nothing_in_a_query_is_search_syntax() {
    let store = Store::new();
    store.remember("The glider stands near the north hangar.");
    let queries = [
        r#"glider" OR "x"#,
        "\"glider",
        "glider*",
        "gli*der glider",
        "content:glider",
        "body : glider",
        "NEAR(glider hangar, 2)",
        "glider AND NOT hangar",
        "^glider + hangar",
        "{body near}: glider",
        "(((glider",
        "-glider",
        "glider -- '; DROP TABLE memory_fts; --",
        "' \" glider \\ %",
    ];
    for query in queries {
        let hits = store.recall(["--", query]);
        assert_eq!(hits.len(), 1, "{query:?} is looked for as words");
    }
    assert_eq!(store.recall(["gli*"]), [""; 0], "a star is no wildcard");
}

#[test]
fn a_query_without_words_is_refused() {
    let store = Store::new();
    store.remember("x");
    for query in ["", "   ", "\"\"", "***", "()", "—", "🙂"] {
        let message = store.run(["recall", query]).refusal(2, "invalid");
        assert!(message.contains("at least one letter or digit"), "{query:?}: {message}");
    }
}

#[test]
fn finding_nothing_is_no_failure() {
    let store = Store::new();
    assert_eq!(store.run(["recall", "glider"]).data(), json!({"hits": []}), "an empty store has no hits");
    assert_eq!(store.say(["recall", "glider"]), "nothing found\n");
}

#[test]
fn a_long_query_is_answered() {
    let store = Store::new();
    store.remember("The glider is here.");
    let query = format!("glider {}", "words that are not there ".repeat(4_000));
    assert_eq!(store.recall([query.as_str()]).len(), 1, "a page of text is a query too");
}

#[test]
fn a_stored_escape_is_exact_for_scripts_and_harmless_on_a_terminal() {
    let store = Store::new();
    let content =
        "red \x1b[31malert\x1b[0m \x07 \u{9b}2J \u{202e}reversed\u{2066} \u{200f}mark\nsecond \u{7f}line";
    store.feed(["remember", "--user", "a\u{202e}b", "-"], content.as_bytes()).data();
    assert_eq!(contents(&store.recall(["mark"])), [content], "JSON has every character as it was");

    let text = store.say(["recall", "mark"]);
    let raw: Vec<char> = text.chars().filter(|c| c.is_control() && *c != '\n').collect();
    assert_eq!(raw, [], "no control character reaches the terminal: {text:?}");
    assert!(
        !text.contains(['\u{202e}', '\u{2066}', '\u{200f}']),
        "nor one that turns the text around: {text:?}"
    );
    assert_eq!(text.lines().count(), 2, "a hit is two lines, whatever is in it: {text:?}");
    assert!(text.contains(r"\u{1b}[31malert"), "what was there is shown: {text:?}");
}

#[test]
fn a_null_character_is_content() {
    let store = Store::new();
    let line = r#"{"user_id":"ada","session_id":"s","content":"before\u0000after the glider"}"#;
    let answer = feed(&mut store.json(["import", "-"]), line.as_bytes());
    assert_eq!(answer.data()["imported"], json!(1), "a line with one is good");
    for word in ["before", "after", "glider"] {
        assert_eq!(contents(&store.recall([word])), ["before\0after the glider"], "found by {word}, whole");
    }
    assert!(!store.say(["recall", "glider"]).contains('\0'), "a terminal is not sent one");
}

#[test]
fn words_are_found_in_any_case_and_with_english_endings() {
    let store = Store::new();
    store.remember("The GLIDERS were landing in Zürich.");
    for query in ["glider", "Landed", "zurich", "ZÜRICH"] {
        assert_eq!(store.recall([query]).len(), 1, "{query:?} finds it");
    }
}
