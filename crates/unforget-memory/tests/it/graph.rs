//! The entity graph, with the behaviour of the official memory server.

mod changes;
mod history;
mod import;
mod limits;
mod model;
mod outbox;
mod pages;
mod search;
mod together;

use unforget_memory::{Entity, Graph, KnowledgeGraph, NewObservations, ObservationsToDelete, Relation};

pub(crate) fn entity(name: &str, observations: &[&str]) -> Entity {
    observations.iter().fold(Entity::new(name, "thing"), |entity, content| entity.observed(*content))
}

pub(crate) fn relation(from: &str, to: &str) -> Relation {
    Relation::new(from, "knows", to)
}

pub(crate) fn more(name: &str, contents: &[&str]) -> NewObservations {
    NewObservations { entity_name: name.to_owned(), contents: texts(contents) }
}

pub(crate) fn less(name: &str, observations: &[&str]) -> ObservationsToDelete {
    ObservationsToDelete { entity_name: name.to_owned(), observations: texts(observations) }
}

pub(crate) fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

pub(crate) fn names(graph: &KnowledgeGraph) -> Vec<&str> {
    graph.entities.iter().map(|entity| entity.name.as_str()).collect()
}

/// Three entities that know each other in a row.
pub(crate) fn fill(graph: &Graph) {
    graph
        .create_entities(vec![
            entity("Ada", &["flies"]),
            entity("Bea", &["sings", "flies"]),
            entity("Cleo", &[]),
        ])
        .unwrap();
    graph.create_relations(vec![relation("Ada", "Bea"), relation("Bea", "Cleo")]).unwrap();
}
