//! The simulated disk: wrong protocols lose data on it, and the right one does not.

mod faults;

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use unforget_fs::disk::{Disk, Open, Rename};
use unforget_fs::sim::{CrashState, CrashStates, Failure, Fault, Profile, SimDir, SimDisk, SimFile};

const OLD: &[u8] = b"old old old";
const NEW: &[u8] = b"new new new";

/// A disk that tears every four bytes, with one file on it.
fn disk() -> (SimDisk, SimDir) {
    let disk = SimDisk::with_block_size(4);
    disk.put("/store/file", OLD);
    let dir = disk.open_dir(None, Path::new("/store")).expect("it is there");
    (disk, dir)
}

fn create(disk: &SimDisk, dir: &SimDir, name: &str, contents: &[u8]) -> SimFile {
    let file = disk.open(dir, OsStr::new(name), Open::New).expect("it is new");
    assert_eq!(disk.write_at(&file, contents, 0).expect("there is room"), contents.len());
    file
}

fn rename(disk: &SimDisk, dir: &SimDir) {
    disk.rename(dir, OsStr::new("temp"), OsStr::new("file"), Rename::Replace).expect("renamed");
}

/// How many states have neither the old nor the new content, and how many lack what was acknowledged.
fn losses(states: &CrashStates) -> (usize, usize) {
    let content = |state: &CrashState| state.disk().read("/store/file");
    let is_one = |state: &&CrashState| content(state).is_some_and(|found| found == OLD || found == NEW);
    let broken = states.iter().filter(|state| !is_one(state)).count();
    let forgotten = states
        .iter()
        .filter(|state| state.has_mark("acknowledged") && content(state).as_deref() != Some(NEW));
    (broken, forgotten.count())
}

#[test]
fn the_right_protocol_loses_nothing() {
    for profile in Profile::ALL {
        let (disk, dir) = disk();
        let temp = create(&disk, &dir, "temp", NEW);
        disk.sync_all(&temp).unwrap();
        rename(&disk, &dir);
        disk.sync_dir(&dir).unwrap();
        disk.mark("acknowledged");
        let states = disk.crash_states(profile);
        println!("{profile:?}: {} states of {} subsets", states.len(), states.subsets());
        assert!(states.is_exhaustive());
        assert_eq!(losses(&states), (0, 0), "{profile:?}");
    }
}

#[test]
fn content_that_is_not_synced_before_the_rename_is_lost() {
    for profile in Profile::ALL {
        let (disk, dir) = disk();
        let _temp = create(&disk, &dir, "temp", NEW);
        rename(&disk, &dir);
        disk.sync_dir(&dir).unwrap();
        disk.mark("acknowledged");
        let (broken, forgotten) = losses(&disk.crash_states(profile));
        assert!(broken > 0 && forgotten > 0, "{profile:?}: {broken}, {forgotten}");
    }
}

#[test]
fn a_rename_without_a_sync_of_the_directory_is_forgotten() {
    for profile in Profile::ALL {
        let (disk, dir) = disk();
        let temp = create(&disk, &dir, "temp", NEW);
        disk.sync_all(&temp).unwrap();
        rename(&disk, &dir);
        disk.mark("acknowledged");
        let (broken, forgotten) = losses(&disk.crash_states(profile));
        assert_eq!(broken, 0, "{profile:?}: it is one of the two");
        assert!(forgotten > 0, "{profile:?}");
    }
}

#[test]
fn a_new_name_without_a_sync_of_the_directory_is_lost_unless_a_journal_hides_it() {
    let forgotten = |profile| {
        let (disk, dir) = disk();
        let new = create(&disk, &dir, "new", NEW);
        disk.sync_all(&new).unwrap();
        disk.mark("acknowledged");
        let states = disk.crash_states(profile);
        let acknowledged = states.iter().filter(|state| state.has_mark("acknowledged"));
        acknowledged.filter(|state| state.disk().read("/store/new").is_none()).count()
    };
    assert!(forgotten(Profile::PosixWeak) > 0, "a sync of a file says nothing about its name");
    assert_eq!(forgotten(Profile::Ext4Like), 0, "this is why the weak profile decides");
}

#[test]
fn a_sync_that_is_repeated_after_it_failed_proves_nothing() {
    for failure in [Failure::Io, Failure::NoSpace] {
        let (disk, dir) = disk();
        let temp = create(&disk, &dir, "temp", NEW);
        disk.fail(Fault::at(1, failure));
        disk.sync_all(&temp).unwrap_err();
        disk.sync_all(&temp).expect("the system has forgotten what it could not write");
        rename(&disk, &dir);
        disk.sync_dir(&dir).unwrap();
        let (broken, _) = losses(&disk.crash_states(Profile::PosixWeak));
        assert!(broken > 0, "{failure:?}");
    }
}

#[test]
fn a_sync_that_was_interrupted_is_repeated_and_holds() {
    let (disk, dir) = disk();
    let temp = create(&disk, &dir, "temp", NEW);
    disk.fail(Fault::at(1, Failure::Interrupted));
    assert_eq!(disk.sync_all(&temp).unwrap_err().kind(), io::ErrorKind::Interrupted);
    disk.sync_all(&temp).unwrap();
    rename(&disk, &dir);
    assert_eq!(losses(&disk.crash_states(Profile::PosixWeak)), (0, 0));
}

/// The contents that a file may have after a crash.
fn contents(disk: &SimDisk, path: &str, profile: Profile) -> Vec<Vec<u8>> {
    let states = disk.crash_states(profile);
    let mut found: Vec<_> = states.iter().filter_map(|state| state.disk().read(path)).collect();
    found.sort();
    found.dedup();
    found
}

#[test]
fn a_write_is_torn_at_blocks_and_a_length_may_come_without_data() {
    let append = || {
        let (disk, dir) = disk();
        let file = disk.open(&dir, OsStr::new("file"), Open::Write).unwrap();
        disk.write_at(&file, b"aabbbb", 10).unwrap();
        disk
    };
    let zeros_and_all = contents(&append(), "/store/file", Profile::PosixWeak);
    assert_eq!(
        zeros_and_all,
        [
            b"old old ola".to_vec(),
            b"old old old".to_vec(),
            b"old old old\0\0\0\0\0".to_vec(),
            b"old old old\0bbbb".to_vec(),
            b"old old olaa\0\0\0\0".to_vec(),
            b"old old olaabbbb".to_vec(),
        ]
        .into_iter()
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect::<Vec<_>>()
    );
    let ordered = contents(&append(), "/store/file", Profile::Ext4Like);
    assert_eq!(
        ordered,
        [b"old old ola".to_vec(), b"old old olaabbbb".to_vec(), b"old old old".to_vec()],
        "a length is written after its data"
    );
}

#[test]
fn a_truncation_that_is_not_synced_brings_back_what_was_cut_off() {
    let (disk, dir) = disk();
    let file = disk.open(&dir, OsStr::new("file"), Open::Write).unwrap();
    disk.set_len(&file, 4).unwrap();
    disk.write_at(&file, b"NEW ", 4).unwrap();
    let found = contents(&disk, "/store/file", Profile::PosixWeak);
    assert!(found.contains(&b"old NEW old".to_vec()), "the old tail is behind the new record: {found:?}");
    disk.sync_data(&file).unwrap();
    disk.mark("synced");
    let states = disk.crash_states(Profile::PosixWeak);
    let synced = states.iter().filter(|state| state.has_mark("synced"));
    assert!(synced.map(|state| state.disk().read("/store/file")).all(|it| it == Some(b"old NEW ".to_vec())));
}

#[test]
fn changes_of_names_are_ordered_only_by_a_journal() {
    let made = |profile| {
        let (disk, dir) = disk();
        let _files = [create(&disk, &dir, "a", b""), create(&disk, &dir, "b", b"")];
        let states = disk.crash_states(profile);
        states.iter().map(|state| state.disk().names("/store").len()).collect::<Vec<_>>()
    };
    assert_eq!(made(Profile::PosixWeak).len(), 4, "none, either, both");
    assert_eq!(made(Profile::Ext4Like).len(), 3, "never the second without the first");
}

#[test]
fn attributes_are_durable_with_their_file_and_not_with_its_content() {
    for (sync_all, expected) in [(true, 1), (false, 2)] {
        let (disk, dir) = disk();
        let file = disk.open(&dir, OsStr::new("file"), Open::Write).unwrap();
        disk.set_mode(&file, 0o4755).unwrap();
        if sync_all { disk.sync_all(&file) } else { disk.sync_data(&file) }.unwrap();
        disk.mark("synced");
        let states = disk.crash_states(Profile::PosixWeak);
        assert_eq!(states.iter().filter(|state| state.has_mark("synced")).count(), expected);
        disk.set_owner(&file, 1, 1).unwrap();
        assert_eq!(disk.entry_at("/store/file").unwrap().mode(), 0o755, "a change of owner takes it away");
    }
}

#[test]
fn more_than_twenty_unsynced_changes_are_sampled_with_the_regular_subsets() {
    let (disk, dir) = disk();
    let files: Vec<_> = (0..24).map(|number| create(&disk, &dir, &format!("{number:02}"), b"")).collect();
    let states = disk.crash_states(Profile::PosixWeak);
    assert!(!states.is_exhaustive());
    let sizes: Vec<_> = states.iter().map(|state| state.disk().names("/store").len() - 1).collect();
    for (size, count) in [(0, 1), (1, 24), (23, 24), (24, 1)] {
        assert!(sizes.iter().filter(|found| **found == size).count() >= count, "subsets of {size}");
    }
    disk.sync_dir(&dir).unwrap();
    disk.mark("synced");
    let again: Vec<_> = disk.crash_states(Profile::PosixWeak).iter().map(ToString::to_string).collect();
    assert_eq!(again.len(), states.len() + 1, "the same states are drawn again, and one is certain");
    assert!(again.iter().any(|story| story.contains("lost: 07 names #")), "a state tells what it lacks");
    drop(files);
}

/// A recovery that notes what it found, removes it, and removes the note. Says whether it got through.
fn recover(disk: &SimDisk, note: Open) -> io::Result<()> {
    let dir = disk.open_dir(None, Path::new("/store"))?;
    if disk.entry(&dir, OsStr::new("temp"))?.is_some() {
        disk.open(&dir, OsStr::new("note"), note)?;
        disk.unlink(&dir, OsStr::new("temp"))?;
    }
    if disk.entry(&dir, OsStr::new("note"))?.is_some() {
        disk.unlink(&dir, OsStr::new("note"))?;
    }
    Ok(())
}

#[test]
fn a_recovery_is_enumerated_as_well() {
    let failed = |note, depth| {
        let (disk, dir) = disk();
        drop(create(&disk, &dir, "temp", NEW));
        let failed = std::cell::Cell::new(0);
        let verified = disk.verify(
            Profile::PosixWeak,
            depth,
            |disk, _| failed.set(failed.get() + u32::from(recover(disk, note).is_err())),
            |disk, state| assert!(disk.read("/store/file").is_some(), "{state}"),
        );
        println!("{verified}");
        assert_eq!(verified.nested > 0, depth > 0, "a crash inside it leaves what no crash before it did");
        failed.get()
    };
    assert_eq!(failed(Open::New, 0), 0, "one crash is survived");
    assert!(failed(Open::New, 1) > 0, "a second one finds its own note in the way");
    assert_eq!(failed(Open::OrCreate, 2), 0, "a recovery has to be one that can be repeated");
}
