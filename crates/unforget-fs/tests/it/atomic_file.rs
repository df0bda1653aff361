//! New content in pieces: committed whole, given back, or gone.

use std::error::Error as _;
use std::fs;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use unforget_fs::sim::{Call, Failure, Fault, Profile, SimDisk};
use unforget_fs::{AtomicFile, Error, Files, ReplaceOptions, SymlinkPolicy};

use crate::child::{Part, make_fifo, names_in, say, wait_for_parent};

const OPTIONS: ReplaceOptions = ReplaceOptions::new();

/// Writes half a file, and waits to be killed.
pub(crate) fn write(part: &Part) {
    let mut file = AtomicFile::create(&part.path, &OPTIONS).expect("it begins");
    file.write_all(b"half").expect("written");
    say(&file.temporary_path().to_string_lossy());
    wait_for_parent();
}

fn with_old() -> (tempfile::TempDir, std::path::PathBuf) {
    let root = tempfile::tempdir().expect("a temporary directory");
    let path = root.path().join("file");
    fs::write(&path, "old").expect("the old file");
    (root, path)
}

#[test]
fn pieces_at_any_place_are_committed_whole() {
    let (root, path) = with_old();
    let mut file = BufWriter::new(AtomicFile::create(&path, &OPTIONS).unwrap());
    write!(file, "....{}", "x".repeat(100_000)).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.write_all(b"head").unwrap();
    file.seek(SeekFrom::End(-4)).unwrap();
    file.seek(SeekFrom::Current(2)).unwrap();
    file.write_all(b"tail").unwrap();
    file.seek(SeekFrom::Current(-200_000)).unwrap_err();
    assert_eq!(fs::read(&path).unwrap(), b"old", "nobody sees it before the commit");
    file.into_inner().unwrap().commit().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("head{}tail", "x".repeat(99_998)));
    assert_eq!(names_in(root.path()), ["file"]);
}

#[test]
fn a_file_that_is_dropped_leaves_nothing() {
    let (root, path) = with_old();
    let mut file = AtomicFile::create(&path, &OPTIONS).unwrap();
    file.write_all(b"new").unwrap();
    assert_eq!(names_in(root.path()).len(), 2);
    drop(file);
    assert_eq!((names_in(root.path()).len(), fs::read(&path).unwrap()), (1, b"old".to_vec()));
}

#[test]
fn the_attributes_at_the_commit_are_kept() {
    let (_root, path) = with_old();
    let mut file = AtomicFile::create(&path, &OPTIONS).unwrap();
    file.write_all(b"new").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    file.commit().unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
}

#[test]
fn a_second_commit_keeps_the_attributes_of_its_own_time() {
    let (_root, path) = with_old();
    let file = AtomicFile::create(&path, &OPTIONS).unwrap();
    let denied = file.commit_if(|| Err(Error::Untrusted { path: path.clone() })).unwrap_err();
    let mut file = denied.into_parts().1.expect("it is not lost");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    file.write_all(b"new").unwrap();
    file.commit().unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(
        mode, 0o600,
        "a mode that was private when the file was made is set again if it was changed since"
    );
}

#[test]
fn a_commit_that_cannot_rename_gives_the_file_back() {
    let (root, path) = with_old();
    let file = AtomicFile::create(&path, &OPTIONS).unwrap();
    let outcome = file.commit_if(|| {
        fs::remove_file(&path).and_then(|()| fs::create_dir(&path)).expect("the name is free");
        Ok::<(), Error>(())
    });
    let failed = outcome.expect_err("a file cannot take the name of a directory");
    assert_eq!(failed.to_string(), failed.error().to_string());
    assert!(failed.source().is_some(), "the cause is not lost");
    let (error, file) = failed.into_parts();
    assert!(matches!(error, Error::Io { operation: "rename a temporary file to", .. }), "{error:?}");
    fs::remove_dir(&path).unwrap();
    let mut file = file.expect("it is not lost");
    file.write_all(b"later").unwrap();
    file.commit().expect("the name is free again");
    assert_eq!(fs::read(&path).unwrap(), b"later");
    assert_eq!(names_in(root.path()), ["file"]);
}

#[test]
fn a_link_that_came_since_is_not_replaced_unless_that_was_asked_for() {
    let (root, path) = with_old();
    let replace_links = OPTIONS.symlinks(SymlinkPolicy::ReplaceLink);
    for (options, is_replaced) in [(OPTIONS, false), (replace_links, true)] {
        fs::remove_file(&path).unwrap();
        let file = AtomicFile::create(&path, &options).unwrap();
        symlink("elsewhere", &path).unwrap();
        let outcome = file.commit().map_err(|failed| failed.into_parts().0);
        assert_eq!(outcome.is_ok(), is_replaced, "{outcome:?}");
        assert_eq!(path.is_symlink(), !is_replaced);
    }
    let file = AtomicFile::create(&path, &OPTIONS).unwrap();
    fs::remove_file(&path).unwrap();
    make_fifo(&path);
    assert!(matches!(file.commit().unwrap_err().error(), Error::NotRegular { .. }));
    assert_eq!(names_in(root.path()), ["file"]);
}

#[test]
fn a_check_of_the_callers_own_stops_a_commit() {
    #[derive(Debug)]
    struct Stale;
    impl From<Error> for Stale {
        fn from(_: Error) -> Self {
            Self
        }
    }
    let (_root, path) = with_old();
    let file = AtomicFile::create(&path, &OPTIONS).unwrap();
    let (Stale, file) = file.commit_if(|| Err(Stale)).unwrap_err().into_parts();
    assert_eq!(fs::read(&path).unwrap(), b"old");
    file.expect("it is not lost").commit().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"");
}

fn simulated() -> (SimDisk, AtomicFile<SimDisk>) {
    let disk = SimDisk::with_block_size(4);
    disk.put("/file", b"old");
    let mut file = Files::on(&disk).atomic_file("/file".as_ref(), &OPTIONS).expect("it begins");
    file.write_all(b"new content").expect("written");
    (disk, file)
}

#[test]
fn after_a_failed_sync_no_commit_succeeds() {
    let (disk, file) = simulated();
    disk.fail(Fault::at(1, Failure::Io).only(Call::SyncAll));
    let (error, file) = file.commit().unwrap_err().into_parts();
    assert!(matches!(error, Error::Io { operation: "sync", .. }), "{error:?}");
    let mut file = file.expect("it can be looked at");
    file.write_all(b"more").unwrap();
    let (error, file) = file.commit().unwrap_err().into_parts();
    assert!(matches!(error, Error::Untrusted { .. }), "a second sync would prove nothing: {error:?}");
    drop(file);
    assert_eq!(disk.read("/file").unwrap(), b"old");
    assert_eq!(disk.names("/").len(), 1);
}

#[test]
fn what_is_written_after_a_failed_commit_is_synced_too() {
    let (disk, file) = simulated();
    disk.fail(Fault::at(1, Failure::Denied).only(Call::Rename));
    let mut file = file.commit().unwrap_err().into_parts().1.expect("it comes back");
    file.write_all(b", and more").unwrap();
    file.commit().unwrap();
    disk.mark("committed");
    for state in &disk.crash_states(Profile::PosixWeak) {
        let found = state.disk().read("/file").unwrap_or_default();
        let is_new = found == b"new content, and more";
        assert!(is_new || found == b"old" && !state.has_mark("committed"), "{found:?}: {state}");
    }
}

#[test]
fn a_file_that_was_renamed_does_not_come_back() {
    let (disk, file) = simulated();
    disk.fail(Fault::at(1, Failure::Io).only(Call::SyncDir));
    let (error, file) = file.commit().unwrap_err().into_parts();
    assert!(matches!(error, Error::CommittedNotDurable { .. }) && file.is_none(), "{error:?}");
    assert_eq!(disk.read("/file").unwrap(), b"new content");
}

#[test]
fn a_file_of_another_library_gets_the_name() {
    let (root, path) = with_old();
    let written = root.path().join("backup");
    fs::write(&written, "a copy").unwrap();
    let mut file = AtomicFile::adopt(&written, &path, &OPTIONS).unwrap();
    file.seek(SeekFrom::End(0)).unwrap();
    file.write_all(b", signed").unwrap();
    file.commit().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"a copy, signed");
    fs::write(&written, "another").unwrap();
    drop(AtomicFile::adopt(&written, &path, &OPTIONS).unwrap());
    assert_eq!(names_in(root.path()), ["file"], "an adopted file that is dropped is removed");
}

#[test]
fn what_others_may_reach_or_use_is_not_adopted_and_left_alone() {
    let (root, path) = with_old();
    let at = |name: &str| root.path().join(name);
    fs::write(at("plain"), "content").unwrap();
    fs::hard_link(at("plain"), at("second")).unwrap();
    symlink("plain", at("link")).unwrap();
    make_fifo(&at("fifo"));
    fs::create_dir(at("dir")).unwrap();
    fs::write(at("dir/inner"), "content").unwrap();
    fs::write(at("locked"), "content").unwrap();
    let lock = fs::File::open(at("locked")).unwrap();
    lock.lock().unwrap();
    let before = names_in(root.path());
    let adopt = |name: &str| AtomicFile::adopt(&at(name), &path, &OPTIONS).unwrap_err();
    assert!(matches!(adopt("plain"), Error::HardLinked { links: 2, .. }));
    assert!(matches!(adopt("link"), Error::Symlink { .. }));
    assert!(matches!(adopt("fifo"), Error::NotRegular { found: "a FIFO", .. }));
    assert!(matches!(adopt("dir"), Error::NotRegular { found: "a directory", .. }));
    assert!(matches!(adopt("locked"), Error::Locked { .. }));
    for name in ["missing", "dir/inner", "file"] {
        assert!(matches!(adopt(name), Error::Io { .. }), "{name}");
    }
    assert_eq!(names_in(root.path()), before);
    assert!(at("dir/inner").exists());
}

#[test]
fn a_name_that_a_sweep_would_take_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join(".unforget-tmp-0123456789abcdef");
    for outcome in [
        unforget_fs::replace(&path, b"mine", &OPTIONS),
        unforget_fs::create_new(&path, b"mine", &OPTIONS),
        AtomicFile::create(&path, &OPTIONS).map(drop),
    ] {
        assert!(matches!(outcome, Err(Error::Io { operation: "use as a file name", .. })), "{outcome:?}");
    }
    assert_eq!(names_in(Path::new(root.path())), Vec::<String>::new());
}
