//! Every kind of lock against names that lead elsewhere, names that are long, and directories that cannot be
//! written to.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use unforget_fs::{DotLock, Error, GitLock, Lease, LockFile, LockOptions, ReplaceOptions, SharedLock};

use crate::child::{Child, Part, is_root, make_fifo, names_in, say};

/// The longest name that file systems have.
const LONGEST: usize = 255;

/// Takes a lock of some kind and gives it back.
type Kind = fn(&Path) -> Result<(), Error>;

const KINDS: [(&str, Kind); 5] = [
    ("LockFile", |path| LockFile::try_acquire(path, &LockOptions::new())?.release()),
    ("SharedLock", |path| SharedLock::try_acquire(path)?.release()),
    ("DotLock", |path| DotLock::try_acquire(path)?.release()),
    ("GitLock", |path| {
        // Its file has a name of its own: `X.lock` for `X`.
        GitLock::try_acquire(&path.with_extension(""), &ReplaceOptions::new())?.rollback()
    }),
    ("Lease", |path| Lease::try_acquire(path, Duration::from_hours(1), &LockOptions::new())?.release()),
];

/// Tries each kind in a directory, and says what came of it.
pub(crate) fn try_every_kind(part: &Part) {
    for (name, take) in KINDS {
        match take(&part.path) {
            Ok(()) => say(&format!("{name}: ok")),
            Err(Error::Io { operation, source, .. }) => {
                say(&format!("{name}: {operation}: {:?}", source.kind()));
            }
            Err(other) => say(&format!("{name}: {other}")),
        }
    }
}

#[test]
fn a_link_is_not_followed_by_any_kind() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("x.lock");
    fs::write(root.path().join("victim"), "").unwrap();
    for target in ["victim", "nowhere"] {
        symlink(target, &path).unwrap();
        for (name, take) in KINDS {
            let outcome = take(&path);
            assert!(matches!(outcome, Err(Error::Symlink { .. })), "{name}: {outcome:?}");
        }
        fs::remove_file(&path).unwrap();
    }
    assert_eq!(names_in(root.path()), ["victim"], "nothing was made through it");
    assert_eq!(fs::read(root.path().join("victim")).unwrap(), b"", "and nothing written");
}

#[test]
fn a_fifo_and_a_directory_block_nobody() {
    let root = tempfile::tempdir().unwrap();
    let (fifo, dir) = (root.path().join("fifo.lock"), root.path().join("dir.lock"));
    make_fifo(&fifo);
    fs::create_dir(&dir).unwrap();
    for (name, take) in KINDS {
        for (path, what) in [(&fifo, "a FIFO"), (&dir, "a directory")] {
            let outcome = take(path);
            assert!(
                matches!(outcome, Err(Error::NotRegular { found, .. }) if found == what),
                "{name}: {outcome:?}"
            );
        }
    }
    assert_eq!(names_in(root.path()), ["dir.lock", "fifo.lock"]);
}

#[test]
fn a_file_under_a_second_name_is_written_to_by_no_kind() {
    let root = tempfile::tempdir().unwrap();
    let (victim, path) = (root.path().join("victim"), root.path().join("x.lock"));
    fs::write(&victim, "").unwrap();
    fs::hard_link(&victim, &path).unwrap();
    for (name, take) in KINDS {
        let outcome = take(&path);
        // For locks by existence it is simply there.
        let refused = matches!(outcome, Err(Error::HardLinked { links: 2, .. } | Error::Locked { .. }));
        assert!(refused, "{name}: {outcome:?}");
        assert_eq!(fs::read(&victim).unwrap(), b"", "{name}");
    }
    assert_eq!(names_in(root.path()), ["victim", "x.lock"]);
}

#[test]
fn a_dead_record_of_another_user_is_not_believed() {
    if !is_root() {
        println!("not tested: only a superuser can make a file of another user");
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("x.lock");
    let guard = DotLock::try_acquire(&path).unwrap();
    let mut record: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    guard.release().unwrap();
    record["pid"] = i32::MAX.into();
    fs::write(&path, record.to_string()).unwrap();
    std::os::unix::fs::chown(&path, Some(12_345), None).unwrap();
    let outcome = DotLock::try_acquire(&path);
    assert!(matches!(outcome, Err(Error::Locked { .. })), "{outcome:?}");
}

#[test]
fn names_of_the_greatest_length_are_locked() {
    let root = tempfile::tempdir().unwrap();
    let longest = root.path().join(format!("{}.lock", "n".repeat(LONGEST - ".lock".len())));
    for (name, take) in KINDS {
        take(&longest).unwrap_or_else(|e| panic!("{name}: {e}: {:?}", std::error::Error::source(&e)));
        // The kinds are not used on one path; what one leaves is no lock of another.
        let _ = fs::remove_file(&longest);
    }
    let too_long = root.path().join(format!("n{}.lock", "n".repeat(LONGEST - ".lock".len())));
    for (name, take) in KINDS {
        let outcome = take(&too_long);
        assert!(matches!(outcome, Err(Error::Io { .. })), "{name}: {outcome:?}");
    }
    assert!(names_in(root.path()).is_empty(), "nothing is left of those that failed");
}

#[test]
fn a_dead_holder_with_a_name_of_the_greatest_length_is_replaced() {
    let root = tempfile::tempdir().unwrap();
    let longest = root.path().join("n".repeat(LONGEST));
    let mut holder = Child::start("dot_lock::hold", &longest, 0);
    holder.expect("held");
    holder.kill();
    let guard = DotLock::try_acquire(&longest).expect("its second lock has a short name");
    assert!(guard.previous_unclean().is_some());
}

#[test]
fn a_directory_that_cannot_be_written_to_is_an_error_unless_the_file_is_there() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("x.lock");
    let set_mode = |mode| fs::set_permissions(root.path(), fs::Permissions::from_mode(mode)).unwrap();
    set_mode(0o555);
    let tried = || {
        let mut command = Command::new(std::env::current_exe().unwrap());
        if is_root() {
            command.uid(12_345).gid(12_345);
        }
        Child::start_by(command, "lock::try_every_kind", &path, 0).finish()
    };
    let refused = [
        "LockFile: open: PermissionDenied",
        "SharedLock: open: PermissionDenied",
        "DotLock: write the owner of: PermissionDenied",
        "GitLock: write the owner of: PermissionDenied",
        "Lease: open: PermissionDenied",
    ];
    assert_eq!(tried(), refused);
    assert!(names_in(root.path()).is_empty());

    set_mode(0o755);
    fs::write(&path, "").unwrap();
    if is_root() {
        std::os::unix::fs::chown(&path, Some(12_345), None).unwrap();
    }
    set_mode(0o555);
    let said = tried();
    let worked: Vec<_> = said.iter().filter(|line| line.ends_with(": ok")).map(String::as_str).collect();
    assert_eq!(worked, ["LockFile: ok", "SharedLock: ok", "Lease: ok"], "{said:?}");
    set_mode(0o755);
}

#[test]
fn a_file_that_cannot_be_removed_is_released_and_its_holder_not_taken_for_dead() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("x.lock");
    fs::write(&path, "").unwrap();
    if is_root() {
        std::os::unix::fs::chown(&path, Some(12_345), None).unwrap();
    }
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    if is_root() {
        command.uid(12_345).gid(12_345);
    }
    let said = Child::start_by(command, "lock::release_twice", &path, 0).finish();
    assert_eq!(said, ["remove: PermissionDenied, clean", "remove: PermissionDenied, clean"]);
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
}

/// Takes a lock twice whose file is to be removed; says how the release went and how the one before ended.
pub(crate) fn release_twice(part: &Part) {
    for _ in 0..2 {
        let options = LockOptions::new().unlink_on_release(true);
        let guard = LockFile::try_acquire(&part.path, &options).expect("acquired");
        let before = if guard.previous_unclean().is_some() { "unclean" } else { "clean" };
        match guard.release() {
            Err(Error::Io { operation, source, .. }) => {
                say(&format!("{operation}: {:?}, {before}", source.kind()));
            }
            outcome => say(&format!("{outcome:?}, {before}")),
        }
    }
}
