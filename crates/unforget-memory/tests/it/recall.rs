//! Finding turns again.

use proptest::prelude::*;
use unforget_memory::{Error, HIT_LIMIT, NewTurn, Query};

use crate::store::Store;

fn found(store: &Store, query: &Query) -> Vec<String> {
    store.memories.recall(query).unwrap().into_iter().map(|hit| hit.content).collect()
}

#[test]
fn the_best_comes_first_and_scores_fall() {
    let store = Store::new();
    for text in
        ["The glider is in the hangar.", "Lunch was fine.", "The glider needs a new glider tow rope.", "Bye."]
    {
        store.memories.remember(NewTurn::new("ada", text, text)).unwrap();
    }
    let hits = store.memories.recall(&Query::new("glider tow")).unwrap();
    assert_eq!(hits[0].content, "The glider needs a new glider tow rope.");
    assert_eq!(hits.len(), 2, "turns without any of the words are no hits");
    assert!(hits[0].score > hits[1].score && hits[1].score > 0.0);
    assert_eq!((hits[0].user_id.as_str(), hits[0].layer.as_str()), ("ada", "message"));
}

#[test]
fn endings_do_not_matter() {
    let store = Store::new();
    store.remember("We were repairing the boats.");
    assert_eq!(found(&store, &Query::new("repair boat")), ["We were repairing the boats."]);
}

#[test]
fn a_word_finds_itself_however_its_accents_are_written() {
    let store = Store::new();
    for text in ["re\u{301}sume\u{301}", "İstanbul is big", "Zürich"] {
        store.memories.remember(NewTurn::new("ada", text, text)).unwrap();
        assert_eq!(found(&store, &Query::new(text)), [text], "{text:?}");
    }
    assert_eq!(found(&store, &Query::new("zu\u{308}rich")), ["Zürich"]);
    assert_eq!(found(&store, &Query::new("résumé")), ["re\u{301}sume\u{301}"]);
}

#[test]
fn a_turn_is_found_by_its_neighbour_and_its_day_too() {
    let store = Store::new();
    let at = |ms| 1_683_417_600_000 + ms;
    for (n, text) in ["What did you paint?", "A sunrise over the lake.", "How nice."].into_iter().enumerate()
    {
        store.memories.remember(NewTurn::new("ada", "monday", text).created_ms(at(n as u64))).unwrap();
    }
    let hits = found(&store, &Query::new("paint"));
    assert_eq!(
        hits,
        ["What did you paint?", "A sunrise over the lake."],
        "own words first, then the neighbour's"
    );
    assert_eq!(found(&store, &Query::new("7 May 2023")).len(), 3);
}

#[test]
fn a_turn_that_arrives_between_two_others_becomes_their_neighbour() {
    let store = Store::new();
    let turn = |text, ms| NewTurn::new("ada", "monday", text).created_ms(ms);
    store.memories.remember(turn("before", 1)).unwrap();
    store.memories.remember(turn("after", 3)).unwrap();
    assert_eq!(found(&store, &Query::new("before")), ["before", "after"]);
    store.memories.remember(turn("between", 2)).unwrap();
    assert_eq!(
        found(&store, &Query::new("before")),
        ["before", "between"],
        "`after` has another neighbour now"
    );
    assert_eq!(found(&store, &Query::new("between")).len(), 3);
}

#[test]
fn turns_that_arrive_together_and_out_of_order_are_neighbours_in_the_end() {
    const TURNS: u64 = 40;
    let store = Store::new();
    let arrive = |thread: u64| {
        for n in (0..TURNS).filter(|n| n % 4 == thread).rev() {
            let turn = NewTurn::new("ada", "monday", format!("word{n}x")).created_ms(n);
            store.memories.remember(turn).unwrap();
        }
    };
    std::thread::scope(|threads| {
        for thread in 0..4 {
            threads.spawn(move || arrive(thread));
        }
    });
    for n in 0..TURNS {
        let mut hits = found(&store, &Query::new(format!("word{n}x")));
        let own = hits.remove(0);
        assert_eq!(own, format!("word{n}x"), "its own word counts most");
        let mut beside: Vec<_> = [n.checked_sub(1), Some(n + 1).filter(|n| *n < TURNS)]
            .into_iter()
            .flatten()
            .map(|n| format!("word{n}x"))
            .collect();
        hits.sort();
        beside.sort();
        assert_eq!(hits, beside, "the row of each neighbour has it, and no other row");
    }
}

#[test]
fn one_call_indexes_a_turn_once_that_others_came_to_stand_beside() {
    let store = Store::new();
    let turn = |text, ms| NewTurn::new("ada", "monday", text).created_ms(ms);
    store.memories.remember_all(vec![turn("third", 3), turn("first", 1), turn("second", 2)]).unwrap();
    assert_eq!(found(&store, &Query::new("first")), ["first", "second"], "`third` is not beside it any more");
    assert_eq!(found(&store, &Query::new("second")).len(), 3);
}

#[test]
fn a_turn_that_is_gone_leaves_the_index_when_it_is_marked() {
    let store = Store::new();
    store.remember("the glider");
    store.remember("the ferry");
    let removed = store.db.write(|tx| -> unforget_sqlite::Result<()> {
        let remove = "DELETE FROM memory_nodes WHERE content = 'the glider' RETURNING id";
        let id = tx.query_row(remove, [], |row| row.get(0))?;
        tx.pend(unforget_sqlite::Pending::new("memory_nodes", id))
    });
    removed.unwrap();
    let left = store.db.read(|tx| -> unforget_sqlite::Result<i64> {
        let rows = "SELECT count(*) FROM memory_fts WHERE memory_fts MATCH 'body : glider'";
        Ok(tx.query_row(rows, [], |row| row.get(0))?)
    });
    assert_eq!(left.unwrap(), 0, "its row would be found for whatever turn gets its place in the ranking");
}

#[test]
fn neighbours_are_of_one_user_and_one_session() {
    let store = Store::new();
    store.memories.remember(NewTurn::new("ada", "monday", "secret")).unwrap();
    store.memories.remember(NewTurn::new("bob", "monday", "mine")).unwrap();
    store.memories.remember(NewTurn::new("ada", "tuesday", "other")).unwrap();
    assert_eq!(found(&store, &Query::new("secret")), ["secret"]);
}

#[test]
fn users_and_sessions_are_kept_apart() {
    let store = Store::new();
    for n in 0..60 {
        store.memories.remember(NewTurn::new("bob", "many", format!("glider glider {n}"))).unwrap();
    }
    store.memories.remember(NewTurn::new("ada", "monday", "a word on a glider, among many others")).unwrap();
    let hits = found(&store, &Query::new("glider").user("ada").limit(1));
    assert_eq!(
        hits,
        ["a word on a glider, among many others"],
        "a user with few turns is found beside one with many"
    );
    assert!(found(&store, &Query::new("glider").user("cyd")).is_empty());
    assert!(found(&store, &Query::new("glider").user("ada").session("many")).is_empty());
    assert_eq!(found(&store, &Query::new("glider").session("many").limit(7)).len(), 7);
    assert_eq!(found(&store, &Query::new("glider").limit(HIT_LIMIT + 1)).len(), 61);
}

#[test]
fn a_query_is_never_search_syntax() {
    let store = Store::new();
    store.remember("the glider AND the ferry");
    for text in [
        "glider\" OR \"x",
        "glider*",
        "body:glider",
        "NEAR(glider ferry)",
        "glider AND NOT ferry",
        "-glider",
        "^glider",
    ] {
        assert_eq!(found(&store, &Query::new(text)), ["the glider AND the ferry"], "{text}");
    }
    for text in ["", " ", "\"", "***", "()"] {
        assert!(matches!(store.memories.recall(&Query::new(text)), Err(Error::EmptyQuery)), "{text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_is_a_query_or_an_empty_one(text in any::<String>()) {
        let store = Store::new();
        store.remember("the glider");
        let outcome = store.memories.recall(&Query::new(text));
        prop_assert!(matches!(outcome, Ok(_) | Err(Error::EmptyQuery)), "{:?}", outcome);
    }
}
