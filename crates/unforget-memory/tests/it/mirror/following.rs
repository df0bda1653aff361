//! The file after each change.

use std::os::unix::fs::MetadataExt;

use unforget_memory::{Entity, NewObservations, ObservationsToDelete, Relation};

use super::{Mirrored, Told, open};

fn more(name: &str, content: &str) -> Vec<NewObservations> {
    vec![NewObservations { entity_name: name.to_owned(), contents: vec![content.to_owned()] }]
}

#[test]
fn every_change_is_in_the_file_when_its_call_returns() {
    let mirrored = Mirrored::new();
    let graph = &mirrored.graph;
    mirrored.create(&["Ada", "Bob"]);
    mirrored.assert_shown();
    graph.create_relations(vec![Relation::new("Ada", "knows", "Bob")]).unwrap();
    mirrored.assert_shown();
    graph.add_observations(more("Ada", "a line\nbreak, \"quotes\" and \u{1}\u{2028}\u{1F600}")).unwrap();
    mirrored.assert_shown();
    let gone = ObservationsToDelete { entity_name: "Ada".into(), observations: vec!["seen Ada".into()] };
    graph.delete_observations(vec![gone]).unwrap();
    mirrored.assert_shown();
    graph.delete_relations(vec![Relation::new("Ada", "knows", "Bob")]).unwrap();
    mirrored.assert_shown();
    graph.delete_entities(vec!["Bob".into()]).unwrap();
    mirrored.assert_shown();
    assert_eq!(mirrored.told.take(), [], "nothing of this is worth telling");
}

#[test]
fn lines_have_the_official_key_order() {
    let mirrored = Mirrored::new();
    mirrored.graph.create_entities(vec![Entity::new("Ada", "person").observed("a")]).unwrap();
    mirrored.graph.create_relations(vec![Relation::new("Ada", "is", "Ada")]).unwrap();
    let expected = "{\"type\":\"entity\",\"name\":\"Ada\",\"entityType\":\"person\",\"observations\":[\"a\"]}\n\
         {\"type\":\"relation\",\"from\":\"Ada\",\"to\":\"Ada\",\"relationType\":\"is\"}\n";
    assert_eq!(mirrored.text(), expected);
}

#[test]
fn a_small_change_appends_and_blanks_and_writes_nothing_else() {
    let mirrored = Mirrored::new();
    let names: Vec<String> = (0..100).map(|n| format!("e{n}")).collect();
    mirrored.create(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let (before, inode) = (mirrored.text(), std::fs::metadata(mirrored.file()).unwrap().ino());
    mirrored.graph.add_observations(more("e50", "more")).unwrap();
    let after = mirrored.text();
    assert_eq!(std::fs::metadata(mirrored.file()).unwrap().ino(), inode, "the file is the same one");
    let old = super::entity_line("e50", &["seen e50"]);
    let expected = before.replace(&old, &" ".repeat(old.len()))
        + &super::entity_line("e50", &["seen e50", "more"])
        + "\n";
    assert_eq!(after, expected);
}

#[test]
fn a_file_of_blanks_is_written_anew() {
    let mirrored = Mirrored::new();
    mirrored.create(&["Ada", "Bob"]);
    for n in 0..600 {
        mirrored.graph.add_observations(more("Ada", &format!("{n}: {}", "x".repeat(20)))).unwrap();
        let shown = mirrored.graph.read().unwrap();
        super::assert_same(&super::load(&mirrored.file()), &shown);
    }
    let (live, size) = (mirrored.graph.read().unwrap(), mirrored.text().len());
    let live = serde_json::to_string(&live).unwrap().len();
    assert!(size < 2 * live + (128 << 10), "at most as many blanks as lines, and 64 KiB: {size} for {live}");
    assert_eq!(mirrored.told.take(), [], "nothing of this is worth telling");
}

#[test]
fn changes_of_another_process_are_taken_along() {
    let mirrored = Mirrored::new();
    mirrored.create(&["Ada"]);
    let without = open(mirrored.root.path());
    without.create_entities(vec![Entity::new("Bob", "thing")]).unwrap();
    mirrored.mirror().catch_up().unwrap();
    mirrored.assert_shown();
    without.create_entities(vec![Entity::new("Cid", "thing")]).unwrap();
    mirrored.create(&["Dan"]);
    mirrored.assert_shown();
}

#[test]
fn a_mirror_that_was_detached_is_continued() {
    let mut mirrored = Mirrored::new();
    mirrored.create(&["Ada"]);
    mirrored.graph.detach(mirrored.mirror()).unwrap();
    mirrored.create(&["Bob"]);
    assert!(!mirrored.text().contains("Bob"), "nobody keeps it");
    mirrored.attach();
    mirrored.assert_shown();
    assert_eq!(mirrored.told.take(), [], "what is continued needs no merge");
}

#[test]
fn changes_that_were_not_kept_for_a_mirror_are_shown_all_the_same() {
    let mirrored = Mirrored::new();
    mirrored.create(&["Ada"]);
    let database = mirrored.root.path().join("memory.jsonl.unforget/unforget.db");
    let db = unforget_sqlite::Database::open(database, unforget_sqlite::Options::default()).unwrap();
    let without = open(mirrored.root.path());
    without.create_entities(vec![Entity::new("Bob", "thing")]).unwrap();
    db.write(|tx| -> unforget_memory::Result<()> { Ok(tx.execute("DELETE FROM outbox", []).map(drop)?) })
        .unwrap();
    mirrored.mirror().catch_up().unwrap();
    mirrored.assert_shown();
}

#[test]
fn a_file_has_one_mirror_whatever_links_lead_to_its_directory() {
    let mirrored = Mirrored::new();
    let links = tempfile::tempdir().unwrap();
    let link = links.path().join("link");
    std::os::unix::fs::symlink(mirrored.root.path(), &link).unwrap();
    let (other, told) = (open(&link), Told::default());
    let through = other.mirror(&link.join("memory.jsonl"), told.options()).unwrap();
    assert_eq!(through.file(), mirrored.mirror().file(), "one file, one lock");
    for n in 0..5 {
        mirrored.create(&[&format!("ours{n}")]);
        other.create_entities(vec![Entity::new(format!("theirs{n}"), "thing")]).unwrap();
        mirrored.assert_shown();
    }
    assert_eq!((mirrored.told.take(), told.take()), (vec![], vec![]), "nobody is a foreigner to the other");
}
