//! Searching: as a substring, in any case, and by words where that finds nothing.

use unforget_memory::{Entity, Graph, RANKED_LIMIT};

use super::{entity, fill, less, names, relation, texts};
use crate::store::Store;

#[track_caller]
fn assert_finds(graph: &Graph, query: &str, expected: &[&str]) {
    assert_eq!(names(&graph.search(query).unwrap()), expected, "search for {query:?}");
}

#[test]
fn a_query_is_found_in_names_types_and_observations_in_any_case() {
    let store = Store::new();
    let graph = store.graph();
    graph
        .create_entities(vec![
            Entity::new("ÜNAL", "Person").observed("Sails to İzmir"),
            Entity::new("Glider", "Aircraft").observed("is ÜNAL's"),
            Entity::new("ΟΔΟΣ", "Street"),
        ])
        .unwrap();
    assert_finds(&graph, "ünal", &["ÜNAL", "Glider"]);
    assert_finds(&graph, "AIRC", &["Glider"]);
    assert_finds(&graph, "TO i\u{307}Z", &["ÜNAL"]);
    assert_finds(&graph, "οδος", &["ΟΔΟΣ"]);
    assert_finds(&graph, "ü", &["ÜNAL", "Glider"]);
    assert_finds(&graph, "Er", &["ÜNAL", "Glider"]);
}

#[test]
fn relations_of_either_end_come_with_what_was_found() {
    let store = Store::new();
    let graph = store.graph();
    fill(&graph);
    let found = graph.search("ada").unwrap();
    assert_eq!(names(&found), ["Ada"]);
    assert_eq!(found.relations, [relation("Ada", "Bea")], "also where the other end was not found");
    let all = graph.search("").unwrap();
    assert_eq!(names(&all), ["Ada", "Bea", "Cleo"], "an empty query finds all");
    assert_eq!(all.relations.len(), 2);
}

#[test]
fn nothing_is_found_across_the_ends_of_pieces() {
    let store = Store::new();
    let graph = store.graph();
    graph.create_entities(vec![Entity::new("north", "hangar").observed("glider").observed("kite")]).unwrap();
    for across in ["northhangar", "hhan", "rthha", "gliderkite", "rki", "rglider", "thh", "rkit"] {
        assert_finds(&graph, across, &[]);
    }
    for within in ["north", "hangar", "glider", "kit", "ite"] {
        assert_finds(&graph, within, &["north"]);
    }
}

#[test]
fn signs_of_the_query_language_are_signs() {
    let store = Store::new();
    let graph = store.graph();
    let odd = r#"a "quoted" OR (b* NEAR c) ^name:x - 'q' \ % _"#;
    graph.create_entities(vec![entity("odd", &[odd]), entity("plain", &["quoted or b"])]).unwrap();
    for query in [r#""quoted""#, "OR (b*", "near c)", "^name:x", "- 'q'", r"\ %", "% _", odd] {
        assert_finds(&graph, query, &["odd"]);
    }
}

#[test]
fn zeros_and_signs_that_the_index_takes_for_each_other_are_kept_apart() {
    let store = Store::new();
    let graph = store.graph();
    let texts = ["one\0two", "one\u{fffd}two", "one\u{fffe}two", "one\u{ffff}two"];
    let all = texts.iter().map(|text| entity(&format!("{text:?}"), &[text])).collect();
    graph.create_entities(all).unwrap();
    for text in texts {
        assert_finds(&graph, text, &[&format!("{text:?}")]);
        assert_finds(&graph, &text.to_uppercase()[2..], &[&format!("{text:?}")]);
    }
}

#[test]
fn a_long_query_is_compared_to_its_end() {
    let store = Store::new();
    let graph = store.graph();
    let long = "glider ".repeat(100);
    let all = vec![entity("a", &[&format!("{long}north")]), entity("b", &[&format!("{long}south")])];
    graph.create_entities(all).unwrap();
    assert_finds(&graph, &format!("{long}SOUTH"), &["b"]);
    assert_finds(&graph, &long, &["a", "b"]);
}

#[test]
fn what_is_gone_is_not_found() {
    let store = Store::new();
    let graph = store.graph();
    fill(&graph);
    graph.delete_observations(vec![less("Bea", &["flies"])]).unwrap();
    assert_finds(&graph, "flies", &["Ada"]);
    graph.delete_entities(texts(&["Ada"])).unwrap();
    assert_finds(&graph, "flies", &[]);
    assert_finds(&graph, "ada", &[]);
    graph.create_entities(vec![entity("Ada", &["sails"])]).unwrap();
    assert_finds(&graph, "ada", &["Ada"]);
}

#[test]
fn words_find_where_the_text_as_it_stands_does_not() {
    let store = Store::new();
    let graph = store.graph();
    graph
        .create_entities(vec![
            entity("Ada", &["repaired the glider"]),
            entity("hangar", &["stands in the north"]),
            entity("glider", &["is in the hangar"]),
        ])
        .unwrap();
    assert_finds(&graph, "hangar glider", &["glider"]);
    assert_finds(&graph, "who repairs gliders?", &["Ada"]);
    let any = graph.search("north repairs").unwrap();
    assert_eq!(any.entities.len(), 2, "where no entity has all words, any will do");
    assert_finds(&graph, "zeppelin airship", &[]);
    assert_finds(&graph, "?!?", &[]);
}

#[test]
fn words_answer_a_bounded_number() {
    let store = Store::new();
    let graph = store.graph();
    let many = (0..=RANKED_LIMIT).map(|n| entity(&format!("e{n}"), &["a kite, red"])).collect();
    graph.create_entities(many).unwrap();
    assert_eq!(graph.search("red kite").unwrap().entities.len(), RANKED_LIMIT);
}

#[test]
fn few_and_many_hits_are_answered_alike() {
    let store = Store::new();
    let graph = store.graph();
    let all: Vec<_> = (0..100).map(|n| entity(&format!("e{n:03}"), &["common", "words"])).collect();
    graph.create_entities(all.clone()).unwrap();
    graph.create_relations((1..100).map(|n| relation(&format!("e{n:03}"), "e000")).collect()).unwrap();
    let one = graph.search("e042").unwrap();
    assert_eq!((&one.entities[..], &one.relations[..]), (&all[42..43], &[relation("e042", "e000")][..]));
    let most = graph.search("e0").unwrap();
    assert_eq!(most.entities, all, "one lookup each or all at once, the answer is the same");
    assert_eq!(most.relations.len(), 99);
}
