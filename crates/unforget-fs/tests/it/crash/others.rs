//! Another process acts between any two calls of an operation.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use unforget_fs::disk::{Disk, Open};
use unforget_fs::sim::{Failure, Fault, Profile, SimDisk};
use unforget_fs::{AtomicFile, Error, Files};

use super::cases::{self, OPTIONS, Seen};
use super::{ACKNOWLEDGED, TORN, sweep};

const FILE: &str = "/store/file";

fn sweep_all(disk: &SimDisk) {
    for dir in ["/store", "/store/other", "/store/a/b"] {
        if disk.entry_at(dir).is_some() {
            Files::on(disk).sweep_orphans(Path::new(dir)).expect("it may run at any time");
        }
    }
}

/// How many calls an operation makes when nobody else is there.
fn calls_of(disk: &SimDisk, operation: impl FnOnce(&SimDisk)) -> u64 {
    let before = disk.calls().len();
    operation(disk);
    (disk.calls().len() - before) as u64
}

#[test]
fn a_reader_at_any_moment_sees_old_or_new() {
    for case in cases::all() {
        let calls = calls_of(&case.disk(TORN), |disk| (case.run)(disk).expect("nobody else is there"));
        for nth in 1..=calls {
            let disk = case.disk(TORN);
            let files = case.files;
            disk.before(nth, move |disk| {
                for file in files {
                    let found = Seen::at(disk, file.path);
                    let is_whole = found == file.before() || found == Some(file.after());
                    assert!(is_whole, "before call {nth}, {} is {found:?}", file.path);
                }
            });
            (case.run)(&disk).expect("a reader is in nobody's way");
        }
    }
}

#[test]
fn a_sweep_at_any_moment_takes_nothing_from_who_is_alive() {
    for case in cases::all() {
        let calls = calls_of(&case.disk(TORN), |disk| (case.run)(disk).expect("nobody else is there"));
        for nth in 1..=calls {
            let disk = case.disk(TORN);
            disk.before(nth, sweep_all);
            let outcome = (case.run)(&disk);
            assert!(outcome.is_ok(), "{}, a sweep before call {nth}: {outcome:?}", case.name);
            case.check(&disk, true, &format!("a sweep before call {nth}"));
        }
    }
}

#[test]
fn a_writer_that_finishes_during_a_sweep_keeps_its_file() {
    for nth in 1..8 {
        let disk = SimDisk::new();
        disk.put_dir("/store");
        let mut file = Files::on(&disk).atomic_file(Path::new(FILE), &OPTIONS).unwrap();
        file.write_all(b"all").unwrap();
        disk.before(nth, |_| file.commit().expect("nothing is in its way"));
        let swept = Files::on(&disk).sweep_orphans("/store".as_ref()).unwrap();
        assert_eq!(swept.removed, 0, "before call {nth}");
        let is_committed = disk.read(FILE).is_some();
        let left = disk.names("/store").len();
        assert_eq!(left, 1, "before call {nth}: the file or, if the sweep ended first, its temporary name");
        assert!(is_committed || swept.kept == 1 || nth > 4, "before call {nth}");
    }
}

/// The names are random; that two writers get the same one has to be helped along.
#[test]
fn a_name_that_another_writer_got_during_a_sweep_is_that_writers() {
    for nth in 1..8 {
        let disk = SimDisk::new();
        disk.put_dir("/store");
        let file = Files::on(&disk).atomic_file(Path::new(FILE), &OPTIONS).unwrap();
        let name = file.temporary_path().file_name().expect("a name").to_owned();
        let theirs = Arc::new(Mutex::new(None));
        let kept = Arc::clone(&theirs);
        let again = name.clone();
        disk.before(nth, move |disk| {
            file.commit().expect("nothing is in its way");
            let dir = disk.open_dir(None, Path::new("/store")).unwrap();
            let other = disk.open(&dir, &again, Open::New).unwrap();
            assert!(disk.try_lock(&other).unwrap());
            *kept.lock().unwrap() = Some(other);
        });
        Files::on(&disk).sweep_orphans("/store".as_ref()).unwrap();
        let came = theirs.lock().unwrap().is_some();
        assert!(!came || disk.names("/store").contains(&name), "before call {nth}: it is alive");
    }
}

#[test]
fn of_two_that_create_one_file_one_succeeds_at_every_moment() {
    let create =
        |disk: &SimDisk, contents: &[u8]| Files::on(disk).create_new(Path::new(FILE), contents, &OPTIONS);
    for links in [false, true] {
        let named = if links { "create_new by a link" } else { "create_new" };
        let case = cases::all().into_iter().find(|case| case.name == named).expect("it is a case");
        let calls = calls_of(&case.disk(TORN), |disk| create(disk, b"ours").expect("nobody else is there"));
        for nth in 1..=calls {
            let disk = case.disk(TORN);
            let theirs = Arc::new(Mutex::new(None));
            let told = Arc::clone(&theirs);
            disk.before(nth, move |disk| *told.lock().unwrap() = Some(create(disk, b"theirs")));
            let ours = create(&disk, b"ours");
            let theirs = theirs.lock().unwrap().take().expect("they came");
            let (winner, loser, contents) = if ours.is_ok() {
                (ours, theirs, b"ours".to_vec())
            } else {
                (theirs, ours, b"theirs".to_vec())
            };
            assert!(winner.is_ok(), "{named}, {nth}: {winner:?}");
            assert!(matches!(loser, Err(Error::AlreadyExists { .. })), "{named}, {nth}: {loser:?}");
            assert_eq!(
                disk.read(FILE),
                Some(contents),
                "{named}, {nth}: who succeeded has its content there"
            );
            assert!(disk.names("/store").iter().all(|name| !name.to_string_lossy().starts_with(".unf")));
        }
    }
}

#[test]
fn two_replacements_at_every_moment_leave_one_of_them_whole() {
    let replace = |disk: &SimDisk, contents: &[u8]| {
        Files::on(disk).replace(Path::new(FILE), contents, &OPTIONS).expect("they do not disturb each other");
        disk.mark(ACKNOWLEDGED);
    };
    let disk = || {
        let disk = SimDisk::new();
        disk.put(FILE, b"old");
        disk
    };
    let calls = calls_of(&disk(), |disk| replace(disk, b"ours"));
    let mut states = 0;
    for nth in 1..=calls {
        let disk = disk();
        disk.before(nth, move |disk| replace(disk, b"theirs"));
        replace(&disk, b"ours");
        let verified = disk.verify(Profile::PosixWeak, 0, sweep, |disk, state| {
            let found = disk.read(FILE).expect("there is always a file");
            let is_new = found == b"ours" || found == b"theirs";
            assert!(is_new || found == b"old" && !state.has_mark(ACKNOWLEDGED), "{nth}: {found:?} {state}");
            assert_eq!(disk.names("/store").len(), 1, "{nth}: {state}");
        });
        states += verified.states;
    }
    println!("{calls} moments, {states} crash states");
}

/// A program dies, or loses its disk, after any number of calls; a later one goes on where it stopped.
#[test]
fn directories_that_a_dead_process_made_are_durable_when_we_say_so() {
    let path = Path::new("/store/a/b");
    for nth in 1..40 {
        let disk = SimDisk::new();
        disk.put_dir("/store");
        disk.fail(Fault::at(nth, Failure::Denied).for_ever());
        let theirs = Files::on(&disk).create_dir_all(path);
        disk.heal();
        let options = OPTIONS.create_parents(true);
        Files::on(&disk).replace(&path.join("file"), b"new", &options).expect("nothing fails any more");
        disk.mark(ACKNOWLEDGED);
        for state in &disk.crash_states(Profile::PosixWeak) {
            let is_there = state.disk().read("/store/a/b/file").is_some();
            assert!(is_there || !state.has_mark(ACKNOWLEDGED), "{nth}: after {theirs:?}: {state}");
        }
    }
}

#[test]
fn directories_that_another_made_are_durable_when_we_say_so() {
    let path = Path::new("/store/a/b");
    let make = |disk: &SimDisk| Files::on(disk).create_dir_all(path);
    let disk = || {
        let disk = SimDisk::new();
        disk.put_dir("/store");
        disk
    };
    let calls = calls_of(&disk(), |disk| make(disk).expect("nobody else is there"));
    for nth in 1..=calls {
        let disk = disk();
        disk.before(nth, move |disk| make(disk).expect("they do not disturb each other"));
        make(&disk).expect("they do not disturb each other");
        disk.mark(ACKNOWLEDGED);
        for state in &disk.crash_states(Profile::PosixWeak) {
            let is_there = state.disk().entry_at(path).is_some();
            assert!(is_there || !state.has_mark(ACKNOWLEDGED), "{nth}: {state}");
        }
    }
}

#[test]
fn a_temporary_file_that_was_replaced_is_not_committed() {
    let disk = SimDisk::new();
    disk.put(FILE, b"old");
    let mut file: AtomicFile<_> = Files::on(&disk).atomic_file(Path::new(FILE), &OPTIONS).unwrap();
    file.write_all(b"new").unwrap();
    disk.put(file.temporary_path(), b"somebody else's");
    let error = file.commit().unwrap_err();
    assert!(matches!(error.error(), Error::Io { operation: "commit the new content of", .. }), "{error:?}");
    assert_eq!(disk.read(FILE).as_deref(), Some(&b"old"[..]));
}

#[test]
fn directories_are_made_relative_to_the_working_directory() {
    let disk = SimDisk::new();
    for path in ["a", "b/c", "./d", "b/../e/f", "/", "."] {
        Files::on(&disk).create_dir_all(path.as_ref()).unwrap();
        assert!(disk.entry_at(path).is_some_and(|entry| entry.is_dir()), "{path}");
    }
}
