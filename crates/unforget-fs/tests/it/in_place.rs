//! Files that are changed where they are, and those that take each other's name.

use std::path::Path;

use unforget_fs::disk::{Disk, RealDisk};
use unforget_fs::sim::{Call, Failure, Fault, SimDisk};
use unforget_fs::{Displaced, Error, FileInPlace, Files, ReplaceOptions};

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

/// Exchanges a file while `take` gives another one its name in the last moment, and answers what was displaced.
fn displaced_by(files: &Files<impl Disk>, path: &Path, take: impl FnOnce()) -> Vec<u8> {
    let mut shown = Vec::new();
    let take = || -> Result<(), Error> {
        take();
        Ok(())
    };
    let look = |file: &Displaced<'_, _>| {
        shown = file.read_all()?;
        Ok(())
    };
    files.exchange(path, b"new", &ReplaceOptions::new(), take, look).unwrap();
    shown
}

#[test]
fn who_takes_the_name_in_the_last_moment_is_shown() {
    let root = tempfile::tempdir().unwrap();
    let (path, other) = (root.path().join("file"), root.path().join("other"));
    std::fs::write(&path, "old").unwrap();
    std::fs::write(&other, "theirs").unwrap();
    let take = || std::fs::rename(&other, &path).unwrap();
    assert_eq!(displaced_by(&Files::on(&RealDisk), &path, take), b"theirs");
    assert_eq!(std::fs::read(&path).unwrap(), b"new");
    assert_eq!(root.path().read_dir().unwrap().count(), 1, "what was displaced is removed");
}

#[test]
fn who_takes_the_name_in_the_last_moment_on_a_simulated_disk_is_shown() {
    let disk = SimDisk::new();
    disk.put("/file", b"old");
    let take = || disk.put("/file", b"theirs");
    assert_eq!(displaced_by(&Files::on(&disk), "/file".as_ref(), take), b"theirs");
    assert_eq!((disk.read("/file"), disk.names("/").len()), (Some(b"new".to_vec()), 1));
}

#[test]
fn what_was_displaced_stays_if_it_cannot_be_looked_at() {
    let disk = SimDisk::new();
    disk.put("/file", b"old");
    let failed = Files::on(&disk).exchange(
        "/file".as_ref(),
        b"new",
        &ReplaceOptions::new(),
        || Ok::<_, Error>(()),
        |_| Err(Error::AlreadyExists { path: "/other".into() }),
    );
    assert!(failed.is_err());
    let contents: Vec<_> = disk.names("/").iter().map(|name| disk.read(Path::new("/").join(name))).collect();
    assert_eq!(contents, [Some(b"old".to_vec()), Some(b"new".to_vec())], "one with a temporary name");
}

#[test]
fn without_an_exchange_the_file_is_replaced_all_the_same() {
    let disk = SimDisk::new();
    let exchange = || {
        let look = |_: &Displaced<'_, SimDisk>| panic!("there is nothing to be shown");
        Files::on(&disk).exchange(
            "/file".as_ref(),
            b"new",
            &ReplaceOptions::new(),
            || Ok::<_, Error>(()),
            look,
        )
    };
    exchange().expect("nothing has the name");
    disk.put("/file", b"old");
    disk.fail(Fault::at(1, Failure::Unsupported).only(Call::Exchange));
    exchange().expect("the file system cannot exchange names");
    assert_eq!(disk.read("/file").as_deref(), Some(&b"new"[..]));
    assert_eq!(disk.names("/"), ["file"]);
}

#[test]
fn who_creates_the_file_in_the_last_moment_keeps_it() {
    let disk = SimDisk::new();
    let theirs = disk.clone();
    let before = {
        let probe = SimDisk::new();
        Files::on(&probe)
            .exchange("/file".as_ref(), b"new", &ReplaceOptions::new(), || Ok::<_, Error>(()), |_| Ok(()))
            .unwrap();
        probe.calls().iter().position(|(call, _)| *call == Call::RenameNew).unwrap() as u64 + 1
    };
    disk.before(before, |disk| disk.put("/file", b"theirs"));
    let refused = Files::on(&theirs).exchange(
        "/file".as_ref(),
        b"new",
        &ReplaceOptions::new(),
        || Ok::<_, Error>(()),
        |_| Ok(()),
    );
    assert!(matches!(refused, Err(Error::AlreadyExists { .. })), "{refused:?}");
    assert_eq!(disk.read("/file").as_deref(), Some(&b"theirs"[..]));
}
