//! Many threads of many processes that add to one number, and are killed.

use std::collections::BTreeSet;
use std::path::Path;
use std::thread;

use super::{Profile, added, is_long, open};
use crate::child::{Child, hear_parent, say};

const SUM: &str = "sum";
const PROCESSES: usize = 4;
const THREADS: usize = 8;

/// Role: each thread adds as often as the parent says, and says the revision of each change when it is acknowledged.
pub(crate) fn add(directory: &Path) {
    let contexts = open(directory);
    say("ready");
    let quotas = hear_parent().expect("the parent says how often");
    let quotas: Vec<usize> = quotas.split(' ').map(|quota| quota.parse().expect("a number")).collect();
    thread::scope(|scope| {
        for (thread, quota) in quotas.into_iter().enumerate() {
            let contexts = &contexts;
            scope.spawn(move || {
                for _ in 0..quota {
                    let before = contexts.get(SUM).expect("it can be read").expect("it exists").revision();
                    let after = contexts.update(SUM, |sum| added(sum, "n", 1)).expect("no caller sees busy");
                    assert!(after.revision() > before, "a context went back in time");
                    say(&format!("{thread} {}", after.revision()));
                }
            });
        }
    });
}

/// What the threads of one process have left to do, and what they were acknowledged.
struct Ledger {
    left: [usize; THREADS],
    revisions: Vec<u64>,
}

impl Ledger {
    fn enter(&mut self, line: &str) {
        let (thread, revision) = line.split_once(' ').expect("two numbers");
        self.left[thread.parse::<usize>().expect("a thread")] -= 1;
        self.revisions.push(revision.parse().expect("a revision"));
    }

    fn start(&self, directory: &Path) -> Child {
        let mut child = Child::start("add", directory);
        assert_eq!(child.hear().as_deref(), Some("ready"));
        child.tell(&self.left.map(|left| left.to_string()).join(" "));
        child
    }
}

/// Lets a process do its work, killing it `kills` times; each time it is started again for what is left.
fn work_through(directory: &Path, place: usize, increments: usize, kills: usize) -> Vec<u64> {
    let mut ledger = Ledger { left: [increments; THREADS], revisions: Vec::new() };
    let between = THREADS * increments / (kills + 1);
    for kill in 0..kills {
        let child = ledger.start(directory);
        // Another number each time, so that the kill falls into another moment of a commit.
        for _ in 0..=(kill * 37 + place * 11) % between {
            ledger.enter(&child.hear().expect("it has more to do"));
        }
        child.kill().iter().for_each(|line| ledger.enter(line));
    }
    ledger.start(directory).finish().iter().for_each(|line| ledger.enter(line));
    assert_eq!(ledger.left, [0; THREADS], "every change was acknowledged");
    ledger.revisions
}

#[test]
fn what_was_added_is_what_was_acknowledged_and_at_most_what_was_under_way_at_the_kills() {
    let (increments, kills) = if is_long() { (1_000, 50) } else { (40, 6) };
    let root = tempfile::tempdir().expect("a directory");
    let contexts = open(root.path());
    contexts.get_or_create(SUM, Profile::new).expect("it can be created");
    let acknowledged: Vec<u64> = thread::scope(|scope| {
        let share = |place| kills / PROCESSES + usize::from(place < kills % PROCESSES);
        let work = |place| {
            let directory = root.path();
            scope.spawn(move || work_through(directory, place, increments, share(place)))
        };
        let workers: Vec<_> = (0..PROCESSES).map(work).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("it ends well")).collect()
    });
    assert_eq!(acknowledged.len(), PROCESSES * THREADS * increments);
    let distinct: BTreeSet<u64> = acknowledged.iter().copied().collect();
    assert_eq!(distinct.len(), acknowledged.len(), "two changes were made from one value");

    let sum = contexts.get(SUM).expect("it can be read").expect("it exists");
    let counted = usize::try_from(sum["n"]).expect("it counts up");
    let under_way = kills * THREADS;
    assert!(
        (acknowledged.len()..=acknowledged.len() + under_way).contains(&counted),
        "{} acknowledged, at most {under_way} under way at the kills: {counted}",
        acknowledged.len()
    );
    assert_eq!(sum.revision(), counted as u64 + 1, "every change added one");
}
