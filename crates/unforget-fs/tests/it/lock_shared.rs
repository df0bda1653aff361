//! Holders that share a lock, and the exclusive one they keep out.

use std::fs;
use std::sync::{Arc, Barrier};
use std::thread;

use unforget_fs::{Error, LockFile, LockOptions, SharedLock};
use unforget_sync::ManualClock;

use crate::child::{Child, DEADLINE, Part, say, wait_for_parent};

fn on_a_clock_that_need_not_pass() -> LockOptions {
    LockOptions::new().clock(Arc::new(ManualClock::new()))
}

/// Shares the lock, says so, and keeps it until the parent speaks.
pub(crate) fn hold(part: &Part) {
    let guard = SharedLock::acquire(&part.path, &LockOptions::new().timeout(DEADLINE)).expect("shared");
    say("shared");
    wait_for_parent();
    guard.release().expect("released");
    say("released");
    wait_for_parent();
}

#[test]
fn holders_of_several_processes_share_and_keep_the_exclusive_one_out() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("x.lock");
    let mut others: Vec<_> = (0..2).map(|_| Child::start("shared::hold", &path, 0)).collect();
    for other in &others {
        other.expect("shared");
    }
    let ours = SharedLock::try_acquire(&path).expect("there is room for a third");
    ours.verify().unwrap();
    ours.release().unwrap();
    let outcome = LockFile::acquire(&path, &on_a_clock_that_need_not_pass());
    assert!(matches!(outcome, Err(Error::Locked { holder: None, .. })), "{outcome:?}");
    others[0].wake();
    others[0].expect("released");
    let outcome = LockFile::try_acquire(&path, &LockOptions::new());
    assert!(matches!(outcome, Err(Error::Locked { .. })), "one is left: {outcome:?}");
    others[1].kill();
    LockFile::try_acquire(&path, &LockOptions::new()).expect("the last one died").release().unwrap();
}

#[test]
fn an_exclusive_holder_keeps_those_out_who_would_share() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("x.lock");
    let mut holder = Child::start("lock::hold", &path, 0);
    assert!(holder.hear().is_some_and(|line| line.starts_with("held ")));
    let outcome = SharedLock::acquire(&path, &on_a_clock_that_need_not_pass());
    let Err(Error::Locked { holder: Some(owner), .. }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(owner.pid, holder.pid());
    holder.kill();
    for _ in 0..2 {
        let guard = SharedLock::try_acquire(&path).expect("it died");
        assert_eq!(guard.previous_unclean().map(|owner| owner.pid), Some(owner.pid), "everybody is told");
    }
    let guard = LockFile::try_acquire(&path, &LockOptions::new()).unwrap();
    assert_eq!(guard.previous_unclean().map(|owner| owner.pid), Some(owner.pid), "the next one too");
    guard.release().unwrap();
    assert_eq!(SharedLock::try_acquire(&path).unwrap().previous_unclean(), None, "it was told");
}

#[test]
fn guards_of_one_process_share_and_the_other_kind_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("x.lock");
    let first = SharedLock::try_acquire(&path).unwrap();
    let second = SharedLock::try_acquire(&path).unwrap();
    first.release().unwrap();
    let outcome = LockFile::acquire(&path, &on_a_clock_that_need_not_pass());
    assert!(matches!(outcome, Err(Error::HeldHere { .. })), "the second is left: {outcome:?}");
    second.release().unwrap();
    let guard = LockFile::try_acquire(&path, &LockOptions::new()).expect("both are gone");
    let outcome = SharedLock::acquire(&path, &on_a_clock_that_need_not_pass());
    assert!(matches!(outcome, Err(Error::HeldHere { .. })), "{outcome:?}");
    guard.release().unwrap();
}

#[test]
fn a_shared_lock_writes_nothing_and_notices_that_its_file_was_removed() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("x.lock");
    let guard = SharedLock::try_acquire(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"", "it may not be alone");
    fs::remove_file(&path).unwrap();
    assert!(matches!(guard.verify(), Err(Error::LockReplaced { .. })));
    assert!(matches!(guard.release(), Err(Error::LockReplaced { .. })));
}

#[test]
fn guards_of_one_process_that_come_at_the_same_moment_all_share() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("x.lock");
    let together = Barrier::new(8);
    let share_often = || {
        let share = || {
            together.wait();
            SharedLock::try_acquire(&path).and_then(SharedLock::release)
        };
        (0..100).map(|_| share()).collect::<Vec<_>>()
    };
    let outcomes: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(share_often)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("it goes on")).collect()
    });
    let refused: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
    assert!(refused.is_empty(), "nobody has it for itself: {refused:?}");
}
