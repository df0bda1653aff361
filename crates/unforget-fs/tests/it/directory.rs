//! Directories are made with their parents.

use std::fs;

use unforget_fs::{Error, create_dir_all};

#[test]
fn missing_parents_are_made() {
    let root = tempfile::tempdir().unwrap();
    let deep = root.path().join("a/b/c");
    create_dir_all(&deep).unwrap();
    assert!(deep.is_dir());
    create_dir_all(&deep).expect("an existing directory is no error");
    create_dir_all(&root.path().join("a/./b/d/")).expect("dots and a trailing separator are no names");
    assert!(root.path().join("a/b/d").is_dir());
}

#[test]
fn a_file_in_the_way_is_named() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    fs::write(&file, "").unwrap();
    let outcome = create_dir_all(&file);
    assert!(matches!(&outcome, Err(Error::NotDirectory { path }) if *path == file), "{outcome:?}");
    let outcome = create_dir_all(&file.join("below"));
    assert!(outcome.is_err_and(|e| e.to_string().contains("file")), "a file has nothing below it");
}

#[test]
fn a_link_to_a_directory_is_a_parent() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("real")).unwrap();
    std::os::unix::fs::symlink("real", root.path().join("link")).unwrap();
    create_dir_all(&root.path().join("link/inner")).unwrap();
    assert!(root.path().join("real/inner").is_dir());
}
