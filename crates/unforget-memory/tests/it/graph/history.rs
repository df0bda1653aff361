//! What was deleted is kept as history.

use super::{entity, fill, less, relation, texts};
use crate::store::Store;

#[test]
fn what_was_deleted_is_kept_with_its_time() {
    let store = Store::new();
    let graph = store.graph();
    fill(&graph);
    graph.delete_observations(vec![less("Bea", &["sings"])]).unwrap();
    graph.delete_entities(texts(&["Bea"])).unwrap();
    graph.create_entities(vec![entity("Bea", &["sails"])]).unwrap();

    let history = graph.history("Bea").unwrap();
    assert_eq!(history.len(), 2, "an entity that is created again is another one");
    let (old, new) = (&history[0], &history[1]);
    let contents: Vec<_> = old.observations.iter().map(|past| past.content.as_str()).collect();
    assert_eq!(contents, ["sings", "flies"], "observations are kept, those that went before the entity too");
    for past in &old.observations {
        assert!(past.valid_to_ms.is_some_and(|end| end >= past.valid_from_ms), "{past:?} has ended");
        assert!(past.valid_to_ms <= old.valid_to_ms, "no observation outlives its entity");
    }
    assert!(old.valid_to_ms.is_some_and(|end| end >= old.valid_from_ms), "the old one has ended");
    assert_eq!(new.valid_to_ms, None, "the new one stands");
    assert_eq!(new.observations.len(), 1, "and has nothing of the old one");
}

#[test]
fn relations_are_kept_in_the_history_of_both_ends() {
    let store = Store::new();
    let graph = store.graph();
    fill(&graph);
    graph.create_relations(vec![relation("Bea", "Bea")]).unwrap();
    graph.delete_relations(vec![relation("Ada", "Bea")]).unwrap();
    for (name, expected) in [("Ada", 1), ("Bea", 3), ("Cleo", 1)] {
        assert_eq!(
            graph.relation_history(name).unwrap().len(),
            expected,
            "{name}: one that has both ends is one"
        );
    }
    let ada = graph.relation_history("Ada").unwrap();
    assert_eq!(ada[0].relation, relation("Ada", "Bea"));
    assert!(ada[0].valid_to_ms.is_some(), "a deleted relation has ended");
    assert_eq!(graph.relation_history("Cleo").unwrap()[0].valid_to_ms, None, "the other one stands");
}

#[test]
fn a_name_that_never_was_has_no_history() {
    let store = Store::new();
    let graph = store.graph();
    fill(&graph);
    assert_eq!(graph.history("Zoe").unwrap(), []);
    assert_eq!(graph.relation_history("Zoe").unwrap(), []);
}
