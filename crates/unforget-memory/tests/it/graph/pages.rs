//! Reading in parts.

use unforget_memory::{Error, GraphCursor, KnowledgeGraph, OBSERVATION_LIMIT, PAGE_BYTES};

use super::{entity, fill, relation};
use crate::store::Store;

#[test]
fn the_parts_are_the_whole_whatever_their_size() {
    let store = Store::new();
    let graph = store.graph();
    fill(&graph);
    graph.create_relations(vec![relation("Cleo", "Ada")]).unwrap();
    for limit in 0..8 {
        let (mut whole, mut cursor, mut parts) = (KnowledgeGraph::default(), None, 0);
        loop {
            let page = graph.page(cursor, limit).unwrap();
            let items = page.entities.len() + page.relations.len();
            assert!(items <= limit.max(1), "a part of {items} with a limit of {limit}");
            whole.entities.extend(page.entities);
            whole.relations.extend(page.relations);
            parts += 1;
            let Some(next) = page.next else { break };
            assert!(items > 0 && parts < 10, "every part but the last brings the reader on");
            cursor = Some(next.to_string().parse::<GraphCursor>().unwrap());
        }
        assert_eq!(whole, graph.read().unwrap(), "in parts of {limit}");
    }
}

#[test]
fn a_part_ends_when_it_is_large() {
    let store = Store::new();
    let graph = store.graph();
    let large = "x".repeat(OBSERVATION_LIMIT);
    for n in 0..10 {
        graph.create_entities(vec![entity(&format!("e{n}"), &[&large])]).unwrap();
    }
    let page = graph.page(None, 100).unwrap();
    assert_eq!(page.entities.len(), PAGE_BYTES / OBSERVATION_LIMIT, "bounded in bytes as well");
    assert_eq!(graph.page(page.next, 100).unwrap().entities.len(), 2, "the rest is in the next");
}

#[test]
fn what_is_no_cursor_is_refused() {
    for text in ["", "e", "x1", "é1", "e1x", "12"] {
        let error = text.parse::<GraphCursor>().unwrap_err();
        assert!(matches!(error, Error::Invalid { field: "after", .. }), "{text:?}: {error:?}");
    }
}
