//! Locked work of many processes, whose holders are killed or stopped at any moment.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use unforget_fs::{DotLock, Error, LockFile, LockOptions, Owner};
use unforget_sync::ManualClock;

use crate::child::{Child, DEADLINE, Part, add_one, say, wait_until};

/// What the next holder may wait for on a machine that is busy with other things.
const NEXT_HOLDER_AT_MOST: Duration = Duration::from_secs(5);

/// How long after the death of a holder the next one comes, where a machine runs who is ready.
const NEXT_HOLDER: Duration = Duration::from_millis(50);

/// The longest pause of a waiter.
const PAUSE: Duration = Duration::from_millis(20);

/// Set to how many holders each torture kills; `cargo xtask torture` sets it.
const KILLS: &str = "UNFORGET_TORTURE_KILLS";
/// How many it kills otherwise.
const KILLS_BY_DEFAULT: usize = 50;

/// How many work how much, again and again until enough of them were killed.
struct Torture {
    role: &'static str,
    processes: usize,
    times: u32,
    /// Takes such a lock that nobody else wants, and gives it back.
    alone: fn(&Path),
}

/// Increments the number in the file beside the lock, asking as often as everybody does by default; says who
/// died before it and when it came after it.
pub(crate) fn increment(part: &Part) {
    for _ in 0..part.times {
        let guard = LockFile::acquire(&part.path, &LockOptions::new().timeout(DEADLINE)).expect("acquired");
        say_who_died(guard.previous_unclean());
        add_one(guard.path(), || guard.verify());
        guard.release().expect("released");
        say("one");
    }
}

/// The same under a lock by existence.
pub(crate) fn increment_by_existence(part: &Part) {
    for _ in 0..part.times {
        let guard = DotLock::acquire(&part.path, &LockOptions::new().timeout(DEADLINE)).expect("acquired");
        say_who_died(guard.previous_unclean());
        add_one(guard.path(), || guard.verify());
        guard.release().expect("released");
        say("one");
    }
}

fn say_who_died(previous: Option<&Owner>) {
    if let Some(previous) = previous {
        say(&format!("after {} {}", previous.pid, now_us()));
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
    role: &'static str,
    left: u32,
}

impl Worker {
    fn start(role: &'static str, lock: &Path, times: u32) -> Self {
        Self { child: Child::start(role, lock, times), role, left: times }
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

impl Torture {
    /// Lets waves of processes work, kills holders meanwhile, and counts.
    fn run(&self) {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("counter"), "0").unwrap();
        let wanted =
            std::env::var(KILLS).map_or(KILLS_BY_DEFAULT, |number| number.parse().expect("a number"));
        let (mut heard, mut kills, mut waves) = (Heard::default(), Vec::new(), 0);
        let lateness = Lateness::measure(root.path().join("alone.lock"), self.alone);
        while kills.len() < wanted {
            let before = kills.len();
            self.wave(&root.path().join("counter.lock"), wanted, &mut heard, &mut kills);
            assert!(kills.len() > before, "somebody is killed in every wave");
            waves += 1;
            self.check(root.path(), waves, &heard, &kills);
        }
        report(self.role, root.path(), &heard, &kills, &lateness.sorted());
    }

    /// Starts everybody, and another one for the rest of the work of each that was killed.
    fn wave(&self, lock: &Path, wanted: usize, heard: &mut Heard, kills: &mut Vec<(u32, u64)>) {
        let start = |_| Worker::start(self.role, lock, self.times);
        let mut workers: Vec<_> = (0..self.processes).map(start).collect();
        while kills.len() < wanted {
            for _ in 0..some_number(40) {
                let worker = &mut workers[some_number(self.processes)];
                let line = worker.child.hear();
                worker.hear(heard, line);
            }
            let Some((victim, killed)) = kill_a_holder(lock, &mut workers) else { break };
            let worker = &mut workers[victim];
            kills.push((worker.child.pid(), killed));
            let last_words: Vec<_> = std::iter::from_fn(|| worker.child.hear()).collect();
            worker.hear(heard, last_words);
            *worker = Worker::start(worker.role, lock, worker.left);
        }
        for mut worker in workers {
            let lines: Vec<_> = std::iter::from_fn(|| worker.child.hear()).collect();
            worker.hear(heard, lines);
            assert_eq!((worker.left, worker.child.finish().len()), (0, 0), "everybody did its part");
        }
    }

    fn check(&self, root: &Path, waves: usize, heard: &Heard, kills: &[(u32, u64)]) {
        let counted = counted(root);
        let acknowledged = usize::try_from(heard.acknowledged).unwrap();
        assert_eq!(acknowledged, waves * self.processes * self.times as usize);
        assert!(
            (acknowledged..=acknowledged + kills.len()).contains(&counted),
            "{acknowledged} acknowledged, {} killed, {counted} counted",
            kills.len()
        );
    }
}

fn counted(root: &Path) -> usize {
    fs::read_to_string(root.join("counter")).unwrap().parse().unwrap()
}

/// How much later than it wanted somebody has a lock who pauses as long as a waiter does, and whom nobody
/// keeps from it: what the machine adds, measured while it works.
struct Lateness {
    stop: Sender<()>,
    measuring: JoinHandle<Vec<Duration>>,
}

impl Lateness {
    fn measure(lock: PathBuf, alone: fn(&Path)) -> Self {
        let (stop, stopped) = channel();
        let measuring = std::thread::spawn(move || {
            let mut late = Vec::new();
            loop {
                let began = Instant::now();
                if stopped.recv_timeout(PAUSE) != Err(RecvTimeoutError::Timeout) {
                    return late;
                }
                alone(&lock);
                late.push(began.elapsed().saturating_sub(PAUSE));
            }
        });
        Self { stop, measuring }
    }

    fn sorted(self) -> Vec<Duration> {
        drop(self.stop);
        let mut late = self.measuring.join().expect("it only measures");
        late.sort();
        late
    }
}

/// What half of them are not above.
fn median_of(sorted: &[Duration]) -> Duration {
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// What 95 of 100 are not above.
fn most_of(sorted: &[Duration]) -> Duration {
    sorted.get(sorted.len() * 95 / 100).copied().unwrap_or_default()
}

fn report(role: &str, root: &Path, heard: &Heard, kills: &[(u32, u64)], late: &[Duration]) {
    let mut waits: Vec<_> = heard.followers.iter().map(|follower| waited(follower, kills)).collect();
    waits.sort();
    let longest = waits.last().expect("somebody died with the lock");
    let (median, most) = (median_of(&waits), most_of(&waits));
    let (late_median, late_most) = (median_of(late), most_of(late));
    println!(
        "{role}: {} counted, {} acknowledged; {} kills, {} of holders; next holder after {median:?} (median), \
         {most:?} (95 of 100), {longest:?} (longest), {} within {NEXT_HOLDER:?}; one that nobody holds is late by {late_median:?} (median), {late_most:?} (95 of 100)",
        counted(root),
        heard.acknowledged,
        kills.len(),
        waits.len(),
        waits.iter().filter(|wait| **wait <= NEXT_HOLDER).count(),
    );
    // What the machine adds is added to each of several: to who dies, and to the waiters that want to be next,
    // which write and sync their records at the same time.
    for (wait, late) in [(median, late_median), (most, late_most)] {
        assert!(wait <= NEXT_HOLDER + 4 * late, "more than the machine explains: {wait:?}");
    }
    assert!(*longest < NEXT_HOLDER_AT_MOST, "nobody is forgotten: {longest:?}");
}

/// How long after the kill of a holder the next one came.
fn waited((dead, at): &(u32, u64), kills: &[(u32, u64)]) -> Duration {
    // The last of that number before: in a long torture numbers of processes come again.
    let mut before = kills.iter().rev().filter(|(pid, killed)| pid == dead && killed <= at);
    let (_, killed) = before.next().expect("only the killed left it so");
    Duration::from_micros(at.saturating_sub(*killed))
}

#[test]
fn eight_processes_lose_no_increment_when_holders_are_killed_at_random() {
    let alone = |path: &Path| {
        LockFile::try_acquire(path, &LockOptions::new()).and_then(LockFile::release).expect("nobody has it");
    };
    Torture { role: "lock::increment_politely", processes: 8, times: 200, alone }.run();
}

#[test]
fn processes_that_lock_by_existence_lose_no_increment_when_holders_are_killed_at_random() {
    let alone = |path: &Path| {
        DotLock::try_acquire(path).and_then(DotLock::release).expect("nobody has it");
    };
    Torture { role: "dot_lock::increment_politely", processes: 4, times: 50, alone }.run();
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
