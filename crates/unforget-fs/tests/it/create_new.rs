//! Files that did not exist, and several files at once, on the real disk.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::sync::Barrier;

use unforget_fs::{Error, ReplaceOptions, create_new, replace_many};

use crate::child::names_in;

const OPTIONS: ReplaceOptions = ReplaceOptions::new();

#[test]
fn whatever_has_the_name_stays() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    fs::write(at("file"), "old").unwrap();
    fs::create_dir(at("dir")).unwrap();
    symlink("nowhere", at("dangling")).unwrap();
    for name in ["file", "dir", "dangling"] {
        let outcome = create_new(&at(name), b"new", &OPTIONS);
        assert!(matches!(&outcome, Err(Error::AlreadyExists { path }) if *path == at(name)), "{outcome:?}");
    }
    assert_eq!(fs::read(at("file")).unwrap(), b"old");
    assert_eq!(names_in(root.path()), ["dangling", "dir", "file"]);
}

#[test]
fn a_new_file_has_its_content_its_mode_and_one_name() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a/b").join("x".repeat(255));
    create_new(&path, b"new", &OPTIONS.new_file_mode(0o640).create_parents(true)).unwrap();
    let found = fs::metadata(&path).unwrap();
    assert_eq!((fs::read(&path).unwrap(), found.mode() & 0o7777, found.nlink()), (b"new".to_vec(), 0o640, 1));
    assert_eq!(names_in(path.parent().unwrap()).len(), 1);
}

#[test]
fn of_many_threads_one_creates_the_file() {
    const THREADS: usize = 8;
    let root = tempfile::tempdir().unwrap();
    for round in 0..20 {
        let path = root.path().join(round.to_string());
        let barrier = Barrier::new(THREADS);
        let created: Vec<String> = std::thread::scope(|scope| {
            let create = |number: usize| {
                barrier.wait();
                let content = number.to_string().repeat(1000);
                match create_new(&path, content.as_bytes(), &OPTIONS) {
                    Ok(()) => Some(content),
                    Err(Error::AlreadyExists { .. }) => None,
                    Err(other) => panic!("{other:?}"),
                }
            };
            let threads: Vec<_> = (0..THREADS).map(|number| scope.spawn(move || create(number))).collect();
            threads.into_iter().filter_map(|thread| thread.join().expect("no panic")).collect()
        });
        assert_eq!(created.len(), 1, "one is told that it created the file");
        assert_eq!(fs::read_to_string(&path).unwrap(), created[0], "and it is that one's");
    }
    assert_eq!(names_in(root.path()).len(), 20, "nothing is left behind");
}

#[test]
fn several_files_are_replaced_or_none() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    fs::write(at("first"), "old").unwrap();
    replace_many(&[(at("first"), "1"), (at("second"), "2"), (at("first"), "3")], &OPTIONS).unwrap();
    assert_eq!(fs::read(at("first")).unwrap(), b"3", "the last content of a path wins");
    assert_eq!(fs::read(at("second")).unwrap(), b"2");
    replace_many::<&str, &str>(&[], &OPTIONS).expect("nothing is soon done");
    fs::create_dir(at("dir")).unwrap();
    let outcome = replace_many(&[(at("first"), "4"), (at("dir"), "4")], &OPTIONS);
    assert!(matches!(outcome, Err(Error::NotRegular { .. })), "{outcome:?}");
    assert_eq!(fs::read(at("first")).unwrap(), b"3", "an error before the names changes nothing");
    assert_eq!(names_in(root.path()), ["dir", "first", "second"]);
}
