//! Each of the six changes, with what the official server does in every corner.

use unforget_memory::{Entity, Error};

use super::{entity, fill, less, more, names, relation, texts};
use crate::store::Store;

#[test]
fn a_name_that_is_taken_is_left_out_of_the_answer_and_left_as_it_is() {
    let store = Store::new();
    let graph = store.graph();
    graph.create_entities(vec![entity("Ada", &["flies"])]).unwrap();
    let new = graph.create_entities(vec![entity("Ada", &["sails"]), entity("Bea", &[])]).unwrap();
    assert_eq!(new, [entity("Bea", &[])], "only what is new is answered");
    let ada = graph.open(&texts(&["Ada"])).unwrap();
    assert_eq!(ada.entities, [entity("Ada", &["flies"])], "who is there already does not change");
}

#[test]
fn a_name_twice_in_one_call_counts_once_and_the_first_stands() {
    let store = Store::new();
    let graph = store.graph();
    let new = graph.create_entities(vec![entity("Ada", &["flies"]), entity("Ada", &["sails"])]).unwrap();
    assert_eq!(new, [entity("Ada", &["flies"])], "the second of a name is a duplicate");
    assert_eq!(graph.read().unwrap().entities, new, "there is one entity of a name");
}

#[test]
fn an_entity_may_be_created_with_the_same_observation_twice() {
    let store = Store::new();
    let graph = store.graph();
    let new = graph.create_entities(vec![entity("Ada", &["flies", "flies"])]).unwrap();
    assert_eq!(new[0].observations, ["flies", "flies"], "as the official server does");
    assert_eq!(graph.read().unwrap().entities, new, "what was answered is what stands");
    let gone = graph.delete_observations(vec![less("Ada", &["flies"])]).unwrap();
    assert_eq!((gone.asked, gone.deleted), (1, 2), "all that are the same go together");
}

#[test]
fn names_are_compared_letter_by_letter_and_may_be_empty() {
    let store = Store::new();
    let graph = store.graph();
    let all = vec![entity("ada", &[]), entity("Ada", &[]), entity(" ada", &[]), entity("", &[""])];
    assert_eq!(graph.create_entities(all.clone()).unwrap(), all, "four names that differ are four entities");
    graph.create_relations(vec![relation("", "Ada")]).unwrap();
    assert_eq!(graph.open(&texts(&[""])).unwrap().relations, [relation("", "Ada")]);
}

#[test]
fn nothing_at_all_is_no_error_and_no_change() {
    let store = Store::new();
    let graph = store.graph();
    assert!(graph.create_entities(Vec::new()).unwrap().is_empty());
    assert!(graph.create_relations(Vec::new()).unwrap().is_empty());
    assert!(graph.add_observations(Vec::new()).unwrap().is_empty());
    assert_eq!(graph.delete_entities(Vec::new()).unwrap().asked, 0);
    assert!(graph.open(&[]).unwrap().entities.is_empty(), "no name opens nothing");
    assert_eq!(graph.revision().unwrap(), 0, "who asks for nothing changes nothing");
}

#[test]
fn a_relation_to_an_unknown_entity_refuses_the_whole_call() {
    let store = Store::new();
    let graph = store.graph();
    fill(&graph);
    let before = graph.read().unwrap();
    for wrong in [relation("Ada", "Zoe"), relation("Zoe", "Ada")] {
        let error = graph.create_relations(vec![relation("Ada", "Cleo"), wrong]).unwrap_err();
        assert!(matches!(&error, Error::EntityNotFound { name } if name == "Zoe"), "{error:?}");
        assert_eq!(error.to_string(), "Entity with name Zoe not found", "the official server's words");
        assert_eq!(graph.read().unwrap(), before, "a refused call leaves nothing of itself");
    }
}

#[test]
fn a_relation_is_new_once_within_a_call_and_across_calls() {
    let store = Store::new();
    let graph = store.graph();
    fill(&graph);
    let new = graph.create_relations(vec![
        relation("Ada", "Bea"),
        relation("Bea", "Ada"),
        relation("Bea", "Ada"),
        relation("Ada", "Ada"),
    ]);
    assert_eq!(
        new.unwrap(),
        [relation("Bea", "Ada"), relation("Ada", "Ada")],
        "direction counts, repetition does not"
    );
}

#[test]
fn an_observation_is_added_once_and_each_item_is_answered() {
    let store = Store::new();
    let graph = store.graph();
    fill(&graph);
    let added = graph
        .add_observations(vec![
            more("Ada", &["flies", "swims", "swims"]),
            more("Ada", &["swims", "runs"]),
            more("Bea", &["sings"]),
        ])
        .unwrap();
    let added: Vec<_> = added.into_iter().map(|item| (item.entity_name, item.added_observations)).collect();
    let expected = [
        ("Ada".to_owned(), texts(&["swims"])),
        ("Ada".to_owned(), texts(&["runs"])),
        ("Bea".to_owned(), Vec::new()),
    ];
    assert_eq!(added, expected, "an item is answered also if nothing of it was new");
    assert_eq!(graph.open(&texts(&["Ada"])).unwrap().entities[0].observations, ["flies", "swims", "runs"]);
}

#[test]
fn an_observation_of_an_unknown_entity_refuses_the_whole_call() {
    let store = Store::new();
    let graph = store.graph();
    fill(&graph);
    let before = (graph.read().unwrap(), graph.revision().unwrap());
    let error = graph.add_observations(vec![more("Ada", &["swims"]), more("Zoe", &["swims"])]).unwrap_err();
    assert_eq!(error.to_string(), "Entity with name Zoe not found");
    assert_eq!(
        (graph.read().unwrap(), graph.revision().unwrap()),
        before,
        "a refused call leaves nothing of itself"
    );
}

#[test]
fn deleting_an_entity_takes_its_relations_at_both_ends() {
    let store = Store::new();
    let graph = store.graph();
    fill(&graph);
    let gone = graph.delete_entities(texts(&["Bea"])).unwrap();
    assert_eq!((gone.asked, gone.deleted, gone.missing.len()), (1, 1, 0));
    let left = graph.read().unwrap();
    assert_eq!(names(&left), ["Ada", "Cleo"]);
    assert_eq!(left.relations, [], "no relation names an entity that was deleted");
}

#[test]
fn deleting_what_is_not_there_succeeds_and_says_how_much_was() {
    let store = Store::new();
    let graph = store.graph();
    fill(&graph);
    let entities = graph.delete_entities(texts(&["Zoe", "Ada", "Ada"])).unwrap();
    assert_eq!((entities.asked, entities.deleted), (3, 2), "a name that is given twice is counted twice");
    assert_eq!(entities.missing, ["Zoe"]);
    let observations =
        graph.delete_observations(vec![less("Bea", &["sings", "hums"]), less("Zoe", &["a", "b"])]).unwrap();
    assert_eq!((observations.asked, observations.deleted), (4, 1));
    assert_eq!(observations.missing, ["Zoe"]);
    let wanted = vec![relation("Bea", "Cleo"), relation("Bea", "Cleo"), relation("Cleo", "Bea")];
    let relations = graph.delete_relations(wanted).unwrap();
    assert_eq!(
        (relations.asked, relations.deleted),
        (3, 1),
        "a relation that is given twice is deleted once"
    );
    let revision = graph.revision().unwrap();
    graph.delete_entities(texts(&["Zoe"])).unwrap();
    assert_eq!(graph.revision().unwrap(), revision, "what deleted nothing is no change");
}

#[test]
fn an_entity_that_is_created_again_comes_last_and_has_nothing_of_the_old_one() {
    let store = Store::new();
    let graph = store.graph();
    fill(&graph);
    graph.delete_entities(texts(&["Ada"])).unwrap();
    graph.create_entities(vec![Entity::new("Ada", "ship")]).unwrap();
    let all = graph.read().unwrap();
    assert_eq!(names(&all), ["Bea", "Cleo", "Ada"], "entities stand in the order of their creation");
    assert_eq!(all.entities[2], Entity::new("Ada", "ship"), "observations went with the entity they were of");
    assert_eq!(all.relations, [relation("Bea", "Cleo")], "relations went with it too");
}

#[test]
fn opening_answers_in_the_order_of_creation_with_relations_of_either_end() {
    let store = Store::new();
    let graph = store.graph();
    fill(&graph);
    let opened = graph.open(&texts(&["Zoe", "Bea", "Ada", "Bea"])).unwrap();
    assert_eq!(names(&opened), ["Ada", "Bea"], "not in the order of the question, and each once");
    assert_eq!(opened.relations, [relation("Ada", "Bea"), relation("Bea", "Cleo")], "one end is enough");
    assert_eq!(graph.open(&texts(&["ada"])).unwrap().entities, [], "opening knows no other case");
}

#[test]
fn every_call_that_changes_something_is_counted_once() {
    let store = Store::new();
    let graph = store.graph();
    fill(&graph);
    assert_eq!(graph.revision().unwrap(), 2, "two calls with several items each");
    graph.create_entities(vec![entity("Ada", &["swims"])]).unwrap();
    graph.add_observations(vec![more("Ada", &["flies"])]).unwrap();
    assert_eq!(graph.revision().unwrap(), 2, "calls that found everything there");
    graph.delete_observations(vec![less("Ada", &["flies"])]).unwrap();
    assert_eq!(graph.revision().unwrap(), 3);
}
