//! Orphans of dead processes go, and nothing else does.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use unforget_fs::sweep_orphans;

use crate::child::{Child, make_fifo, names_in};

fn orphan(number: u32) -> String {
    format!(".unforget-tmp-{number:016x}")
}

#[test]
fn the_file_of_a_process_is_kept_while_it_lives_and_removed_when_it_was_killed() {
    let root = tempfile::tempdir().unwrap();
    let mut writer = Child::start("atomic_file::write", &root.path().join("file"), 0);
    let temporary = writer.hear().expect("it has written");
    let swept = sweep_orphans(root.path()).unwrap();
    assert_eq!((swept.removed, swept.kept), (0, 1), "it is alive");
    assert!(Path::new(&temporary).exists());
    writer.kill();
    let swept = sweep_orphans(root.path()).unwrap();
    assert_eq!((swept.removed, swept.kept), (1, 0), "the lock died with it");
    assert!(names_in(root.path()).is_empty());
}

#[test]
fn only_regular_files_with_our_names_are_removed() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    let others = [".unforget-tmp-", ".unforget-tmp-0123", ".unforget-tmp-0123456789abcdeg", "file"];
    for name in others {
        fs::write(at(name), "somebody's").unwrap();
    }
    make_fifo(&at(&orphan(1)));
    symlink("file", at(&orphan(2))).unwrap();
    fs::create_dir(at(&orphan(3))).unwrap();
    let kept = names_in(root.path());
    fs::write(at(&orphan(4)), "half").unwrap();
    let swept = sweep_orphans(root.path()).unwrap();
    assert_eq!((swept.removed, swept.kept), (1, 3));
    assert_eq!(names_in(root.path()), kept);
    assert_eq!(fs::read(at("file")).unwrap(), b"somebody's", "a link was not followed");
}

#[test]
fn of_two_names_only_ours_goes() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("file"), "whole").unwrap();
    fs::hard_link(root.path().join("file"), root.path().join(orphan(1))).unwrap();
    assert_eq!(sweep_orphans(root.path()).unwrap().removed, 1);
    assert_eq!(names_in(root.path()), ["file"], "a crash between link and removal leaves this");
}

#[test]
fn a_sweep_is_bounded_and_the_next_one_goes_on() {
    let root = tempfile::tempdir().unwrap();
    for number in 0..1030 {
        fs::write(root.path().join(orphan(number)), "").unwrap();
    }
    let removed: Vec<_> = (0..3).map(|_| sweep_orphans(root.path()).unwrap().removed).collect();
    assert_eq!(removed, [1024, 6, 0]);
}

#[test]
fn a_missing_directory_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    let error = sweep_orphans(&root.path().join("missing")).unwrap_err();
    assert!(error.to_string().contains("missing"), "{error}");
}
