//! Callers that each write a row, wait until it is committed, and write the next.

use std::path::Path;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use crate::figures::{Figures, Turn, head, line, medians, micros};
use crate::row::{Kind, Row};
use crate::stores::{Deadpool, Locked, Pool, Store, TokioRusqlite, Unforget};
use crate::{Effort, fresh_dir};

type Round = fn(Kind, usize, Duration) -> Figures;

pub(crate) fn run(effort: Effort) {
    let contenders: [(&str, Round); 5] = [
        ("r2d2 pool, as it comes (b)", round::<Pool>),
        ("unforget-sqlite", round::<Unforget>),
        ("Mutex<Connection>, cached (c)", round::<Locked>),
        ("tokio-rusqlite, cached (d)", round::<TokioRusqlite>),
        ("deadpool-sqlite, cached (e)", round::<Deadpool>),
    ];
    for kind in Kind::ALL {
        for callers in if effort.smoke { vec![1, 4] } else { vec![1, 4, 16, 64] } {
            let mut taken = [const { Vec::new() }; 5];
            for _ in 0..effort.rounds {
                for ((_, round), taken) in contenders.iter().zip(&mut taken) {
                    taken.push(round(kind, callers, effort.turn));
                }
            }
            let taken: Vec<Figures> = taken.iter().map(|rounds| medians(rounds)).collect();
            head(&format!("{callers} waiting callers, {}", kind.name()));
            for ((name, _), figures) in contenders.iter().zip(&taken) {
                line(name, figures, &taken[0]);
            }
        }
    }
}

fn round<S: Store>(kind: Kind, callers: usize, turn: Duration) -> Figures {
    let dir = fresh_dir();
    write_for::<S>(&dir.path().join("rows.db"), kind, callers, turn, || ()).figures()
}

/// Lets `callers` threads write to one file for as long as `turn`, once it is open, they all exist, and `ready` has
/// returned.
pub(crate) fn write_for<S: Store>(
    path: &Path,
    kind: Kind,
    callers: usize,
    turn: Duration,
    ready: impl FnOnce(),
) -> Turn {
    let store = S::open(path, kind);
    // What is only made once is not measured: connections, compiled statements, the first pages of the log.
    assert!((0..8).all(|_| store.write(Row::next())), "nobody else writes yet");
    let start = Barrier::new(callers + 1);
    thread::scope(|threads| {
        let write = || {
            start.wait();
            let (mut latencies, mut refused) = (Vec::with_capacity(1 << 16), 0);
            let end = Instant::now() + turn;
            loop {
                let (row, began) = (Row::next(), Instant::now());
                if began >= end {
                    break;
                }
                if store.write(row) {
                    latencies.push(micros(began.elapsed()));
                } else {
                    refused += 1;
                }
            }
            (latencies, refused)
        };
        let callers: Vec<_> = (0..callers).map(|_| threads.spawn(write)).collect();
        // Processes that are measured together begin together: making threads takes long where others write already.
        ready();
        start.wait();
        let began = Instant::now();
        let mut measured = Turn::default();
        for caller in callers {
            let (latencies, refused) = caller.join().expect("no caller panics");
            measured.latencies.push(latencies);
            measured.refused += refused;
        }
        measured.seconds = began.elapsed().as_secs_f64();
        measured
    })
}
