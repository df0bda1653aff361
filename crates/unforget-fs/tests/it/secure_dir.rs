//! Private directories are private, ours, and made once however many make them.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::sync::Barrier;

use unforget_fs::{Error, SecureDir};

use crate::child::{Child, Part, is_root, names_in, say, wait_for_parent};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it exists").mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("our directory");
}

pub(crate) fn create(part: &Part) {
    say("ready");
    wait_for_parent();
    say(&format!("{:?}", SecureDir::create(&part.path).map(drop)));
}

#[test]
fn threads_and_processes_that_create_one_directory_all_succeed() {
    for _ in 0..10 {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("parent/store");
        let mut processes: Vec<_> = (0..4).map(|_| Child::start("secure_dir::create", &path, 0)).collect();
        for process in &processes {
            process.expect("ready");
        }
        let start = Barrier::new(33);
        std::thread::scope(|scope| {
            let create = || {
                start.wait();
                SecureDir::create(&path).map(drop)
            };
            let threads: Vec<_> = (0..32).map(|_| scope.spawn(create)).collect();
            processes.iter_mut().for_each(Child::wake);
            start.wait();
            for thread in threads {
                thread.join().expect("a thread").expect("every creator succeeds");
            }
        });
        for process in processes {
            assert_eq!(process.finish(), ["Ok(())"], "every creator succeeds");
        }
        assert_eq!(mode(&path), 0o700);
    }
}

#[test]
fn a_new_directory_is_private_and_empty() {
    let root = tempfile::tempdir().unwrap();
    let store = SecureDir::create(&root.path().join("a/b/store/")).unwrap();
    assert_eq!(mode(store.path()), 0o700);
    assert!(store.is_empty().unwrap());
    assert_eq!(store.path(), root.path().join("a/b/store"));
    assert_eq!(store.file("unforget.db"), root.path().join("a/b/store/unforget.db"));
}

#[test]
fn a_symlink_is_refused_also_with_a_trailing_separator() {
    let root = tempfile::tempdir().unwrap();
    let (real, link) = (root.path().join("real"), root.path().join("link"));
    SecureDir::create(&real).unwrap();
    symlink("real", &link).unwrap();
    for path in [link.clone(), root.path().join("link/"), root.path().join("link/.")] {
        for outcome in [SecureDir::create(&path), SecureDir::open(&path)] {
            assert!(
                matches!(&outcome, Err(Error::Symlink { path }) if *path == link),
                "{path:?}: {outcome:?}"
            );
        }
    }
    let dangling = root.path().join("dangling");
    symlink("nowhere", &dangling).unwrap();
    assert!(matches!(SecureDir::create(&dangling), Err(Error::Symlink { .. })));
    assert!(!root.path().join("nowhere").exists(), "nothing was made through the link");
}

#[test]
fn another_users_directory_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let (path, owner) = if is_root() {
        let path = root.path().join("theirs");
        SecureDir::create(&path).unwrap();
        chown(&path, Some(12_345), None).unwrap();
        (path, 12_345)
    } else {
        (Path::new("/").to_owned(), 0)
    };
    for outcome in [SecureDir::create(&path), SecureDir::open(&path)] {
        assert!(matches!(outcome, Err(Error::ForeignOwner { uid, .. }) if uid == owner), "{outcome:?}");
    }
}

#[test]
fn an_exposed_directory_is_made_private_only_while_it_is_empty() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("store");
    fs::create_dir(&path).unwrap();
    set_mode(&path, 0o755);
    assert!(
        matches!(SecureDir::open(&path), Err(Error::Exposed { mode: 0o755, .. })),
        "open changes nothing"
    );
    SecureDir::create(&path).expect("an empty directory becomes private");
    assert_eq!(mode(&path), 0o700);

    fs::write(path.join("planted"), "").unwrap();
    set_mode(&path, 0o777);
    assert!(matches!(SecureDir::create(&path), Err(Error::Exposed { mode: 0o777, .. })));
    assert_eq!(mode(&path), 0o777, "a directory with content is left as it is");
}

#[test]
fn a_file_in_the_way_is_named() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("file");
    fs::write(&path, "content").unwrap();
    for outcome in [SecureDir::create(&path), SecureDir::open(&path)] {
        assert!(matches!(outcome, Err(Error::NotDirectory { .. })), "{outcome:?}");
    }
    assert_eq!(names_in(root.path()), ["file"]);
}

#[test]
fn a_missing_directory_does_not_open() {
    let root = tempfile::tempdir().unwrap();
    let outcome = SecureDir::open(&root.path().join("missing"));
    assert!(matches!(outcome, Err(Error::Io { operation: "open the directory", .. })), "{outcome:?}");
    assert!(names_in(root.path()).is_empty());
}

#[test]
fn names_that_would_leave_the_directory_panic() {
    let root = tempfile::tempdir().unwrap();
    let store = SecureDir::create(&root.path().join("store")).unwrap();
    for name in ["", ".", "..", "../x", "a/b", "/etc/passwd"] {
        assert!(std::panic::catch_unwind(|| store.file(name)).is_err(), "{name:?} is refused");
    }
}
