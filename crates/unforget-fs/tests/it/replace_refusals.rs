//! When a replacement fails, the old file is there and nothing else is.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use unforget_fs::{Durability, Error, ReplaceOptions, SymlinkPolicy, replace, replace_if};

use crate::child::{Child, Part, is_root, make_fifo, names_in, say};

const OPTIONS: ReplaceOptions = ReplaceOptions::new();

/// A directory with one file in it.
fn with_file() -> (tempfile::TempDir, std::path::PathBuf) {
    let root = tempfile::tempdir().expect("a temporary directory");
    let path = root.path().join("file");
    fs::write(&path, "old").expect("the old file");
    (root, path)
}

fn assert_untouched(root: &Path) {
    assert_eq!(names_in(root), ["file"], "no temporary file remains");
    assert_eq!(fs::read(root.join("file")).expect("readable"), b"old", "the old file is as it was");
}

#[test]
fn a_check_that_fails_changes_nothing() {
    let (root, path) = with_file();
    let outcome = replace_if(&path, b"new", &OPTIONS, || {
        assert_eq!(names_in(root.path()).len(), 2, "the new file is there and has not the name yet");
        Err(Error::HeldHere { path: path.clone() })
    });
    assert!(matches!(outcome, Err(Error::HeldHere { .. })), "the error of the check comes back: {outcome:?}");
    assert_untouched(root.path());
}

#[test]
fn a_check_may_fail_with_an_error_of_its_own() {
    #[derive(Debug)]
    enum Mine {
        Conflict,
        Fs(Error),
    }
    impl From<Error> for Mine {
        fn from(error: Error) -> Self {
            Self::Fs(error)
        }
    }
    let (root, path) = with_file();
    let outcome = replace_if(&path, b"new", &OPTIONS, || Err(Mine::Conflict));
    assert!(matches!(outcome, Err(Mine::Conflict)), "{outcome:?}");
    let outcome = replace_if(&path.join("below"), b"new", &OPTIONS, || Err(Mine::Conflict));
    assert!(matches!(outcome, Err(Mine::Fs(Error::Io { .. }))), "{outcome:?}");
    assert_untouched(root.path());
}

#[test]
fn a_rename_that_fails_leaves_no_temporary_file() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("file");
    let outcome = replace_if(&path, b"new", &OPTIONS, || {
        // A file cannot take the name of a directory.
        fs::create_dir(&path).expect("the name is free");
        Ok::<(), Error>(())
    });
    assert!(
        matches!(&outcome, Err(Error::Io { operation: "rename a temporary file to", .. })),
        "{outcome:?}"
    );
    assert_eq!(names_in(root.path()), ["file"]);
    assert!(path.is_dir());
}

#[test]
fn what_is_no_regular_file_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let fifo = root.path().join("fifo");
    make_fifo(&fifo);
    for (path, kind) in
        [(fifo.as_path(), "a FIFO"), (root.path(), "a directory"), (Path::new("/dev/null"), "a device")]
    {
        let outcome = replace(path, b"new", &OPTIONS);
        assert!(matches!(&outcome, Err(Error::NotRegular { found, .. }) if *found == kind), "{outcome:?}");
    }
    assert_eq!(names_in(root.path()), ["fifo"]);
}

#[test]
fn a_ring_of_symlinks_ends() {
    let root = tempfile::tempdir().unwrap();
    symlink("b", root.path().join("a")).unwrap();
    symlink("a", root.path().join("b")).unwrap();
    let outcome = replace(&root.path().join("a"), b"new", &OPTIONS.symlinks(SymlinkPolicy::Follow));
    assert!(matches!(outcome, Err(Error::Io { operation: "follow", .. })), "{outcome:?}");
    assert_eq!(names_in(root.path()), ["a", "b"]);
}

#[test]
fn paths_that_cannot_be_are_errors_that_name_them() {
    let (root, path) = with_file();
    let too_long = root.path().join("x".repeat(256));
    for bad in [path.join("below-a-file"), too_long, root.path().join("missing/file"), root.path().join("..")]
    {
        let error = replace(&bad, b"new", &OPTIONS).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error:?}");
        assert!(error.to_string().contains(root.path().to_str().unwrap()), "{error}");
    }
    assert_untouched(root.path());
}

/// Replaces the file once, and tells how that went.
pub(crate) fn try_once(part: &Part) {
    let contents = vec![b'n'; usize::try_from(part.times).expect("a size")];
    match replace(&part.path, &contents, &OPTIONS.durability(Durability::None)) {
        Ok(()) => say("ok"),
        Err(Error::ForeignOwner { uid, .. }) => say(&format!("foreign owner {uid}")),
        Err(Error::Io { operation, source, .. }) => say(&format!("{operation}: {:?}", source.kind())),
        Err(other) => say(&format!("{other:?}")),
    }
}

#[test]
fn a_write_that_stops_half_way_leaves_the_old_file() {
    let (root, path) = with_file();
    // The limit lets the first 4096 bytes be written; the shell ignores the signal that would end the process
    // then.
    let limited = |size| {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$@\"", "sh"])
            .arg(std::env::current_exe().unwrap());
        Child::start_by(shell, "replace::try_once", &path, size)
    };
    assert_eq!(limited(10_000).finish(), ["write the new content of: FileTooLarge"]);
    assert_untouched(root.path());
    assert_eq!(limited(4096).finish(), ["ok"], "the limit itself is not exceeded");
}

#[test]
fn another_users_directory_or_file_is_left_alone() {
    if !is_root() {
        // Without the right to become another user, the root directory is the other user's place.
        let outcome = replace(Path::new("/unforget-fs-test"), b"new", &OPTIONS);
        assert!(matches!(outcome, Err(Error::Io { .. })), "{outcome:?}");
        return;
    }
    let as_other = |path: &Path| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.uid(12_345).gid(12_345);
        Child::start_by(command, "replace::try_once", path, 10).finish()
    };
    let (root, path) = with_file();
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(as_other(&path), ["create a temporary file beside: PermissionDenied"]);
    assert_untouched(root.path());

    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(as_other(&path), ["foreign owner 0"], "an owner that cannot be kept is not replaced by ours");
    assert_untouched(root.path());

    chown(&path, Some(12_345), Some(12_345)).unwrap();
    assert_eq!(as_other(&path), ["ok"]);
}
