//! What is too large is refused by name, before anything is changed.

use unforget_memory::{
    Entity, Error, GRAPH_NAME_LIMIT, ITEM_LIMIT, OBSERVATION_LIMIT, QUERY_LIMIT, Relation,
};

use super::{entity, less, more, relation};
use crate::store::Store;

#[track_caller]
fn assert_too_large<T: std::fmt::Debug>(outcome: Result<T, Error>, wanted: &str) {
    let error = outcome.unwrap_err();
    assert!(matches!(&error, Error::TooLarge { field, .. } if *field == wanted), "{wanted}: {error:?}");
}

#[track_caller]
fn assert_too_many<T: std::fmt::Debug>(outcome: Result<T, Error>, wanted: &str) {
    let error = outcome.unwrap_err();
    assert!(matches!(&error, Error::TooMany { field, .. } if *field == wanted), "{wanted}: {error:?}");
}

#[test]
fn every_text_has_a_limit() {
    let store = Store::new();
    let graph = store.graph();
    let long = "x".repeat(GRAPH_NAME_LIMIT + 1);
    let huge = "x".repeat(OBSERVATION_LIMIT + 1);
    assert_too_large(graph.create_entities(vec![entity("fine", &[]), entity(&long, &[])]), "name");
    assert_too_large(graph.create_entities(vec![Entity::new("a", &*long)]), "entityType");
    assert_too_large(graph.create_entities(vec![entity("a", &[&huge])]), "observations");
    assert_too_large(graph.create_relations(vec![relation(&long, "a")]), "from");
    assert_too_large(graph.create_relations(vec![relation("a", &long)]), "to");
    assert_too_large(graph.create_relations(vec![Relation::new("a", &*long, "a")]), "relationType");
    assert_too_large(graph.add_observations(vec![more(&long, &[])]), "entityName");
    assert_too_large(graph.add_observations(vec![more("a", &[&huge])]), "contents");
    assert_too_large(graph.delete_entities(vec![long.clone()]), "entityNames");
    assert_too_large(graph.delete_observations(vec![less("a", &[&huge])]), "observations");
    assert_too_large(graph.delete_relations(vec![relation(&long, "a")]), "from");
    assert_too_large(graph.search(&"x".repeat(QUERY_LIMIT + 1)), "query");
    assert_eq!(graph.revision().unwrap(), 0, "what is refused changes nothing");
}

#[test]
fn every_list_has_a_limit() {
    let store = Store::new();
    let graph = store.graph();
    let many = || vec!["x".to_owned(); ITEM_LIMIT + 1];
    assert_too_many(graph.create_entities(vec![Entity::new("a", "b"); ITEM_LIMIT + 1]), "entities");
    assert_too_many(
        graph.create_entities(vec![Entity { observations: many(), ..entity("a", &[]) }]),
        "observations",
    );
    assert_too_many(graph.create_relations(vec![relation("a", "b"); ITEM_LIMIT + 1]), "relations");
    assert_too_many(graph.add_observations(vec![more("a", &[]); ITEM_LIMIT + 1]), "observations");
    assert_too_many(graph.delete_entities(many()), "entityNames");
    assert_too_many(graph.delete_observations(vec![less("a", &[]); ITEM_LIMIT + 1]), "deletions");
    assert_too_many(graph.delete_relations(vec![relation("a", "b"); ITEM_LIMIT + 1]), "relations");
    assert_too_many(graph.open(&many()), "names");
}

#[test]
fn what_is_just_at_a_limit_is_taken() {
    let store = Store::new();
    let graph = store.graph();
    let (name, content) = ("n".repeat(GRAPH_NAME_LIMIT), "é".repeat(OBSERVATION_LIMIT / 2));
    let largest = entity(&name, &[&content]);
    assert_eq!(graph.create_entities(vec![largest.clone()]).unwrap(), std::slice::from_ref(&largest));
    assert_eq!(graph.open(&[name]).unwrap().entities, [largest]);
}
