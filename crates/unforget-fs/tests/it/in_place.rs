//! Files that are changed where they are.

use unforget_fs::{Error, FileInPlace};

#[test]
fn what_is_appended_is_behind_what_others_appended_meanwhile() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("lines");
    let ours = FileInPlace::open_or_create(&path).unwrap();
    let theirs = FileInPlace::open(&path).unwrap().expect("it is there");
    for round in 0..3 {
        assert!(theirs.append(b"theirs\n").unwrap() && ours.append(b"ours\n").unwrap());
        assert_eq!(std::fs::read(&path).unwrap(), b"theirs\nours\n".repeat(round + 1));
    }
    theirs.set_len(1).unwrap();
    assert!(ours.append(b"2").unwrap());
    assert_eq!(std::fs::read(&path).unwrap(), b"t2", "there is no gap where somebody cut the file off");
    ours.write(b"T", 0).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"T2", "the same file is written to at an offset");
}

#[test]
fn nothing_is_appended_to_a_file_that_took_the_name() {
    let root = tempfile::tempdir().unwrap();
    let (path, other) = (root.path().join("lines"), root.path().join("other"));
    let ours = FileInPlace::open_or_create(&path).unwrap();
    std::fs::write(&other, "theirs").unwrap();
    std::fs::rename(&other, &path).unwrap();
    assert!(!ours.append(b"ours").unwrap());
    assert_eq!(std::fs::read(&path).unwrap(), b"theirs");
    std::fs::remove_file(&path).unwrap();
    assert!(!ours.append(b"ours").unwrap());
    std::fs::create_dir(&path).unwrap();
    assert!(matches!(ours.append(b"ours"), Err(Error::NotRegular { .. })));
}
