//! Importing a file of the official server.

use std::io::{self, BufReader, Read};

use unforget_memory::{Entity, Error, GRAPH_NAME_LIMIT, ITEM_LIMIT, LINE_LIMIT, OBSERVATION_LIMIT};

use super::{entity, fill, less, names, relation, texts};
use crate::store::Store;

const FILE: &str = concat!(
    "{\"type\":\"entity\",\"name\":\"Ada\",\"entityType\":\"person\",\"observations\":[\"sails\",\"flies\"]}\r\n",
    "   \n",
    "{\"type\":\"relation\",\"from\":\"Ada\",\"to\":\"nobody\",\"relationType\":\"awaits\"}\n",
    "\n",
    "{\"name\":\"Dora\",\"observations\":[],\"entityType\":\"person\",\"type\":\"entity\",\"more\":1}",
);

#[test]
fn a_file_is_added_to_what_is_there() {
    let store = Store::new();
    let graph = store.graph();
    fill(&graph);
    let imported = graph.import_lines(FILE.as_bytes()).unwrap();
    assert_eq!(
        (imported.entities, imported.observations, imported.relations),
        (1, 1, 1),
        "only what is new counts"
    );
    assert!(imported.rejected.is_empty(), "{:?}", imported.rejected);
    let all = graph.read().unwrap();
    assert_eq!(names(&all), ["Ada", "Bea", "Cleo", "Dora"]);
    assert_eq!(
        all.entities[0],
        entity("Ada", &["flies", "sails"]),
        "observations are united, the type stays"
    );
    assert_eq!(all.relations.len(), 3, "a relation may lead to nobody");
    assert_eq!(graph.search("sails").unwrap().entities.len(), 1, "what was imported is found");
    let again = graph.import_lines(FILE.as_bytes()).unwrap();
    assert_eq!(
        (again.entities, again.observations, again.relations),
        (0, 0, 0),
        "a second time adds nothing"
    );
}

#[test]
fn a_name_twice_in_a_file_is_one_entity_with_the_observations_of_both() {
    let store = Store::new();
    let graph = store.graph();
    let line = |seen: &str| {
        format!("{{\"type\":\"entity\",\"name\":\"A\",\"entityType\":\"t\",\"observations\":[{seen}]}}\n")
    };
    let file = line("\"x\",\"x\"") + &line("\"x\",\"y\"");
    graph.import_lines(file.as_bytes()).unwrap();
    let expected = Entity::new("A", "t").observed("x").observed("x").observed("y");
    assert_eq!(graph.read().unwrap().entities, [expected]);
}

#[test]
fn relations_of_a_file_that_lead_nowhere_can_be_found_and_deleted() {
    let store = Store::new();
    let graph = store.graph();
    let file = "{\"type\":\"relation\",\"from\":\"x\",\"to\":\"y\",\"relationType\":\"knows\"}";
    graph.import_lines(file.as_bytes()).unwrap();
    assert_eq!(graph.read().unwrap().relations, [relation("x", "y")]);
    assert_eq!(
        graph.search("").unwrap().relations,
        [],
        "a search answers relations of entities that it found"
    );
    let gone = graph.delete_entities(texts(&["y"])).unwrap();
    assert_eq!((gone.deleted, gone.missing), (0, texts(&["y"])), "there was no such entity");
    assert_eq!(graph.read().unwrap().relations, [], "but relations that name it go");
}

#[test]
fn bad_lines_are_given_back_and_the_others_stay() {
    let store = Store::new();
    let graph = store.graph();
    let long = "x".repeat(GRAPH_NAME_LIMIT + 1);
    let bad = [
        "{\"type\":\"entity\",\"name\":\"half".to_owned(),
        "[]".to_owned(),
        "{\"type\":\"note\",\"name\":\"x\"}".to_owned(),
        "{\"type\":\"entity\",\"name\":\"x\",\"observations\":[]}".to_owned(),
        "{\"type\":\"entity\",\"name\":\"x\",\"entityType\":\"t\",\"observations\":[1]}".to_owned(),
        "{\"type\":\"relation\",\"from\":\"x\",\"to\":null,\"relationType\":\"t\"}".to_owned(),
        format!("{{\"type\":\"entity\",\"name\":\"{long}\",\"entityType\":\"t\",\"observations\":[]}}"),
        format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)),
    ];
    let mut file = Vec::new();
    for line in &bad {
        file.extend_from_slice(line.as_bytes());
        file.push(b'\n');
    }
    file.extend_from_slice(b"\xff\xfe\n");
    file.extend_from_slice(FILE.as_bytes());
    let imported = graph.import_lines(&*file).unwrap();
    let lines: Vec<u64> = imported.rejected.iter().map(|rejected| rejected.line).collect();
    assert_eq!(lines, (1..=9).collect::<Vec<u64>>(), "every bad line by its number");
    for (rejected, line) in imported.rejected.iter().zip(&bad) {
        assert_eq!(&rejected.text, line, "as it was");
        assert!(!rejected.reason.is_empty());
    }
    assert_eq!(imported.entities, 2, "good lines behind bad ones are imported");
}

#[test]
fn what_was_observed_before_there_were_limits_is_imported_whole() {
    let store = Store::new();
    let graph = store.graph();
    let long = "x".repeat(OBSERVATION_LIMIT + 1);
    let file =
        format!(r#"{{"type":"entity","name":"A","entityType":"{long}","observations":["{long}","y"]}}"#);
    let imported = graph.import_lines(file.as_bytes()).unwrap();
    assert!(imported.rejected.is_empty(), "{} was left out", imported.rejected[0].reason);
    let entity = graph.open(&["A".to_owned()]).unwrap().entities.remove(0);
    assert_eq!((entity.observations, entity.entity_type == long), (vec![long, "y".to_owned()], true));
}

#[test]
fn an_entity_that_grew_in_many_calls_is_imported_whole() {
    let store = Store::new();
    let graph = store.graph();
    let many = vec!["\"x\""; ITEM_LIMIT + 1].join(",");
    let file =
        format!("{{\"type\":\"entity\",\"name\":\"A\",\"entityType\":\"t\",\"observations\":[{many}]}}");
    let imported = graph.import_lines(file.as_bytes()).unwrap();
    assert!(imported.rejected.is_empty(), "the limit of a call is not one of an entity");
    assert_eq!(graph.read().unwrap().entities[0].observations.len(), ITEM_LIMIT + 1);
}

#[test]
fn a_file_may_begin_with_a_byte_order_mark() {
    let store = Store::new();
    let graph = store.graph();
    let imported = graph.import_lines(format!("\u{feff}{FILE}").as_bytes()).unwrap();
    assert_eq!((imported.entities, imported.rejected.len()), (2, 0));
}

#[test]
fn a_line_without_end_is_left_out_without_being_kept() {
    let store = Store::new();
    let graph = store.graph();
    let endless = io::repeat(b'x').take(LINE_LIMIT as u64 + 10);
    let imported =
        graph.import_lines(BufReader::new(endless.chain("\n".as_bytes()).chain(FILE.as_bytes()))).unwrap();
    assert_eq!(imported.rejected.len(), 1);
    assert!(imported.rejected[0].text.len() < 10_000, "only the beginning is given back");
    assert_eq!(imported.entities, 2, "what follows is read");
}

#[test]
fn a_file_that_cannot_be_read_to_its_end_adds_nothing() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    let store = Store::new();
    let graph = store.graph();
    let error = graph.import_lines(BufReader::new(FILE.as_bytes().chain(Broken))).unwrap_err();
    assert!(matches!(&error, Error::Unreadable { reason, .. } if reason.contains("gone")), "{error:?}");
    assert_eq!(graph.read().unwrap().entities, [], "all of a file or nothing");
}

#[test]
fn a_file_is_one_change() {
    let store = Store::new();
    let graph = store.graph();
    graph.import_lines(FILE.as_bytes()).unwrap();
    assert_eq!(graph.revision().unwrap(), 1);
    graph.delete_observations(vec![less("Ada", &["sails"])]).unwrap();
    assert_eq!(
        graph.import_lines(FILE.as_bytes()).unwrap().observations,
        1,
        "what was deleted meanwhile is new"
    );
}
