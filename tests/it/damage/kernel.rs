//! What only the kernel can do: a disk that is full, a file that cannot be written, a process killed at any moment.

use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use unforget::unforget_sqlite::{Database, Durability, Error, Existing, Options};

use super::{found, notes, open, write};
use crate::child::{Child, kills, say};

/// Role: writes on a disk of its own until that is full, makes room, and goes on.
pub(crate) fn fill(directory: &Path) {
    let ballast = directory.join("ballast");
    fs::write(&ballast, vec![1; 256 << 10]).expect("there is room");
    let db = open(directory, Options::default()).expect("there is room");
    let mut stored = Vec::new();
    let error = (0..10_000)
        .find_map(|n| write(&db, n).map(|()| stored.push(n)).err())
        .expect("a small disk is full at some time");
    assert!(matches!(error, Error::Full { .. }), "{error:?}");
    assert!(db.is_open(), "a full disk ended the engine");
    assert_eq!(notes(&db).expect("it can be read"), stored, "what was acknowledged, and nothing else");
    fs::remove_file(ballast).expect("it can be removed");
    write(&db, 20_000).expect("there is room again");
    stored.push(20_000);
    db.close().expect("nobody is in the way");
    drop(db);
    assert_eq!(found(&directory.join("notes.db")), ("ok".to_owned(), stored.clone()));
    say(&format!("stored {}", stored.len()));
}

/// Role: makes a backup on a disk of its own that has no room for it.
pub(crate) fn back_up(directory: &Path) {
    let db = open(directory, Options::default()).expect("there is room");
    for n in 0..160 {
        write(&db, n).expect("there is room");
        if n % 20 == 19 {
            db.checkpoint_now().expect("nobody is in the way");
        }
    }
    fs::write(directory.join("ballast"), vec![1; 1400 << 10]).expect("there is room");
    let names = || fs::read_dir(directory).expect("it is there").count();
    let (before, copy) = (names(), directory.join("copy.db"));
    let error = db
        .backup(&copy, Existing::Refuse, |_| ControlFlow::Continue(()))
        .expect_err("there is no room for two");
    assert!(matches!(error, Error::Full { .. }), "{error:?}");
    assert_eq!(names(), before, "nothing of the copy is left");
    write(&db, 1_000).expect("its room was given back");
    assert_eq!(notes(&db).expect("it can be read").len(), 161);
    say("refused");
}

/// Role: finds a database in a directory that nobody may write.
pub(crate) fn look_in(directory: &Path) {
    match Database::open(directory.join("notes.db"), Options::default()) {
        Err(error) => say(&format!("refused: {error}")),
        Ok(db) => say(&format!("opened: {:?}", notes(&db))),
    }
}

/// Role: finds a file of one note that it may read and not write.
pub(crate) fn look(directory: &Path) {
    let db = Database::open(directory.join("notes.db"), Options::default()).expect("it may be read");
    assert_eq!(notes(&db).expect("it may be read"), [1]);
    match write(&db, 2) {
        Err(error @ Error::NotAccessible { .. }) => say(&format!("refused: {error}")),
        other => say(&format!("{other:?}")),
    }
    assert_eq!(notes(&db).expect("it may still be read"), [1]);
}

/// Role: writes on until it is killed, and says what is acknowledged.
pub(crate) fn write_until_killed(directory: &Path, run: usize) {
    let db = open(directory, Options::default().durability(Durability::Normal)).expect("it opens");
    let first = u64::try_from(run).expect("a number") * 1_000_000;
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let db = &db;
            scope.spawn(move || {
                for n in (first + thread..).step_by(4) {
                    write(db, n).expect("nobody is in the way");
                    say(&n.to_string());
                }
            });
        }
    });
}

/// Runs `program` with a role as its last words, if the kernel lets it; otherwise answers why not.
fn child_under(program: &[&str], role: &str, directory: &Path) -> Result<Vec<String>, String> {
    let tried = Command::new(program[0]).args(&program[1..]).arg("true").output();
    match tried {
        Ok(output) if output.status.success() => Ok(Child::start_under(program, role, directory).finish()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn a_disk_that_is_full_refuses_and_goes_on_when_there_is_room() {
    let directory = tempfile::tempdir().expect("a directory");
    let mount = format!("mount -t tmpfs -o size=2m tmpfs '{}' && exec \"$@\"", directory.path().display());
    let unshare = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", &mount, "sh"];
    match child_under(&unshare, "fill", directory.path()) {
        Ok(said) => println!("a full disk: {said:?}"),
        Err(reason) => println!("skipped, no small disk can be mounted: {reason}"),
    }
}

#[test]
fn a_backup_on_a_full_disk_is_refused_and_leaves_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let mount = format!("mount -t tmpfs -o size=2m tmpfs '{}' && exec \"$@\"", directory.path().display());
    let unshare = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", &mount, "sh"];
    match child_under(&unshare, "back-up", directory.path()) {
        Ok(said) => assert_eq!(said, ["refused"]),
        Err(reason) => println!("skipped, no small disk can be mounted: {reason}"),
    }
}

#[test]
fn a_directory_that_may_only_be_read_is_told_and_left() {
    let directory = tempfile::tempdir().expect("a directory");
    let db = open(directory.path(), Options::default()).expect("it opens");
    write(&db, 1).expect("it is written");
    db.close().expect("nobody is in the way");
    drop(db);
    let path = directory.path().join("notes.db");
    let before = fs::read(&path).expect("it is there");
    let remount = format!(
        "mount --bind '{0}' '{0}' && mount -o remount,bind,ro '{0}' && exec \"$@\"",
        directory.path().display()
    );
    let unshare = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", &remount, "sh"];
    match child_under(&unshare, "look-in", directory.path()) {
        Ok(said) => {
            println!("{said:?}");
            let [said] = &said[..] else { panic!("{said:?}") };
            assert!(
                said.starts_with("refused: ") && said.contains("turn."),
                "it names what it needs: {said}"
            );
        }
        Err(reason) => println!("skipped, nothing can be mounted for reading only: {reason}"),
    }
    assert_eq!(fs::read(&path).expect("it is there"), before);
}

#[test]
fn a_file_that_may_only_be_read_is_read_and_left() {
    let directory = tempfile::tempdir().expect("a directory");
    let db = open(directory.path(), Options::default()).expect("it opens");
    write(&db, 1).expect("it is written");
    db.close().expect("nobody is in the way");
    drop(db);
    let path = directory.path().join("notes.db");
    let before = fs::read(&path).expect("it is there");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).expect("it is ours");
    // Root may write everything, so the mount has to forbid it.
    let remount =
        format!("mount --bind '{0}' '{0}' && mount -o remount,bind,ro '{0}' && exec \"$@\"", path.display());
    let unshare = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", &remount, "sh"];
    match child_under(&unshare, "look", directory.path()) {
        Ok(said) => {
            println!("{said:?}");
            assert!(said.len() == 1 && said[0].starts_with("refused: "), "{said:?}");
        }
        Err(reason) => println!("skipped, nothing can be mounted for reading only: {reason}"),
    }
    assert_eq!(fs::read(&path).expect("it is there"), before);
}

#[test]
fn a_process_that_is_killed_loses_nothing_without_full_durability_either() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut acknowledged = Vec::new();
    for run in 0..kills() {
        let child = Child::start(&format!("write-until-killed {run}"), directory.path());
        for _ in 0..(run * 11) % 37 {
            acknowledged.push(child.hear().expect("it writes"));
        }
        acknowledged.extend(child.kill());
    }
    let path: PathBuf = directory.path().join("notes.db");
    let (sound, stored) = found(&path);
    assert_eq!(sound, "ok");
    for n in &acknowledged {
        let n: u64 = n.parse().expect("a number");
        assert!(stored.binary_search(&n).is_ok(), "{n} was acknowledged before its process was killed");
    }
    println!("{} kills, {} acknowledged", kills(), acknowledged.len());
}
