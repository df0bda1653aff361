//! What is no lock file of ours is not locked, not written to, and named.

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::{Path, PathBuf};

use unforget_fs::{Error, LockFile, LockOptions};

use crate::child::{is_root, make_fifo, names_in};

fn try_acquire(path: &Path) -> Result<LockFile, Error> {
    LockFile::try_acquire(path, &LockOptions::new())
}

fn empty_dir() -> (tempfile::TempDir, PathBuf) {
    let root = tempfile::tempdir().expect("a temporary directory");
    let path = root.path().join("x.lock");
    (root, path)
}

#[test]
fn a_fifo_is_refused_and_does_not_block() {
    let (_root, path) = empty_dir();
    make_fifo(&path);
    for error in [try_acquire(&path).unwrap_err(), LockFile::holder(&path).unwrap_err()] {
        assert!(matches!(error, Error::NotRegular { found: "a FIFO", .. }), "{error:?}");
    }
}

#[test]
fn a_directory_is_refused() {
    let (_root, path) = empty_dir();
    fs::create_dir(&path).unwrap();
    for error in [try_acquire(&path).unwrap_err(), LockFile::holder(&path).unwrap_err()] {
        assert!(matches!(error, Error::NotRegular { found: "a directory", .. }), "{error:?}");
    }
}

#[test]
fn a_symlink_is_refused_and_nothing_is_made_through_it() {
    let (root, path) = empty_dir();
    for target in ["victim", "nowhere"] {
        fs::write(root.path().join("victim"), "").unwrap();
        symlink(target, &path).unwrap();
        for error in [try_acquire(&path).unwrap_err(), LockFile::holder(&path).unwrap_err()] {
            assert!(matches!(error, Error::Symlink { .. }), "{error:?}");
        }
        fs::remove_file(&path).unwrap();
    }
    assert_eq!(names_in(root.path()), ["victim"]);
    assert_eq!(fs::read(root.path().join("victim")).unwrap(), b"", "nothing was written");
}

#[test]
fn a_file_with_a_second_name_is_refused() {
    let (root, path) = empty_dir();
    fs::write(root.path().join("other"), "").unwrap();
    fs::hard_link(root.path().join("other"), &path).unwrap();
    let outcome = try_acquire(&path);
    assert!(matches!(outcome, Err(Error::HardLinked { links: 2, .. })), "{outcome:?}");
}

#[test]
fn another_users_file_is_refused() {
    let (_root, path) = empty_dir();
    fs::write(&path, "").unwrap();
    if is_root() {
        chown(&path, Some(12_345), None).unwrap();
        let outcome = try_acquire(&path);
        assert!(matches!(outcome, Err(Error::ForeignOwner { uid: 12_345, .. })), "{outcome:?}");
    } else {
        let outcome = try_acquire(Path::new("/etc/passwd"));
        assert!(outcome.is_err_and(|e| !e.is_retryable()), "we may not write it");
    }
}

#[test]
fn content_that_is_no_record_is_not_overwritten() {
    let (_root, path) = empty_dir();
    for content in [&b"my notes"[..], b"4711", b"{\"name\": \"value\"}", b"\0asm\x01\0\0\0", &[0; 5000]] {
        fs::write(&path, content).unwrap();
        let outcome = try_acquire(&path);
        assert!(matches!(outcome, Err(Error::ForeignContent { .. })), "{outcome:?}");
        assert_eq!(fs::read(&path).unwrap(), content);
        assert_eq!(LockFile::holder(&path).unwrap(), None, "nobody holds it");
    }
}

#[test]
fn what_a_power_loss_leaves_does_not_shut_the_lock() {
    let (_root, path) = empty_dir();
    for content in [&b""[..], &[0; 300], b"{\"v\":1,\"pid\":12,\"sta"] {
        fs::write(&path, content).unwrap();
        let guard = try_acquire(&path).expect("a torn record is no foreign content");
        assert_eq!(guard.previous_unclean(), None, "nobody can be named");
        guard.release().unwrap();
    }
}

#[test]
fn a_lock_file_that_was_removed_is_noticed_and_its_successor_is_left_alone() {
    for unlink in [false, true] {
        let (_root, path) = empty_dir();
        let options = LockOptions::new().unlink_on_release(unlink);
        let guard = LockFile::try_acquire(&path, &options).unwrap();
        fs::remove_file(&path).unwrap();
        let error = guard.verify().unwrap_err();
        assert!(matches!(error, Error::LockReplaced { .. }), "{error:?}");

        let successor = try_acquire(&path).expect("another file, another lock");
        let record = fs::read(&path).unwrap();
        let error = guard.release().unwrap_err();
        assert!(matches!(error, Error::LockReplaced { .. }), "{error:?}");
        assert_eq!(fs::read(&path).unwrap(), record, "only its holder may touch it");
        successor.release().unwrap();
    }
}

#[test]
fn a_missing_directory_is_an_error_that_names_it() {
    let (root, _) = empty_dir();
    let path = root.path().join("missing/x.lock");
    let error = try_acquire(&path).unwrap_err();
    assert!(matches!(error, Error::Io { operation: "open the directory", .. }), "{error:?}");
    assert_eq!(LockFile::holder(&path).unwrap(), None, "what is not there is not held");
}
