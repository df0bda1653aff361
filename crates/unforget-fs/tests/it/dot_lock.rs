//! Locks by the existence of a file: who holds one, who is dead, and who may break it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use unforget_fs::{DotLock, Error, LockOptions};
use unforget_sync::ManualClock;

use crate::child::{Child, DEADLINE, Part, add_one, names_in, say, wait_for_parent};

/// A process id above every limit of Linux.
const FREE_ID: i32 = i32::MAX;

/// Acquires, says so, and keeps the lock until the parent speaks.
pub(crate) fn hold(part: &Part) {
    let guard = DotLock::acquire(&part.path, &LockOptions::new().timeout(DEADLINE)).expect("acquired");
    say("held");
    wait_for_parent();
    say(if guard.release().is_ok() { "released" } else { "lost" });
}

/// Increments the number in the file beside the lock.
pub(crate) fn increment(part: &Part) {
    let options = LockOptions::new().timeout(DEADLINE);
    for _ in 0..part.times {
        let guard = DotLock::acquire(&part.path, &options).expect("acquired");
        add_one(guard.path(), || guard.verify());
        guard.release().expect("released");
        say("one");
    }
}

/// Increments, and ends with the lock.
pub(crate) fn die(part: &Part) {
    let guard = DotLock::acquire(&part.path, &LockOptions::new().timeout(DEADLINE)).expect("acquired");
    add_one(guard.path(), || guard.verify());
    say("one");
    std::process::exit(0);
}

fn empty_dir() -> (tempfile::TempDir, PathBuf) {
    let root = tempfile::tempdir().expect("a temporary directory");
    let path = root.path().join("x.lock");
    (root, path)
}

/// A record of this process, with other values.
fn record<const N: usize>(path: &Path, changes: [(&str, Value); N]) -> String {
    let guard = DotLock::try_acquire(path).unwrap();
    let mut record: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    guard.release().unwrap();
    for (field, value) in changes {
        *record.get_mut(field).expect("a record has this field") = value;
    }
    record.to_string()
}

#[test]
fn a_dead_holder_is_replaced_at_once_and_named() {
    let (root, path) = empty_dir();
    let mut holder = Child::start("dot_lock::hold", &path, 0);
    holder.expect("held");
    let outcome = DotLock::try_acquire(&path);
    let Err(Error::Locked { holder: Some(owner), .. }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(owner.pid, holder.pid());
    holder.kill();
    let guard = DotLock::try_acquire(&path).expect("its death can be proved");
    assert_eq!(guard.previous_unclean(), Some(&*owner));
    assert!(guard.owner().fence > owner.fence);
    guard.release().unwrap();
    assert_eq!(names_in(root.path()), [""; 0], "nothing is left, of the second lock neither");
}

#[cfg(target_os = "linux")]
#[test]
fn with_the_proc_of_its_host_a_container_proves_nobody_dead() {
    let may_unshare = |flags: &str| {
        let tried = std::process::Command::new("unshare").args([flags, "true"]).status();
        tried.is_ok_and(|status| status.success())
    };
    let Some(flags) = ["-pf", "-rpf"].into_iter().find(|flags| may_unshare(flags)) else {
        println!("no namespace can be made here");
        return;
    };
    let (_root, path) = empty_dir();
    let mut container = std::process::Command::new("unshare");
    container.arg(flags).arg(std::env::current_exe().unwrap());
    let mut holder = Child::start_by(container, "dot_lock::hold", &path, 0);
    holder.expect("held");
    let owner = DotLock::holder(&path).unwrap().expect("it holds it");
    assert_eq!(owner.pid_namespace, None, "its `/proc` shows others under its numbers: {owner:?}");
    holder.wake();
    holder.expect("released");
}

#[test]
fn no_increment_is_lost_when_holders_die_and_many_take_over() {
    let (root, path) = empty_dir();
    fs::write(root.path().join("counter"), "0").unwrap();
    let mut lines = 0;
    for _ in 0..5 {
        // It is not waited for until the others are done, and is a zombie meanwhile.
        let dying = Child::start("dot_lock::die", &path, 0);
        let others: Vec<_> = (0..4).map(|_| Child::start("dot_lock::increment", &path, 5)).collect();
        lines += std::iter::from_fn(|| dying.hear()).count();
        lines += others.into_iter().flat_map(Child::finish).count();
    }
    let counted = fs::read_to_string(root.path().join("counter")).unwrap();
    assert_eq!((lines, counted.as_str()), (105, "105"), "each was acknowledged and counted once");
    drop(DotLock::try_acquire(&path).expect("the last one may have died with it"));
    assert_eq!(names_in(root.path()), ["counter"]);
}

#[test]
fn what_cannot_be_proved_dead_is_alive_however_old() {
    let (_root, path) = empty_dir();
    let contents = [
        (String::new(), "an empty file"),
        ("4711\n".into(), "a file of another program"),
        ("{\"v\":1,\"pid\":".into(), "a torn record"),
        (record(&path, [("pid", json!(FREE_ID)), ("machine", json!("another"))]), "another machine"),
        (record(&path, [("pid", json!(FREE_ID)), ("pidns", json!(1))]), "another container"),
        (record(&path, [("start", json!(1)), ("timens", json!(1))]), "a clock of another container"),
        (record(&path, [("pid", json!(1)), ("start", Value::Null)]), "the id of a living process"),
    ];
    let long_ago = std::time::SystemTime::UNIX_EPOCH;
    for (content, what) in contents {
        fs::write(&path, &content).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(long_ago).unwrap();
        let options = LockOptions::new().clock(Arc::new(ManualClock::new()));
        let outcome = DotLock::acquire(&path, &options);
        assert!(matches!(outcome, Err(Error::Locked { .. })), "{what}: {outcome:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), content, "{what} is left alone");
        fs::remove_file(&path).unwrap();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_proved_dead_is_replaced() {
    let (_root, path) = empty_dir();
    for (content, what) in [
        (record(&path, [("pid", json!(FREE_ID))]), "a free id"),
        (record(&path, [("start", json!(1))]), "the id of a later process"),
        (record(&path, [("boot", json!("another"))]), "another boot"),
    ] {
        fs::write(&path, &content).unwrap();
        let guard = DotLock::try_acquire(&path).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert!(guard.previous_unclean().is_some(), "{what}");
        guard.release().unwrap();
    }
}

#[test]
fn a_lock_is_broken_by_its_nonce_and_no_other() {
    let (root, path) = empty_dir();
    let foreign = record(&path, [("machine", json!("another"))]);
    fs::write(&path, &foreign).unwrap();
    let owner = DotLock::holder(&path).unwrap().expect("it is on another machine");
    assert!(!DotLock::force_break(&path, "0123456789abcdef").unwrap(), "that is not its nonce");
    assert_eq!(fs::read_to_string(&path).unwrap(), foreign);
    assert!(DotLock::force_break(&path, &owner.nonce).unwrap());
    assert!(!DotLock::force_break(&path, &owner.nonce).unwrap(), "it is gone");

    let successor = DotLock::try_acquire(&path).unwrap();
    assert!(!DotLock::force_break(&path, &owner.nonce).unwrap(), "that is not the one who was read");
    successor.verify().unwrap();
    successor.release().unwrap();
    assert_eq!(names_in(root.path()), [""; 0]);
}

#[test]
fn a_holder_whose_lock_was_broken_leaves_its_successor_alone() {
    let (_root, path) = empty_dir();
    let mut holder = Child::start("dot_lock::hold", &path, 0);
    holder.expect("held");
    let owner = DotLock::holder(&path).unwrap().expect("it holds it");
    assert!(DotLock::force_break(&path, &owner.nonce).unwrap());
    let successor = DotLock::try_acquire(&path).expect("an operator said so");
    holder.wake();
    holder.expect("lost");
    successor.verify().expect("the broken one released nothing of ours");
}

#[test]
fn a_taker_over_that_died_is_itself_replaced_up_to_a_depth() {
    let (root, path) = empty_dir();
    let dead = record(&path, [("pid", json!(FREE_ID))]);
    fs::write(&path, &dead).unwrap();
    let mut name = path.clone();
    for depth in 1..=3 {
        // What a process leaves that is killed while it replaces the one before.
        name = root.path().join(second_name(&name));
        fs::write(&name, &dead).unwrap();
        let outcome = DotLock::try_acquire(&path);
        if depth < 3 {
            outcome.unwrap_or_else(|e| panic!("{depth} dead takers-over: {e}")).release().unwrap();
            assert_eq!(names_in(root.path()), [""; 0], "nothing is left of any of them");
            fs::write(&path, &dead).unwrap();
            let mut again = path.clone();
            for _ in 0..depth {
                again = root.path().join(second_name(&again));
                fs::write(&again, &dead).unwrap();
            }
        } else {
            assert!(matches!(outcome, Err(Error::Locked { .. })), "now a person decides: {outcome:?}");
        }
    }
}

/// The name of the second lock, as the documentation gives it: FNV-1a of the name.
fn second_name(path: &Path) -> String {
    let name = path.file_name().unwrap().to_str().unwrap();
    let digits = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!(".unforget-break-{digits:016x}")
}
