//! A storm of writes with readers that come and go: how long the write-ahead log gets, and how long a commit takes.

use std::thread;
use std::time::{Duration, Instant};

use crate::figures::{Turn, micros};
use crate::row::{Kind, Row};
use crate::stores::{Store, Unforget};
use crate::{Effort, fresh_dir};

const WRITERS: usize = 16;
const READERS: usize = 3;

pub(crate) fn run(effort: Effort) {
    let lasting = if effort.smoke { Duration::from_millis(200) } else { Duration::from_mins(1) };
    for kind in [Kind::ALL[0], Kind::ALL[1]] {
        let (turn, longest, checkpoints) = write_all_the_time(kind, lasting);
        let figures = turn.figures();
        println!("\n{WRITERS} callers write for {lasting:?}, {READERS} readers come and go, {}", kind.name());
        println!(
            "  {:.0} writes/s, p99 {:.2} ms, max {:.1} ms; the log had at most {:.1} MiB; {checkpoints} checkpoints",
            figures.per_second,
            figures.p99_ms,
            figures.max_ms,
            longest as f64 / f64::from(1 << 20),
        );
    }
}

fn write_all_the_time(kind: Kind, lasting: Duration) -> (Turn, u64, u64) {
    let dir = fresh_dir();
    let store = Unforget::open(&dir.path().join("rows.db"), kind);
    let began = Instant::now();
    let end = began + lasting;
    let (mut measured, mut longest) = (Turn::default(), 0);
    thread::scope(|threads| {
        for reader in 0..READERS {
            let store = &store;
            threads.spawn(move || hold_snapshots(store, Duration::from_millis(5 + 40 * reader as u64), end));
        }
        let write = || {
            let mut latencies = Vec::with_capacity(1 << 20);
            loop {
                let (row, began) = (Row::next(), Instant::now());
                if began >= end {
                    return latencies;
                }
                assert!(store.write(row), "nobody else is at the file");
                latencies.push(micros(began.elapsed()));
            }
        };
        let writers: Vec<_> = (0..WRITERS).map(|_| threads.spawn(write)).collect();
        while Instant::now() < end {
            longest = longest.max(store.db.stats().wal.bytes);
            thread::park_timeout(Duration::from_millis(5));
        }
        measured.latencies =
            writers.into_iter().map(|writer| writer.join().expect("no caller panics")).collect();
        measured.seconds = began.elapsed().as_secs_f64();
    });
    (measured, longest, store.db.stats().wal.checkpoints)
}

/// One snapshot after the other, each held for `time`.
fn hold_snapshots(store: &Unforget, time: Duration, end: Instant) {
    while Instant::now() < end {
        let held = store.db.read(|tx| -> Result<(), unforget_sqlite::Error> {
            let _rows: i64 = tx.query_row("SELECT coalesce(max(id), 0) FROM node", [], |row| row.get(0))?;
            thread::park_timeout(time);
            Ok(())
        });
        held.expect("it is read");
    }
}
