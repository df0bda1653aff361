//! Locks exclude, die with their holder, and say who holds them.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use unforget_fs::{Error, LockFile, LockOptions};
use unforget_sync::{Backoff, Clock, ManualClock};

use crate::child::{Child, DEADLINE, Part, add_one, names_in, say, wait_for_parent};

/// Waits as long as it takes; a lock that is never free fails by the deadline of the test.
fn patient() -> LockOptions {
    LockOptions::new().timeout(DEADLINE)
}

fn try_acquire(path: &Path) -> Result<LockFile, Error> {
    LockFile::try_acquire(path, &LockOptions::new())
}

/// Acquires, says so, and keeps the lock until the parent speaks.
pub(crate) fn hold(part: &Part) {
    let guard = LockFile::acquire(&part.path, &patient()).expect("acquired");
    say(&format!("held {}", guard.fence()));
    wait_for_parent();
    guard.release().expect("released");
    say("released");
    wait_for_parent();
}

/// Increments the number in the file beside the lock, and tells of each.
pub(crate) fn increment(part: &Part, unlink: bool) {
    // Without delays between attempts, some attempt falls into every moment of somebody's release.
    let eager = Backoff::default().base(Duration::ZERO).attempts(u32::MAX);
    let options = patient().backoff(eager).unlink_on_release(unlink);
    for _ in 0..part.times {
        let guard = LockFile::acquire(&part.path, &options).expect("acquired");
        if let Some(previous) = guard.previous_unclean() {
            say(&format!("after {}", previous.pid));
        }
        add_one(guard.path(), || guard.verify());
        guard.release().expect("released");
        say("one");
    }
}

/// Increments as the others do, and in the last round stops between the change and the acknowledgement.
pub(crate) fn increment_and_stop(part: &Part) {
    increment(&Part { path: part.path.clone(), times: part.times - 1 }, false);
    let guard = LockFile::acquire(&part.path, &patient()).expect("acquired");
    add_one(guard.path(), || guard.verify());
    say("in flight");
    wait_for_parent();
}

fn counter_in(root: &Path) -> usize {
    fs::read_to_string(root.join("counter")).expect("readable").parse().expect("a whole number")
}

#[test]
fn no_increment_is_lost_when_a_holder_is_killed() {
    const TIMES: u32 = 100;
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("counter.lock");
    fs::write(root.path().join("counter"), "0").unwrap();
    let others: Vec<_> = (0..3).map(|_| Child::start("lock::increment", &path, TIMES)).collect();
    let mut victim = Child::start("lock::increment_and_stop", &path, TIMES / 2);
    let mut acknowledged: Vec<String> = Vec::new();
    loop {
        match victim.hear().expect("it goes on until it is in flight") {
            line if line == "in flight" => break,
            line => acknowledged.push(line),
        }
    }
    let holder = LockFile::holder(&path).unwrap().expect("somebody holds it");
    assert_eq!(holder.pid, victim.pid());
    victim.kill();
    let killed = Instant::now();
    let guard = LockFile::acquire(&path, &patient()).expect("the lock died with its holder");
    assert!(killed.elapsed() < DEADLINE / 4, "the next holder waited {:?}", killed.elapsed());
    let noticed_here = guard.previous_unclean().map(|owner| format!("after {}", owner.pid));
    drop(guard);
    acknowledged.extend(noticed_here);
    acknowledged.extend(others.into_iter().flat_map(Child::finish));

    let counted = counter_in(root.path());
    let ones = acknowledged.iter().filter(|line| *line == "one").count();
    assert!((ones..=ones + 1).contains(&counted), "{ones} acknowledged, one in flight, {counted} counted");
    assert_eq!(ones, 349, "everybody else finished");
    let noticed: Vec<_> = acknowledged.iter().filter(|line| line.starts_with("after ")).collect();
    assert_eq!(noticed, [&format!("after {}", victim.pid())], "the next holder, and only it, is told");
    assert_eq!(names_in(root.path()), ["counter", "counter.lock"]);
}

#[test]
fn no_increment_is_lost_when_the_file_is_removed_on_release() {
    const TIMES: u32 = 300;
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("counter.lock");
    fs::write(root.path().join("counter"), "0").unwrap();
    let processes: Vec<_> = (0..4).map(|_| Child::start("lock::increment_unlink", &path, TIMES)).collect();
    let lines: Vec<_> = processes.into_iter().flat_map(Child::finish).collect();
    assert!(lines.iter().all(|line| line == "one"), "nobody died: {lines:?}");
    assert_eq!((lines.len(), counter_in(root.path())), (1200, 1200));
    assert_eq!(names_in(root.path()), ["counter"], "the lock file is gone");
}

#[test]
fn a_lock_of_another_process_is_waited_for_until_the_deadline() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("x.lock");
    let mut holder = Child::start("lock::hold", &path, 0);
    assert!(holder.hear().is_some_and(|line| line.starts_with("held ")));

    let clock = Arc::new(ManualClock::new());
    let began = clock.now();
    let options = LockOptions::new().timeout(Duration::from_secs(3)).clock(clock.clone());
    let outcome = LockFile::acquire(&path, &options);
    let Err(Error::Locked { path: locked, holder: Some(owner), waited }) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!((locked, owner.pid), (path.clone(), holder.pid()));
    assert_eq!(waited, Duration::from_secs(3), "the whole timeout");
    assert_eq!(clock.now() - began, waited);

    let outcome = try_acquire(&path);
    assert!(matches!(outcome, Err(Error::Locked { waited: Duration::ZERO, .. })), "{outcome:?}");
    holder.wake();
    holder.expect("released");
    try_acquire(&path).expect("it was released").release().unwrap();
}

#[test]
fn a_lock_is_acquired_when_it_becomes_free() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("x.lock");
    let guard = try_acquire(&path).unwrap();
    let waiter = Child::start("lock::hold", &path, 0);
    let fence = guard.fence();
    guard.release().unwrap();
    let line = waiter.hear().expect("it acquires");
    let later: u64 = line.strip_prefix("held ").expect("a fence").parse().expect("a number");
    assert!(later > fence, "fence {later} after {fence}");
}

#[test]
fn a_second_guard_in_this_process_is_an_error_and_no_wait() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("x.lock");
    std::os::unix::fs::symlink(root.path(), root.path().join("same")).unwrap();
    let guard = try_acquire(&path).unwrap();
    let on_a_clock_that_need_not_pass = LockOptions::new().clock(Arc::new(ManualClock::new()));
    let outcome = std::thread::scope(|scope| {
        scope
            .spawn(|| LockFile::acquire(&path, &on_a_clock_that_need_not_pass))
            .join()
            .expect("the thread ends")
    });
    assert!(matches!(outcome, Err(Error::HeldHere { .. })), "{outcome:?}");
    let by_another_name = LockFile::acquire(&root.path().join("same/x.lock"), &on_a_clock_that_need_not_pass);
    assert!(matches!(by_another_name, Err(Error::HeldHere { .. })), "{by_another_name:?}");
    assert_eq!(guard.owner().pid, std::process::id(), "the first guard is as it was");
    guard.verify().unwrap();
    drop(guard);
    drop(try_acquire(&path).expect("it was given back"));
}

#[test]
fn threads_take_one_lock_one_after_the_other() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("counter.lock");
    fs::write(root.path().join("counter"), "0").unwrap();
    let add = || {
        let mut added = 0;
        while added < 100 {
            match try_acquire(&path) {
                Ok(guard) => {
                    add_one(guard.path(), || guard.verify());
                    added += 1;
                }
                Err(Error::HeldHere { .. } | Error::Locked { .. }) => std::thread::yield_now(),
                Err(other) => panic!("{other:?}"),
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(add);
        }
    });
    assert_eq!(counter_in(root.path()), 400);
}

#[test]
fn the_record_of_a_dead_owner_is_reported_and_not_trusted() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("x.lock");
    let mut holder = Child::start("lock::hold", &path, 0);
    assert!(holder.hear().is_some_and(|line| line.starts_with("held ")));
    holder.kill();
    let dead = holder.pid();
    #[cfg(target_os = "linux")]
    assert_eq!(LockFile::holder(&path).unwrap(), None, "a dead process holds nothing");
    let guard = try_acquire(&path).expect("the record does not exclude");
    assert_eq!(guard.previous_unclean().map(|owner| owner.pid), Some(dead));
    guard.release().unwrap();
    let guard = try_acquire(&path).unwrap();
    assert_eq!(guard.previous_unclean(), None, "the holder before released it");
}

#[test]
fn the_record_of_a_living_process_does_not_exclude_either() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("x.lock");
    let guard = try_acquire(&path).unwrap();
    let record = fs::read(&path).unwrap();
    guard.release().unwrap();
    fs::write(&path, record).unwrap();
    let guard = try_acquire(&path).expect("nobody holds the kernel's lock");
    assert_eq!(guard.previous_unclean().map(|owner| owner.pid), Some(std::process::id()));
}

#[test]
fn the_record_says_who_and_goes_with_the_lock() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("x.lock");
    assert_eq!(LockFile::holder(&path).unwrap(), None, "there is no file");
    let guard = try_acquire(&path).unwrap();
    let owner = LockFile::holder(&path).unwrap().expect("we hold it");
    assert_eq!(&owner, guard.owner());
    assert_eq!(owner.fence, guard.fence());
    let exe = std::env::current_exe().unwrap();
    assert!(exe.to_str().unwrap().starts_with(&owner.exe) && !owner.exe.is_empty(), "{}", owner.exe);
    guard.release().unwrap();
    assert_eq!(LockFile::holder(&path).unwrap(), None, "it was released");
}

#[test]
fn fences_grow_however_the_lock_is_left() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("x.lock");
    let mut last = 0;
    for round in 0..200 {
        let options = LockOptions::new().unlink_on_release(round % 3 == 0);
        let guard = LockFile::try_acquire(&path, &options).unwrap();
        assert!(guard.fence() > last, "{} after {last}", guard.fence());
        last = guard.fence();
    }
    let guard = try_acquire(&path).unwrap();
    guard.release().unwrap();
    let ahead = (1_u64 << 53) - 100;
    fs::write(&path, format!("{{\"v\":1,\"released\":true,\"fence\":{ahead}}}\n")).unwrap();
    let guard = try_acquire(&path).unwrap();
    assert_eq!(guard.fence(), ahead + 1, "a clock that was set back does not count");
}
