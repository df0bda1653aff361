//! What a change leaves for mirrors.

use std::sync::{Arc, Mutex};

use unforget_memory::Error;

use super::{entity, fill, less, more, relation, texts};
use crate::store::Store;

type Row = (i64, i64, Option<String>);

fn register(store: &Store) {
    let register = "INSERT INTO mirrors(name, topic, durable_seq) VALUES ('file', 'graph', 0)";
    store.db.write(move |tx| -> Result<_, Error> { Ok(tx.execute(register, [])?) }).unwrap();
}

fn rows(store: &Store) -> Vec<Row> {
    let rows = "SELECT seq, slot, line FROM outbox WHERE topic = 'graph' ORDER BY seq";
    let read = |tx: &unforget_sqlite::ReadTx<'_>| -> Result<Vec<Row>, Error> {
        let mut statement = tx.prepare(rows)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    };
    store.db.read(read).unwrap()
}

/// The lines that came after the first `before` rows, without their numbers.
fn lines(store: &Store, before: usize) -> Vec<(i64, Option<String>)> {
    rows(store).into_iter().skip(before).map(|(_, slot, line)| (slot, line)).collect()
}

fn line(slot: i64, text: &str) -> (i64, Option<String>) {
    (slot, Some(text.to_owned()))
}

#[test]
fn without_a_mirror_nothing_is_left() {
    let store = Store::new();
    fill(&store.graph());
    assert_eq!(rows(&store), []);
}

#[test]
fn each_line_that_changed_is_left_once_with_the_official_key_order() {
    let store = Store::new();
    register(&store);
    let graph = store.graph();
    graph.create_entities(vec![entity("A\"\n", &["é"]), entity("B", &[]), entity("B", &["no"])]).unwrap();
    let expected = [
        line(2, r#"{"type":"entity","name":"A\"\n","entityType":"thing","observations":["é"]}"#),
        line(4, r#"{"type":"entity","name":"B","entityType":"thing","observations":[]}"#),
    ];
    assert_eq!(lines(&store, 0), expected, "new entities only, in their order");

    graph.create_relations(vec![relation("B", "A\"\n"), relation("B", "A\"\n")]).unwrap();
    let expected = [line(3, r#"{"type":"relation","from":"B","to":"A\"\n","relationType":"knows"}"#)];
    assert_eq!(lines(&store, 2), expected, "a relation has an odd slot");

    graph.add_observations(vec![more("B", &["x"]), more("B", &["y", "x"])]).unwrap();
    let expected = [line(4, r#"{"type":"entity","name":"B","entityType":"thing","observations":["x","y"]}"#)];
    assert_eq!(lines(&store, 3), expected, "the whole line, once for the call");

    graph.delete_observations(vec![less("B", &["x", "zzz"])]).unwrap();
    let expected = [line(4, r#"{"type":"entity","name":"B","entityType":"thing","observations":["y"]}"#)];
    assert_eq!(lines(&store, 4), expected);

    graph.delete_entities(texts(&["B"])).unwrap();
    assert_eq!(lines(&store, 5), [(4, None), (3, None)], "no line: the entity and its relation are gone");
}

#[test]
fn what_changes_nothing_leaves_nothing() {
    let store = Store::new();
    register(&store);
    let graph = store.graph();
    fill(&graph);
    let before = rows(&store);
    graph.create_entities(vec![entity("Ada", &["x"])]).unwrap();
    graph.create_relations(vec![relation("Ada", "Bea")]).unwrap();
    graph.add_observations(vec![more("Ada", &["flies"])]).unwrap();
    graph.delete_entities(texts(&["Zoe"])).unwrap();
    graph.delete_observations(vec![less("Ada", &["zzz"])]).unwrap();
    graph.delete_relations(vec![relation("Bea", "Ada")]).unwrap();
    graph.add_observations(vec![more("Ada", &["x"]), more("Zoe", &["x"])]).unwrap_err();
    assert_eq!(rows(&store), before, "found there, not there, or refused");
}

#[test]
fn a_change_and_its_lines_are_one_commit() {
    let store = Store::new();
    register(&store);
    let graph = store.graph();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (db, told) = (store.db.clone(), Arc::clone(&seen));
    let count = "SELECT (SELECT count(*) FROM entities), (SELECT count(*) FROM outbox)";
    let _registered = store.db.on_commit(move |_| {
        let counts = db.read(|tx| -> Result<(i64, i64), Error> {
            Ok(tx.query_row(count, [], |row| Ok((row.get(0)?, row.get(1)?)))?)
        });
        told.lock().unwrap().push(counts.unwrap());
    });
    for n in 1..=5 {
        graph.create_entities(vec![entity(&format!("e{n}"), &["x"])]).unwrap();
    }
    let expected: Vec<(i64, i64)> = (1..=5).map(|n| (n, n)).collect();
    assert_eq!(*seen.lock().unwrap(), expected, "no commit has one without the other");
}

#[test]
fn an_import_leaves_its_lines_too() {
    let store = Store::new();
    register(&store);
    let file = "{\"type\":\"entity\",\"name\":\"A\",\"entityType\":\"t\",\"observations\":[]}\n\
        {\"type\":\"entity\",\"name\":\"A\",\"entityType\":\"t\",\"observations\":[\"x\"]}";
    store.graph().import_lines(file.as_bytes()).unwrap();
    let expected = [line(2, r#"{"type":"entity","name":"A","entityType":"t","observations":["x"]}"#)];
    assert_eq!(lines(&store, 0), expected, "once, as it is after all of the file");
}

/// Adds rows as if there had been so many changes, up to a number.
fn add_rows(store: &Store, from: i64, to: i64, bytes: i64) {
    let rows = "WITH RECURSIVE n(seq) AS (SELECT ?1 UNION ALL SELECT seq + 1 FROM n WHERE seq < ?2)
        INSERT INTO outbox(seq, topic, slot, line) SELECT seq, 'graph', 2, printf('%.*c', ?3, 'x') FROM n";
    store.db.write(move |tx| -> Result<_, Error> { Ok(tx.execute(rows, (from, to, bytes))?) }).unwrap();
}

#[test]
fn a_mirror_that_nobody_keeps_does_not_have_the_outbox_grow_for_ever() {
    for (count, bytes, kept) in [(40_959, 10, 16 << 10), (255, 1 << 20, 64)] {
        let store = Store::new();
        register(&store);
        add_rows(&store, 1, count, bytes);
        store.graph().create_entities(vec![entity("Ada", &[])]).unwrap();
        let left = rows(&store);
        assert!(left.len() <= kept && left.len() + 2 > kept, "{} rows of {bytes} bytes are left", left.len());
        assert_eq!(left.last().map(|(seq, _, _)| *seq), Some(count + 1), "the latest ones are");
    }
}
