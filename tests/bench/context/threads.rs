//! Threads that read and write, and what a reader waits for at worst.

use std::rc::Rc;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use unforget_sqlite::Durability;

use crate::Effort;
use crate::locked::{Copied, Dash, Guarded, Locked, Shared, Stored};
use crate::maps::{Fold, Papaya};
use crate::table::{Contender, compare};

const KEYS: usize = 1_000;

pub(crate) fn run(effort: Effort) {
    let keys: Rc<[String]> = (0..KEYS).map(|n| format!("user-{n:07}")).collect();
    for threads in [1, 2] {
        for (percent, calls) in [(0, 1 << 17), (1, 1 << 15), (100, 1 << 15)] {
            let mix = Mix { threads, percent, calls };
            let title = format!("{percent} % writes by {threads} threads, {KEYS} keys");
            compare(
                &title,
                effort.rounds,
                &[
                    mixed::<Stored>("unforget Contexts in SQLite, NORMAL", &keys, mix),
                    mixed::<Guarded>("RwLock<HashMap>", &keys, mix),
                    mixed::<Locked>("Mutex<HashMap>", &keys, mix),
                    mixed::<Dash>("dashmap", &keys, mix),
                    mixed::<Papaya<Fold>>("papaya, foldhash", &keys, mix),
                    mixed::<Copied>("ArcSwap<HashMap>, copied", &keys, mix),
                ],
            );
        }
    }
    tails(effort, &keys);
    updates(effort, &keys);
}

#[derive(Clone, Copy)]
struct Mix {
    threads: usize,
    /// Of the calls, how many in a hundred write.
    percent: usize,
    /// Of each thread.
    calls: usize,
}

fn mixed<S: Shared + 'static>(name: &'static str, keys: &Rc<[String]>, mix: Mix) -> Contender {
    let (shared, keys) = (S::of(keys), Rc::clone(keys));
    keys.iter().for_each(|key| shared.read(key));
    let calls = if mix.percent == 100 { mix.calls / S::COMMITS } else { mix.calls };
    Contender::new(name, move || {
        let keys: &[String] = &keys;
        together(mix.threads, |thread| {
            for call in 0..calls {
                let key = &keys[(call * 7 + thread * 501) % KEYS];
                if call % 100 < mix.percent { shared.write(key, call as u64) } else { shared.read(key) }
            }
        }) / calls as f64
    })
}

/// What it takes from when the first thread begins until the last is done, in nanoseconds.
///
/// The threads look at the clock themselves: one more that did it for them would wait for a core.
fn together(threads: usize, work: impl Fn(usize) + Sync) -> f64 {
    let start = Barrier::new(threads);
    let times: Vec<(Instant, Instant)> = thread::scope(|scope| {
        let timed = |thread| {
            let (start, work) = (&start, &work);
            scope.spawn(move || {
                start.wait();
                let began = Instant::now();
                work(thread);
                (began, Instant::now())
            })
        };
        let workers: Vec<_> = (0..threads).map(timed).collect();
        workers.into_iter().map(|worker| worker.join().expect("nobody panics")).collect()
    });
    let began = times.iter().map(|(began, _)| *began).min();
    let ended = times.iter().map(|(_, ended)| *ended).max();
    began.zip(ended).map_or(0.0, |(began, ended)| (ended - began).as_secs_f64() * 1e9)
}

/// The p99.9 of reads, alone and beside a thread that writes as fast as it can.
fn tails(effort: Effort, keys: &Rc<[String]>) {
    for writer in [false, true] {
        let title = format!("p99.9 of reads, {} writer beside them", if writer { "one" } else { "no" });
        compare(
            &title,
            effort.rounds,
            &[
                tail::<Stored>("unforget Contexts in SQLite, NORMAL", keys, writer),
                tail::<Guarded>("RwLock<HashMap>", keys, writer),
                tail::<Locked>("Mutex<HashMap>", keys, writer),
                tail::<Dash>("dashmap", keys, writer),
                tail::<Papaya<Fold>>("papaya, foldhash", keys, writer),
                tail::<Copied>("ArcSwap<HashMap>, copied", keys, writer),
            ],
        );
    }
}

fn tail<S: Shared + 'static>(name: &'static str, keys: &Rc<[String]>, writer: bool) -> Contender {
    let (shared, keys) = (S::of(keys), Rc::clone(keys));
    keys.iter().for_each(|key| shared.read(key));
    Contender::new(name, move || {
        let (keys, over): (&[String], _) = (&keys, AtomicBool::new(!writer));
        let begun = AtomicBool::new(!writer);
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut n = 0;
                while !over.load(Ordering::Relaxed) {
                    n += 1;
                    shared.write(&keys[n % KEYS], n as u64);
                    begun.store(true, Ordering::Relaxed);
                }
            });
            while !begun.load(Ordering::Relaxed) {
                thread::yield_now();
            }
            let taken = latencies(1 << 16, |call| shared.read(&keys[(call * 7) % KEYS]));
            over.store(true, Ordering::Relaxed);
            taken
        })
    })
}

/// The p99.9 of so many calls, in nanoseconds, reading the clock included.
fn latencies(calls: usize, call: impl Fn(usize)) -> f64 {
    let timed = |n| {
        let began = Instant::now();
        call(n);
        began.elapsed().as_nanos()
    };
    let mut taken: Vec<u128> = (0..calls).map(timed).collect();
    taken.sort_unstable();
    taken[calls - 1 - calls / 1_000] as f64
}

/// Committed updates of a key for each thread, and how many shared a commit.
fn updates(effort: Effort, keys: &Rc<[String]>) {
    for threads in [1, 16] {
        let title = format!("committed updates by {threads} threads, a key each, per update");
        let contenders =
            [("unforget update, NORMAL", Durability::Normal), ("unforget update, FULL", Durability::Full)];
        let mut counts = Vec::new();
        let contenders = contenders.map(|(name, durability)| {
            let stored = Rc::new(Stored::open(keys, durability));
            counts.push((name, Rc::clone(&stored), stored.counted()));
            let keys = Rc::clone(keys);
            Contender::new(name, move || {
                let (stored, keys): (&Stored, &[String]) = (&stored, &keys);
                let calls = 1_024 / threads;
                together(threads, |thread| (0..calls).for_each(|_| stored.update(&keys[thread])))
                    / (calls * threads) as f64
            })
        });
        compare(&title, effort.rounds, &contenders);
        for (name, stored, before) in counts {
            let after = stored.counted();
            let batch = (after.0 - before.0) as f64 / (after.1 - before.1) as f64;
            println!("  {name}: {batch:.1} updates in a commit");
        }
    }
}
