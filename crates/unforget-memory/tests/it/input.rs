//! What may be remembered, under which id.

use unforget_memory::{CONTENT_LIMIT, Error, NAME_LIMIT, NewTurn, Stored};

use crate::store::Store;

fn turn() -> NewTurn {
    NewTurn::new("ada", "monday", "hello")
}

#[test]
fn a_turn_keeps_its_text_to_the_byte() {
    let store = Store::new();
    for text in ["'); DROP TABLE memory_nodes; --", "a\u{1b}[31mb", "nul\0nul", "Grüße 🙂\r\n\t", " "] {
        let id = store.remember(text);
        assert_eq!(store.memories.content(&id, "message").unwrap().as_deref(), Some(text));
    }
    assert_eq!(store.turns(), 5);
}

#[test]
fn bad_fields_are_named_and_nothing_is_stored() {
    let store = Store::new();
    let long = "n".repeat(NAME_LIMIT + 1);
    let invalid = [
        (NewTurn::new("", "monday", "x"), "user_id"),
        (NewTurn::new("ada", "", "x"), "session_id"),
        (NewTurn::new("ada", "monday", ""), "content"),
        (NewTurn::new("a\u{7}da", "monday", "x"), "user_id"),
        (turn().layer(""), "layer"),
        (turn().turn_id(""), "turn_id"),
        (turn().speaker("\n"), "speaker"),
        (turn().created_ms(u64::MAX), "created_ms"),
    ];
    for (turn, expected) in invalid {
        match store.memories.remember(turn) {
            Err(Error::Invalid { field, .. }) => assert_eq!(field, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
    let large = serde_json::json!({"a": "m".repeat(70_000)}).as_object().unwrap().clone();
    let too_large = [
        (NewTurn::new(&long, "monday", "x"), "user_id"),
        (NewTurn::new("ada", "monday", "c".repeat(CONTENT_LIMIT + 1)), "content"),
        (turn().turn_id(&long), "turn_id"),
        (turn().metadata(large), "metadata"),
    ];
    for (turn, expected) in too_large {
        match store.memories.remember(turn) {
            Err(error @ Error::TooLarge { field, .. }) => {
                assert_eq!(field, expected);
                assert!(error.to_string().contains("at most"), "{error}");
            }
            other => panic!("{expected}: {other:?}"),
        }
    }
    assert_eq!(store.turns(), 0);
}

#[test]
fn the_largest_content_is_stored() {
    let store = Store::new();
    let id = store.remember(&"c".repeat(CONTENT_LIMIT));
    assert_eq!(store.memories.content(&id, "message").unwrap().unwrap().len(), CONTENT_LIMIT);
}

#[test]
fn an_id_is_taken_once_in_each_layer() {
    let store = Store::new();
    assert_eq!(store.memories.remember(turn().turn_id("t1")).unwrap(), "t1");
    assert!(matches!(store.memories.remember(turn().turn_id("t1")), Err(Error::Duplicate { .. })));
    let foreign = NewTurn::new("bob", "monday", "mine").turn_id("t1");
    assert!(matches!(store.memories.remember(foreign), Err(Error::ForeignTurn { .. })));
    store.memories.remember(turn().turn_id("t1").layer("note")).unwrap();
    assert_eq!(store.turns(), 2);
    assert_eq!(store.memories.content("t1", "message").unwrap().as_deref(), Some("hello"));
}

#[test]
fn storing_the_same_turns_again_stores_nothing_new() {
    let store = Store::new();
    let turns = || vec![turn(), turn().turn_id("t1"), NewTurn::new("bob", "monday", "hello")];
    assert_eq!(store.memories.remember_all(turns()).unwrap(), [Stored::New, Stored::New, Stored::New]);
    let again = store.memories.remember_all(turns()).unwrap();
    assert_eq!(again, [Stored::Duplicate, Stored::Duplicate, Stored::Duplicate]);
    let foreign =
        store.memories.remember_all(vec![NewTurn::new("bob", "s", "x").turn_id("t1"), turn().speaker("A")]);
    assert_eq!(
        foreign.unwrap(),
        [Stored::Foreign, Stored::New],
        "one refused turn keeps no other from being stored"
    );
    assert_eq!(store.turns(), 4);
}

#[test]
fn one_invalid_turn_of_several_stores_none() {
    let store = Store::new();
    let outcome = store.memories.remember_all(vec![turn(), NewTurn::new("ada", "monday", "")]);
    assert!(matches!(outcome, Err(Error::Invalid { field: "content", .. })), "{outcome:?}");
    assert_eq!(store.turns(), 0);
}

#[test]
fn ten_threads_remember_fifty_turns_each() {
    let store = Store::new();
    let threads: Vec<_> = (0..10)
        .map(|thread| {
            let memories = store.memories.clone();
            std::thread::spawn(move || {
                let text = |n| format!("thread {thread} turn {n}");
                (0..50)
                    .map(|n| memories.remember(NewTurn::new("ada", "monday", text(n))).unwrap())
                    .collect::<Vec<_>>()
            })
        })
        .collect();
    let ids: std::collections::BTreeSet<String> =
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    assert_eq!(ids.len(), 500, "every id is another");
    assert_eq!(store.turns(), 500, "every acknowledged turn is there");
    assert!(ids.iter().all(|id| store.memories.content(id, "message").unwrap().is_some()));
    assert!(store.db.check().unwrap().is_ok());
}
