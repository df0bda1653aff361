//! Turns exclude each other, end with their process, and go round.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use unforget_fs::{Error, TurnHolder, TurnRecord, Turnstile};

use crate::child::{Child, Part, names_in, say, wait_for_parent, wait_until};

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(now.as_millis()).expect("before the year 500 million")
}

/// Takes the turn, says so, and keeps it until the parent speaks.
pub(crate) fn hold(part: &Part) {
    let mut turnstile = Turnstile::open(&part.path).expect("it opens");
    let turn = turnstile.enter().expect("a turn");
    say("entered");
    wait_for_parent();
    drop(turn);
    say("left");
    wait_for_parent();
}

/// Increments a number in a file in a way that loses updates when two do it at once.
pub(crate) fn increment(part: &Part) {
    let mut turnstile = Turnstile::open(&part.path).expect("it opens");
    let counter = part.path.join("counter");
    for _ in 0..part.times {
        let _turn = turnstile.enter().expect("a turn");
        add_one(&counter);
    }
    say("done");
}

fn add_one(counter: &Path) {
    let value: u32 = fs::read_to_string(counter).expect("readable").parse().expect("a whole number");
    fs::write(counter, (value + 1).to_string()).expect("writable");
}

#[test]
fn no_increment_is_lost() {
    const TIMES: u32 = 500;
    let root = tempfile::tempdir().unwrap();
    let counter = root.path().join("counter");
    fs::write(&counter, "0").unwrap();
    let processes: Vec<_> =
        (0..4).map(|_| Child::start("turnstile::increment", root.path(), TIMES)).collect();
    let threads = 2;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut turnstile = Turnstile::open(root.path()).expect("it opens");
                for _ in 0..TIMES {
                    let _turn = turnstile.enter().expect("a turn");
                    add_one(&counter);
                }
            });
        }
    });
    for process in processes {
        assert_eq!(process.finish(), ["done"]);
    }
    assert_eq!(fs::read_to_string(&counter).unwrap(), ((4 + threads) * TIMES).to_string());
}

#[test]
fn a_killed_holder_frees_the_turn_at_once() {
    let root = tempfile::tempdir().unwrap();
    let mut turnstile = Turnstile::open(root.path()).unwrap();
    for _ in 0..5 {
        let mut holder = Child::start("turnstile::hold", root.path(), 0);
        holder.expect("entered");
        assert!(turnstile.try_enter().unwrap().is_none(), "another process has the turn");
        holder.kill();
        assert!(turnstile.try_enter().unwrap().is_some(), "the turn died with its holder");
    }
}

#[test]
fn a_waiter_gets_the_turn_of_a_killed_holder() {
    let root = tempfile::tempdir().unwrap();
    let mut holder = Child::start("turnstile::hold", root.path(), 0);
    holder.expect("entered");
    let mut waiter = Child::start("turnstile::hold", root.path(), 0);
    wait_until_queued(root.path());
    holder.kill();
    waiter.expect("entered");
    waiter.wake();
    waiter.expect("left");
}

#[cfg(unix)]
#[test]
fn a_process_that_was_stopped_while_next_in_line_is_named() {
    let root = tempfile::tempdir().unwrap();
    let mut turnstile = Turnstile::open(root.path()).unwrap();
    let turn = turnstile.enter().unwrap();
    let mut waiter = Child::start("turnstile::hold", root.path(), 0);
    wait_until_queued(root.path());
    let pid = rustix::process::Pid::from_raw(i32::try_from(waiter.pid()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    let stat = format!("/proc/{}/stat", waiter.pid());
    if Path::new(&stat).exists() {
        // Elsewhere it may still be about to stop, and then it simply takes the turn.
        wait_until("the stop", || fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") T ")));
        drop(turn);
        assert!(turnstile.try_enter().unwrap().is_none(), "it keeps its place in the line");
        let next = Turnstile::holder_of(root.path()).unwrap().expect("somebody is in the way");
        assert_eq!((next.pid, next.waits), (waiter.pid(), true));
    } else {
        drop(turn);
    }
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    waiter.expect("entered");
    assert!(Turnstile::holder_of(root.path()).unwrap().is_some_and(|holder| !holder.waits));
    waiter.wake();
    waiter.expect("left");
    assert_eq!(Turnstile::holder_of(root.path()).unwrap(), None);
}

#[test]
fn the_record_names_the_holder_and_goes_with_the_turn() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(Turnstile::holder_of(root.path()).unwrap(), None, "nobody ever opened it");
    assert!(names_in(root.path()).is_empty(), "asking makes no files");
    let before = now_ms();
    let mut holder = Child::start("turnstile::hold", root.path(), 0);
    holder.expect("entered");
    let record = Turnstile::holder_of(root.path()).unwrap().expect("somebody has it");
    assert_eq!(record.pid, holder.pid());
    assert!((before..=now_ms()).contains(&record.since_ms), "{record:?}");
    holder.wake();
    holder.expect("left");
    assert_eq!(Turnstile::holder_of(root.path()).unwrap(), None, "the turn was given back");
}

/// A record that was set: whether it is the holder's, and whose process it names.
type Record = (bool, Option<u32>);

/// Every record that was set, in order.
#[derive(Debug, Clone, Default)]
struct Noted(Arc<Mutex<Vec<Record>>>);

impl TurnRecord for Noted {
    fn set_holder(&self, holder: Option<TurnHolder>) {
        assert!(holder.is_none_or(|holder| !holder.waits));
        self.0.lock().unwrap().push((true, holder.map(|holder| holder.pid)));
    }

    fn set_next(&self, next: Option<TurnHolder>) {
        assert!(next.is_none_or(|next| next.waits));
        self.0.lock().unwrap().push((false, next.map(|next| next.pid)));
    }
}

#[test]
fn a_record_elsewhere_leaves_the_files_as_they_are() {
    let root = tempfile::tempdir().unwrap();
    let (noted, us) = (Noted::default(), Some(std::process::id()));
    let mut turnstile = Turnstile::open_recording_in(root.path(), noted.clone()).unwrap();
    let turn = turnstile.enter().unwrap();
    assert_eq!(*noted.0.lock().unwrap(), [(true, us)]);
    assert_eq!(Turnstile::holder_of(root.path()).unwrap(), None);
    let mut other = Turnstile::open(root.path()).unwrap();
    assert!(other.try_enter().unwrap().is_none(), "wherever it is recorded, it is the same turn");
    drop(turn);
    assert_eq!(*noted.0.lock().unwrap(), [(true, us), (true, None)], "it goes with the turn");

    noted.0.lock().unwrap().clear();
    let turn = other.enter().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| drop(turnstile.enter().expect("a turn")));
        wait_until("somebody next in line", || *noted.0.lock().unwrap() == [(false, us)]);
        drop(turn);
    });
    assert_eq!(*noted.0.lock().unwrap(), [(false, us), (false, None), (true, us), (true, None)]);
    for name in names_in(root.path()) {
        let content = fs::read_to_string(root.path().join(&name)).unwrap();
        assert!(name == "turn.lock" || content.is_empty(), "{name}: {content}");
        assert_eq!(content.trim(), "", "{name}: only the other one wrote, and took it away");
    }
}

#[test]
fn asking_who_holds_it_disturbs_nobody() {
    let root = tempfile::tempdir().unwrap();
    let mut turnstile = Turnstile::open(root.path()).unwrap();
    let asking = std::sync::atomic::AtomicBool::new(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while asking.load(std::sync::atomic::Ordering::Relaxed) {
                Turnstile::holder_of(root.path()).expect("readable");
            }
        });
        for _ in 0..2000 {
            assert!(turnstile.try_enter().unwrap().is_some(), "nobody else wants the turn");
        }
        asking.store(false, std::sync::atomic::Ordering::Relaxed);
    });
}

/// Waits until somebody stands in the queue: it is locked only while its holder waits for the turn.
fn wait_until_queued(dir: &Path) {
    let queue = File::open(dir.join("turn.queue")).expect("it was created");
    wait_until("somebody in the queue", || match queue.try_lock() {
        Ok(()) => {
            queue.unlock().expect("it was locked");
            false
        }
        Err(TryLockError::WouldBlock) => true,
        Err(TryLockError::Error(e)) => panic!("{e}"),
    });
}

#[test]
fn who_gives_the_turn_back_stands_behind_who_waited() {
    let root = tempfile::tempdir().unwrap();
    let mut turnstile = Turnstile::open(root.path()).unwrap();
    for _ in 0..10 {
        let turn = turnstile.enter().unwrap();
        let mut waiter = Child::start("turnstile::hold", root.path(), 0);
        wait_until_queued(root.path());
        drop(turn);
        assert!(turnstile.try_enter().unwrap().is_none(), "somebody was waiting before us");
        waiter.expect("entered");
        waiter.wake();
        waiter.expect("left");
    }
}

#[test]
fn a_file_that_was_removed_does_not_make_two_holders() {
    let root = tempfile::tempdir().unwrap();
    let mut first = Turnstile::open(root.path()).unwrap();
    fs::remove_file(root.path().join("turn.lock")).unwrap();
    let mut second = Turnstile::open(root.path()).unwrap();
    let turn = second.enter().unwrap();
    assert!(first.try_enter().unwrap().is_none(), "the first opened a file that is no longer the lock");
    drop(turn);
    let turn = first.enter().unwrap();
    assert!(second.try_enter().unwrap().is_none(), "both have the same file again");
    drop(turn);
}

#[test]
fn files_are_private_and_stay() {
    use std::os::unix::fs::MetadataExt;

    let root = tempfile::tempdir().unwrap();
    drop(Turnstile::open(root.path()).unwrap().enter().unwrap());
    assert_eq!(names_in(root.path()), ["turn.lock", "turn.queue"]);
    for name in names_in(root.path()) {
        assert_eq!(fs::metadata(root.path().join(&name)).unwrap().mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn what_is_no_file_of_ours_is_refused() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("victim"), "content").unwrap();
    std::os::unix::fs::symlink("victim", root.path().join("turn.lock")).unwrap();
    let outcome = Turnstile::open(root.path());
    assert!(matches!(outcome, Err(Error::Symlink { .. })), "{outcome:?}");
    assert_eq!(fs::read(root.path().join("victim")).unwrap(), b"content");

    let missing = Turnstile::open(&root.path().join("missing"));
    assert!(matches!(missing, Err(Error::Io { operation: "open the directory", .. })), "{missing:?}");
}
