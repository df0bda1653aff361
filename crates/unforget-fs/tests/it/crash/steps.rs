//! The steps of a replacement, in their order, and what is not repeated.

use std::path::Path;

use unforget_fs::sim::{Call, Failure, Fault, SimDisk};
use unforget_fs::{Durability, Error, Files};

use super::cases::OPTIONS;

fn disk() -> SimDisk {
    let disk = SimDisk::new();
    disk.put("/store/file", b"old");
    // Not the mode of a new file, which would be right without being set.
    let owner = disk.entry_at("/store/file").expect("it was put there");
    disk.set_attributes("/store/file", 0o644, owner.uid(), owner.gid());
    disk
}

fn replace(disk: &SimDisk) -> Result<(), Error> {
    Files::on(disk).replace(Path::new("/store/file"), b"new", &OPTIONS)
}

fn synced(disk: &SimDisk) -> Vec<String> {
    let calls = disk.calls().into_iter();
    calls.filter(|(call, _)| *call == Call::SyncAll).map(|(_, path)| path.display().to_string()).collect()
}

#[test]
fn the_file_is_whole_and_synced_before_it_is_checked_and_named() {
    let disk = disk();
    let steps = |disk: &SimDisk| {
        let calls = disk.calls().into_iter().map(|(call, _)| call);
        calls.filter(|call| !matches!(call, Call::Entry | Call::FileEntry)).collect::<Vec<_>>()
    };
    let written = [Call::OpenDir, Call::Open, Call::TryLock, Call::WriteAt, Call::SetMode, Call::SyncAll];
    let check = || {
        assert_eq!(steps(&disk), written, "all of it is durable when the check is made");
        assert_eq!(disk.read("/store/file").unwrap(), b"old");
        Ok::<(), Error>(())
    };
    Files::on(&disk).replace_if("/store/file".as_ref(), b"new", &OPTIONS, check).unwrap();
    assert_eq!(steps(&disk)[written.len()..], [Call::Rename, Call::SyncDir]);
}

#[test]
fn a_failed_sync_is_answered_with_a_new_file_from_memory() {
    let disk = disk();
    for nth in 1..=2 {
        disk.fail(Fault::at(nth, Failure::Io).only(Call::SyncAll));
    }
    replace(&disk).expect("the third file is synced");
    let mut names = synced(&disk);
    assert_eq!(names.len(), 3);
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 3, "no file is synced again after its sync failed: {names:?}");
    assert_eq!(disk.names("/store").len(), 1, "no file of a failed attempt remains");
}

#[test]
fn the_third_failed_sync_is_the_last() {
    let disk = disk();
    disk.fail(Fault::at(1, Failure::Io).for_ever().only(Call::SyncAll));
    let outcome = replace(&disk);
    assert!(matches!(outcome, Err(Error::Io { operation: "sync", .. })), "{outcome:?}");
    assert_eq!(synced(&disk).len(), 3, "one attempt and two new files");
    assert_eq!(disk.read("/store/file").unwrap(), b"old");
    assert_eq!(disk.names("/store").len(), 1);
}

#[test]
fn a_full_disk_is_not_tried_again() {
    let disk = disk();
    disk.fail(Fault::at(1, Failure::NoSpace).for_ever().only(Call::SyncAll));
    let outcome = replace(&disk);
    assert!(matches!(outcome, Err(Error::Io { operation: "sync", .. })), "{outcome:?}");
    assert_eq!(synced(&disk).len(), 1);
    assert_eq!(disk.names("/store").len(), 1);
}

#[test]
fn a_failed_directory_sync_says_that_the_file_was_replaced() {
    let disk = disk();
    disk.fail(Fault::at(1, Failure::Io).only(Call::SyncDir));
    let outcome = replace(&disk);
    assert!(
        matches!(&outcome, Err(Error::CommittedNotDurable { path, .. }) if path == "/store/file"),
        "{outcome:?}"
    );
    assert_eq!(disk.read("/store/file").unwrap(), b"new", "the error says committed");
}

#[test]
fn nothing_is_synced_when_nothing_was_asked_to_be_durable() {
    let disk = disk();
    disk.fail(Fault::at(1, Failure::Io).for_ever().only(Call::SyncAll));
    disk.fail(Fault::at(1, Failure::Io).for_ever().only(Call::SyncDir));
    let options = OPTIONS.durability(Durability::None);
    Files::on(&disk).replace("/store/file".as_ref(), b"new", &options).expect("no sync is reached");
    assert_eq!(disk.read("/store/file").unwrap(), b"new");
}

#[test]
fn many_files_wait_for_their_directory_once() {
    let disk = disk();
    let files: Vec<_> = (0..5).map(|number| (format!("/store/{number}"), "content")).collect();
    Files::on(&disk).replace_many(&files, &OPTIONS).unwrap();
    let count = |wanted| disk.calls().iter().filter(|(call, _)| *call == wanted).count();
    assert_eq!((count(Call::SyncAll), count(Call::Rename), count(Call::SyncDir)), (5, 5, 1));
}

#[test]
fn a_file_that_another_program_has_open_is_waited_for() {
    let disk = disk();
    // Ten failures in a row, as long as a virus scanner may take.
    for nth in 1..=10 {
        disk.fail(Fault::at(nth, Failure::Sharing).only(Call::Rename));
    }
    replace(&disk).expect("the eleventh attempt succeeds");
    disk.fail(Fault::at(1, Failure::Sharing).for_ever().only(Call::Rename));
    let outcome = replace(&disk);
    assert!(matches!(outcome, Err(Error::Io { .. })), "{outcome:?}");
    assert_eq!(disk.names("/store").len(), 1, "and the temporary file is gone");
}
