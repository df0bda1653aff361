//! Files that others changed.

use unforget_memory::{Entity, Finding, NewObservations, ObservationsToDelete, Relation};

use super::{Mirrored, entity_line};

#[test]
fn a_file_that_was_there_is_imported_and_kept() {
    let mut mirrored = Mirrored::bare();
    let bad = "{\"type\":\"entity\",\"name\":\"half";
    let relation = r#"{"type":"relation","from":"Ada","to":"nobody","relationType":"knows"}"#;
    let content = format!("{}\n\n{relation}\n{bad}", entity_line("Ada", &["a", "b"]));
    std::fs::write(mirrored.file(), &content).unwrap();
    mirrored.attach();
    mirrored.assert_shown();
    let graph = mirrored.graph.read().unwrap();
    assert_eq!(graph.entities[0].observations, ["a", "b"]);
    assert_eq!(graph.relations, [Relation::new("Ada", "knows", "nobody")]);
    let report = mirrored.told.one_merge();
    assert_eq!(
        (report.finding, report.entities, report.relations, report.observations),
        (Finding::First, 1, 1, 2)
    );
    assert_eq!((report.rejected[0].line, &*report.rejected[0].text), (4, bad));
    let kept = report.kept.unwrap();
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), content);
    assert!(kept.starts_with(mirrored.root.path().join("memory.jsonl.unforget/imported")));
    let rejected = std::fs::read_to_string(format!("{}.rejected", kept.display())).unwrap();
    assert!(rejected.starts_with("4: ") && rejected.contains(bad), "{rejected}");
}

#[test]
fn what_the_official_server_added_is_merged() {
    let mirrored = Mirrored::new();
    mirrored.create(&["Ada", "Bob"]);
    let theirs = [
        entity_line("Ada", &["seen Ada", "theirs"]),
        entity_line("Bob", &["seen Bob"]),
        entity_line("Cid", &[]),
    ];
    mirrored.rename_over(&theirs.join("\n"));
    mirrored.create(&["Dan"]);
    mirrored.assert_shown();
    assert_eq!(mirrored.names(), ["Ada", "Bob", "Dan", "Cid"]);
    assert_eq!(mirrored.graph.read().unwrap().entities[0].observations, ["seen Ada", "theirs"]);
    let report = mirrored.told.one_merge();
    assert_eq!((report.finding, report.entities, report.observations), (Finding::Replaced, 1, 1));
    assert_eq!((report.put_back, report.kept), (0, None), "nothing of theirs or ours was lost");
}

#[test]
fn what_the_official_server_lost_is_put_back() {
    let mirrored = Mirrored::new();
    mirrored.create(&["Ada", "Bob", "Cid"]);
    mirrored.graph.create_relations(vec![Relation::new("Ada", "knows", "Bob")]).unwrap();
    mirrored.rename_over(&[entity_line("Ada", &[]), entity_line("Cid", &["seen Cid"])].join("\n"));
    mirrored.mirror().catch_up().unwrap();
    mirrored.assert_shown();
    assert_eq!(mirrored.names(), ["Ada", "Bob", "Cid"]);
    let report = mirrored.told.one_merge();
    assert_eq!(report.put_back, 3, "an observation of Ada, Bob, and the relation: {report}");
}

#[test]
fn what_was_deleted_does_not_come_back_with_a_file_that_was_read_before() {
    let mirrored = Mirrored::new();
    mirrored.create(&["Ada", "Bob"]);
    let read_before = mirrored.text();
    mirrored.graph.delete_entities(vec!["Bob".into()]).unwrap();
    let seen = ObservationsToDelete { entity_name: "Ada".into(), observations: vec!["seen Ada".into()] };
    mirrored.graph.delete_observations(vec![seen]).unwrap();
    mirrored.rename_over(&read_before);
    mirrored.mirror().catch_up().unwrap();
    mirrored.assert_shown();
    assert_eq!(mirrored.names(), ["Ada"]);
    let report = mirrored.told.one_merge();
    assert_eq!(report.stay_deleted, 2, "{report}");
    assert_eq!(std::fs::read_to_string(report.kept.unwrap()).unwrap(), read_before, "nothing of it is lost");
}

#[test]
fn an_entity_with_which_somebody_went_on_comes_back() {
    let mirrored = Mirrored::new();
    mirrored.create(&["Bob"]);
    mirrored.graph.delete_entities(vec!["Bob".into()]).unwrap();
    mirrored.rename_over(&entity_line("Bob", &["seen Bob", "and again"]));
    mirrored.mirror().catch_up().unwrap();
    mirrored.assert_shown();
    assert_eq!(mirrored.graph.read().unwrap().entities[0].observations, ["seen Bob", "and again"]);
}

#[test]
fn an_edit_in_place_is_merged() {
    let mirrored = Mirrored::new();
    mirrored.create(&["Ada"]);
    let edited = mirrored.text() + &entity_line("by hand", &["x"]) + "\r\n";
    std::fs::write(mirrored.file(), edited).unwrap();
    mirrored.create(&["Bob"]);
    mirrored.assert_shown();
    assert_eq!(mirrored.names(), ["Ada", "Bob", "by hand"]);
    assert_eq!(mirrored.told.one_merge().finding, Finding::Changed);
}

#[test]
fn what_cannot_be_read_is_kept_aside() {
    for (name, broken) in [
        ("a line that is cut off", &b"{\"type\":\"entity\",\"name\":\"Bo"[..]),
        ("no UTF-8", b"\xff\xfe\x00"),
        ("zeros", &[0; 5000]),
        ("something else", b"[1,2,3]"),
        (
            "fields that nobody knows",
            br#"{"type":"relation","from":"a","to":"b","relationType":"c","since":1}"#,
        ),
        ("another type", br#"{"type":"entity","name":"Ada","entityType":"robot","observations":[]}"#),
    ] {
        let mirrored = Mirrored::new();
        mirrored.create(&["Ada"]);
        let content = [mirrored.text().as_bytes(), broken].concat();
        std::fs::write(mirrored.file(), &content).unwrap();
        mirrored.create(&["Cid"]);
        mirrored.assert_shown();
        let report = mirrored.told.one_merge();
        assert_eq!(std::fs::read(report.kept.unwrap()).unwrap(), content, "{name}");
        assert_eq!(mirrored.names()[..2], ["Ada", "Cid"], "{name}");
    }
}

#[test]
fn a_file_that_is_gone_or_empty_is_written_again() {
    let mirrored = Mirrored::new();
    mirrored.create(&["Ada"]);
    std::fs::remove_file(mirrored.file()).unwrap();
    mirrored.create(&["Bob"]);
    mirrored.assert_shown();
    let report = mirrored.told.one_merge();
    assert_eq!((report.finding, report.put_back), (Finding::Missing, 1));
    std::fs::write(mirrored.file(), "").unwrap();
    mirrored.create(&["Cid"]);
    mirrored.assert_shown();
    assert_eq!(mirrored.told.one_merge().put_back, 2);
}

#[test]
fn a_line_that_others_changed_in_place_is_never_blanked() {
    let mirrored = Mirrored::new();
    mirrored.create(&["Ada"]);
    // The same length, at once after our own change: times of files may not tell.
    let edited = mirrored.text().replace("seen Ada", "SEEN ADA");
    let file = std::fs::OpenOptions::new().write(true).open(mirrored.file()).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, edited.as_bytes(), 0).unwrap();
    let more = NewObservations { entity_name: "Ada".into(), contents: vec!["more".into()] };
    mirrored.graph.add_observations(vec![more]).unwrap();
    mirrored.assert_shown();
    assert_eq!(mirrored.graph.read().unwrap().entities[0].observations, ["seen Ada", "more", "SEEN ADA"]);
}

#[test]
fn half_a_character_costs_no_entity() {
    let mut mirrored = Mirrored::bare();
    let content = entity_line("Ada", &["whole"])
        .replace("whole", r"cut \ud83d, \\ud83d, \ud83d\uDE00 and \udc00\ud800");
    std::fs::write(mirrored.file(), &content).unwrap();
    mirrored.attach();
    mirrored.assert_shown();
    let expected = ["cut \u{fffd}, \\ud83d, \u{1F600} and \u{fffd}\u{fffd}"];
    assert_eq!(mirrored.graph.read().unwrap().entities[0].observations, expected);
    let report = mirrored.told.one_merge();
    assert_eq!((report.half_characters, report.rejected.len()), (1, 0), "{report}");
    assert_eq!(std::fs::read_to_string(report.kept.unwrap()).unwrap(), content);
}

#[test]
fn lines_in_other_words_are_no_news() {
    let mirrored = Mirrored::new();
    mirrored.graph.create_entities(vec![Entity::new("Ada", "thing").observed("é")]).unwrap();
    mirrored.rename_over(
        r#"{ "observations": ["\u00e9"], "entityType": "thing", "name": "Ada", "type": "entity" }"#,
    );
    mirrored.mirror().catch_up().unwrap();
    mirrored.assert_shown();
    assert_eq!(mirrored.told.take(), []);
}

/// Has everything that was deleted so far be deleted an hour earlier.
fn pass_an_hour(mirrored: &Mirrored) {
    let database = mirrored.root.path().join("memory.jsonl.unforget/unforget.db");
    let db = unforget_sqlite::Database::open(database, unforget_sqlite::Options::default()).unwrap();
    db.write(|tx| -> unforget_memory::Result<()> {
        tx.execute("UPDATE entities SET valid_to_ms = valid_to_ms - 3600000", [])?;
        Ok(tx.execute("UPDATE observations SET valid_to_ms = valid_to_ms - 3600000", []).map(drop)?)
    })
    .unwrap();
}

#[test]
fn a_first_file_brings_back_what_was_deleted_long_before_it_was_written_and_nothing_goes_untold() {
    for (hours, names, stay_deleted) in [(1, &["Bob"][..], 0), (0, &[], 1)] {
        let mut mirrored = Mirrored::bare();
        mirrored.create(&["Bob"]);
        mirrored.graph.delete_entities(vec!["Bob".into()]).unwrap();
        (0..hours).for_each(|_| pass_an_hour(&mirrored));
        std::fs::write(mirrored.file(), entity_line("Bob", &["seen Bob"])).unwrap();
        mirrored.attach();
        mirrored.assert_shown();
        assert_eq!(mirrored.names(), names, "deleted {hours} hours before the file was written");
        let report = mirrored.told.one_merge();
        assert_eq!((report.stay_deleted, report.kept.is_some()), (stay_deleted, true), "{report}");
    }
}

#[test]
fn a_restored_database_has_a_file_that_shows_it() {
    let mut mirrored = Mirrored::new();
    let store = mirrored.root.path().join("memory.jsonl.unforget");
    let (database, copy) = (store.join("unforget.db"), mirrored.root.path().join("copy"));
    mirrored.create(&["Ada"]);
    let open = || unforget_sqlite::Database::open(&database, unforget_sqlite::Options::default()).unwrap();
    let go_on = |_| std::ops::ControlFlow::Continue(());
    open().backup(&copy, unforget_sqlite::Existing::Refuse, go_on).unwrap();
    mirrored.create(&["Bob"]);
    mirrored.mirror().catch_up().unwrap();
    let Mirrored { graph, mirror, root, told } = mirrored;
    drop((graph, mirror));
    unforget_sqlite::Database::restore(&copy, &database).unwrap();
    // As many changes as the file has shown, by somebody who does not keep it.
    let graph = super::open(root.path());
    graph.create_entities(vec![Entity::new("Cid", "thing")]).unwrap();
    mirrored = Mirrored { graph, mirror: None, told, root };
    mirrored.attach();
    mirrored.create(&["Dan"]);
    mirrored.assert_shown();
    assert_eq!(mirrored.names(), ["Ada", "Cid", "Bob", "Dan"], "what the file had is merged, as ever");
}
