//! Locked work of many processes, whose holders are killed or stopped at any moment.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use unforget_fs::{Error, LockFile, LockOptions};
use unforget_sync::ManualClock;

use crate::child::{Child, DEADLINE, Part, add_one, names_in, say, wait_until};

const PROCESSES: usize = 8;
const TIMES: u32 = 200;
const KILLS: usize = 24;

/// What the next holder may wait for on a machine that is busy with other things.
const NEXT_HOLDER_AT_MOST: Duration = Duration::from_secs(5);

/// Increments the number in the file beside the lock, asking as often as everybody does by default; says who
/// died before it and when it came after it.
pub(crate) fn increment(part: &Part) {
    for _ in 0..part.times {
        let guard = LockFile::acquire(&part.path, &LockOptions::new().timeout(DEADLINE)).expect("acquired");
        if let Some(previous) = guard.previous_unclean() {
            // The number is the time of acquisition in microseconds.
            say(&format!("after {} {}", previous.pid, guard.fence()));
        }
        add_one(guard.path(), || guard.verify());
        guard.release().expect("released");
        say("one");
    }
}

/// What the processes said, dead ones included.
#[derive(Default)]
struct Heard {
    acknowledged: u32,
    /// Who followed a dead holder, and when.
    followers: Vec<(u32, u64)>,
}

impl Heard {
    fn line(&mut self, line: &str) -> u32 {
        if let Some(follower) = line.strip_prefix("after ") {
            let (dead, at) = follower.split_once(' ').expect("two numbers");
            self.followers.push((dead.parse().expect("a process id"), at.parse().expect("a time")));
            return 0;
        }
        assert_eq!(line, "one");
        self.acknowledged += 1;
        1
    }
}

struct Worker {
    child: Child,
    left: u32,
}

impl Worker {
    fn start(lock: &Path, times: u32) -> Self {
        Self { child: Child::start("lock::increment_politely", lock, times), left: times }
    }

    fn hear(&mut self, heard: &mut Heard, lines: impl IntoIterator<Item = String>) {
        self.left -= lines.into_iter().map(|line| heard.line(&line)).sum::<u32>();
    }
}

fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_micros()).expect("a time of this age")
}

/// A number below `limit`, from the digits of a time that nobody chooses.
fn some_number(limit: usize) -> usize {
    usize::try_from(now_us() / 7).unwrap_or_default() % limit
}

/// Kills whoever has the lock at some moment; says when and whom.
fn kill_a_holder(lock: &Path, workers: &mut [Worker]) -> Option<(usize, u64)> {
    let mut victim = None;
    wait_until("somebody holds the lock", || {
        let holder = LockFile::holder(lock).expect("readable").map(|owner| owner.pid);
        victim = workers.iter().position(|worker| Some(worker.child.pid()) == holder);
        victim.is_some() || workers.iter_mut().all(|worker| worker.child.has_ended())
    });
    let killed = now_us();
    workers.get_mut(victim?)?.child.kill();
    Some((victim?, killed))
}

#[test]
fn eight_processes_lose_no_increment_when_holders_are_killed_at_random() {
    let root = tempfile::tempdir().unwrap();
    let lock = root.path().join("counter.lock");
    fs::write(root.path().join("counter"), "0").unwrap();
    let mut workers: Vec<_> = (0..PROCESSES).map(|_| Worker::start(&lock, TIMES)).collect();
    let (mut heard, mut kills) = (Heard::default(), Vec::new());
    while kills.len() < KILLS {
        for _ in 0..some_number(40) {
            let worker = &mut workers[some_number(PROCESSES)];
            let line = worker.child.hear();
            worker.hear(&mut heard, line);
        }
        let Some((victim, killed)) = kill_a_holder(&lock, &mut workers) else { break };
        let worker = &mut workers[victim];
        kills.push((worker.child.pid(), killed));
        let last_words: Vec<_> = std::iter::from_fn(|| worker.child.hear()).collect();
        worker.hear(&mut heard, last_words);
        *worker = Worker::start(&lock, worker.left);
    }
    for mut worker in workers {
        let lines: Vec<_> = std::iter::from_fn(|| worker.child.hear()).collect();
        worker.hear(&mut heard, lines);
        assert_eq!((worker.left, worker.child.finish().len()), (0, 0), "everybody did its part");
    }
    check(root.path(), &heard, &kills);
}

fn check(root: &Path, heard: &Heard, kills: &[(u32, u64)]) {
    let counted: usize = fs::read_to_string(root.join("counter")).unwrap().parse().unwrap();
    let acknowledged = usize::try_from(heard.acknowledged).unwrap();
    assert_eq!(acknowledged, PROCESSES * TIMES as usize);
    assert!(
        (acknowledged..=acknowledged + kills.len()).contains(&counted),
        "{acknowledged} acknowledged, {} killed, {counted} counted",
        kills.len()
    );
    let mut waits: Vec<_> = heard
        .followers
        .iter()
        .map(|(dead, at)| {
            let (_, killed) = kills.iter().find(|(pid, _)| pid == dead).expect("only the killed left it so");
            Duration::from_micros(at.saturating_sub(*killed))
        })
        .collect();
    waits.sort();
    let longest = waits.last().expect("somebody died with the lock");
    let within = waits.iter().filter(|wait| **wait <= Duration::from_millis(50)).count();
    println!(
        "{counted} counted, {acknowledged} acknowledged; {} kills, {} of holders; next holder after {:?} (median), \
         {longest:?} (longest), {within} of {} within 50 ms",
        kills.len(),
        waits.len(),
        waits[waits.len() / 2],
        waits.len()
    );
    assert!(*longest < NEXT_HOLDER_AT_MOST, "the lock goes with its process: {longest:?}");
    let left = names_in(root).into_iter().filter(|name| !name.starts_with(".unforget-tmp-"));
    assert_eq!(left.collect::<Vec<_>>(), ["counter", "counter.lock"]);
}

#[test]
fn a_stopped_holder_is_named_at_the_deadline_and_keeps_the_lock() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("x.lock");
    let mut holder = Child::start("lock::hold", &path, 0);
    assert!(holder.hear().is_some_and(|line| line.starts_with("held ")));
    holder.stop();
    let clock = LockOptions::new().clock(Arc::new(ManualClock::new())).timeout(DEADLINE);
    let outcome = LockFile::acquire(&path, &clock);
    let Err(error @ Error::Locked { .. }) = outcome else { panic!("{outcome:?}") };
    let name = format!("process {} (", holder.pid());
    assert!(error.to_string().contains(&name), "no age frees it, and a person is told who it is: {error}");
    holder.go_on();
    holder.wake();
    holder.expect("released");
    LockFile::try_acquire(&path, &LockOptions::new()).expect("it went on").release().unwrap();
}

#[test]
fn a_stopped_holder_that_is_killed_frees_the_lock() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("x.lock");
    let mut holder = Child::start("lock::hold", &path, 0);
    assert!(holder.hear().is_some_and(|line| line.starts_with("held ")));
    holder.stop();
    holder.kill();
    let guard = LockFile::try_acquire(&path, &LockOptions::new()).expect("at once");
    assert_eq!(guard.previous_unclean().map(|owner| owner.pid), Some(holder.pid()));
}
