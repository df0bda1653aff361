//! Files that cannot be written.

use std::os::unix::fs::PermissionsExt;

use unforget_memory::{Entity, Error, MirrorEvent, MirrorOptions};
use unforget_sqlite::{Database, Options};

use super::Mirrored;

#[test]
fn what_is_no_file_of_ours_is_refused() {
    let mirrored = Mirrored::bare();
    std::fs::create_dir(mirrored.file()).unwrap();
    let refused = mirrored.graph.mirror(&mirrored.file(), MirrorOptions::new());
    assert!(matches!(refused, Err(Error::File(_))), "{refused:?}");
    std::fs::remove_dir(mirrored.file()).unwrap();
    std::fs::write(mirrored.root.path().join("real"), "").unwrap();
    std::os::unix::fs::symlink("real", mirrored.file()).unwrap();
    let refused = mirrored.graph.mirror(&mirrored.file(), MirrorOptions::new());
    assert!(matches!(refused, Err(Error::File(_))), "{refused:?}");
    mirrored.create(&["Ada"]);
    assert_eq!(std::fs::read_to_string(mirrored.root.path().join("real")).unwrap(), "");
}

#[test]
fn a_link_is_followed_if_that_is_asked_for() {
    let mirrored = Mirrored::bare();
    let real = mirrored.root.path().join("real");
    std::fs::write(&real, "").unwrap();
    std::os::unix::fs::symlink("real", mirrored.file()).unwrap();
    mirrored.graph.mirror(&mirrored.file(), MirrorOptions::new().follow_symlinks(true)).unwrap();
    mirrored.create(&["Ada"]);
    mirrored.assert_shown();
    assert!(mirrored.file().is_symlink() && real.metadata().unwrap().len() > 0);
}

#[test]
fn a_change_is_acknowledged_when_the_file_cannot_be_written_and_shown_later() {
    let mirrored = Mirrored::new();
    mirrored.create(&["Ada"]);
    let allow = |mode| std::fs::set_permissions(mirrored.file(), PermissionsExt::from_mode(mode)).unwrap();
    allow(0o400);
    mirrored.create(&["Bob"]);
    mirrored.create(&["Cid"]);
    assert_eq!(mirrored.names(), ["Ada", "Bob", "Cid"], "the calls are in the store");
    assert!(!mirrored.text().contains("Bob"), "a file that must not be written is not replaced either");
    match &*mirrored.told.take() {
        [MirrorEvent::Failed { reason, .. }] => assert!(reason.contains("memory.jsonl"), "{reason}"),
        other => panic!("it is told once: {other:?}"),
    }
    let status = mirrored.mirror().status().unwrap();
    assert!(status.behind == 2 && status.trouble.is_some() && status.since.is_some(), "{status:?}");
    allow(0o600);
    mirrored.create(&["Dan"]);
    mirrored.assert_shown();
    assert!(matches!(&*mirrored.told.take(), [MirrorEvent::CaughtUp { .. }]));
    assert_eq!(mirrored.mirror().status().unwrap().behind, 0);
}

#[test]
fn that_the_database_was_closed_is_no_trouble_of_the_file() {
    let mirrored = Mirrored::new();
    mirrored.create(&["Ada"]);
    mirrored.told.take();
    let database = mirrored.root.path().join("memory.jsonl.unforget/unforget.db");
    Database::open(database, Options::default()).unwrap().close().unwrap();
    assert!(mirrored.mirror().catch_up().is_err(), "nothing can be looked up any more");
    assert_eq!(mirrored.told.take(), [], "nobody is worried at the end of a program");
}

#[test]
fn a_path_that_becomes_a_directory_is_told_and_left_alone() {
    let mirrored = Mirrored::new();
    std::fs::remove_file(mirrored.file()).unwrap();
    std::fs::create_dir(mirrored.file()).unwrap();
    mirrored.create(&["Ada"]);
    assert!(matches!(&*mirrored.told.take(), [MirrorEvent::Failed { .. }]));
    std::fs::remove_dir(mirrored.file()).unwrap();
    mirrored.graph.create_entities(vec![Entity::new("Bob", "thing")]).unwrap();
    mirrored.assert_shown();
}

#[test]
fn a_mirror_whose_directory_was_removed_goes_on() {
    let mirrored = Mirrored::new();
    mirrored.create(&["Ada"]);
    std::fs::remove_dir_all(mirrored.root.path().join("memory.jsonl.unforget/mirror")).unwrap();
    mirrored.graph.delete_entities(vec!["Ada".into()]).unwrap();
    mirrored.create(&["Bob"]);
    mirrored.assert_shown();
    assert_eq!(mirrored.names(), ["Bob"], "what was deleted stays so");
    assert!(
        matches!(&*mirrored.told.take(), [MirrorEvent::Merged(_)]),
        "the file was read as if it were new"
    );
}

#[test]
fn a_file_that_others_replace_all_the_time_keeps_nobody_from_attaching_it() {
    let mut mirrored = Mirrored::bare();
    let ends = std::sync::atomic::AtomicBool::new(false);
    let (file, other) = (mirrored.file(), mirrored.root.path().join("theirs"));
    std::fs::write(&file, "").unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0_u64.. {
                std::fs::write(&other, super::entity_line(&format!("theirs{}", n % 2), &[])).unwrap();
                std::fs::rename(&other, &file).unwrap();
                if ends.load(std::sync::atomic::Ordering::Relaxed) {
                    return;
                }
            }
        });
        let attached = mirrored.graph.mirror(&file, mirrored.told.options());
        ends.store(true, std::sync::atomic::Ordering::Relaxed);
        mirrored.mirror = Some(attached.expect("a busy file is no reason not to start"));
    });
    mirrored.create(&["Ada"]);
    mirrored.assert_shown();
}
