//! A storm of writes with readers that come and go: how long the write-ahead log gets, and how long a commit takes.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
    let (done, longest) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut measured = Turn::default();
    thread::scope(|threads| {
        for reader in 0..READERS {
            let (store, done) = (&store, &done);
            threads.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    hold_a_snapshot(store, Duration::from_millis(5 + 40 * reader as u64));
                }
            });
        }
        threads.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                longest.fetch_max(store.0.stats().wal.bytes, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(5));
            }
        });
        let write = || {
            let mut latencies = Vec::with_capacity(1 << 20);
            while !done.load(Ordering::Relaxed) {
                let (row, began) = (Row::next(), Instant::now());
                assert!(store.write(row), "nobody else is at the file");
                latencies.push(micros(began.elapsed()));
            }
            latencies
        };
        let began = Instant::now();
        let writers: Vec<_> = (0..WRITERS).map(|_| threads.spawn(write)).collect();
        thread::sleep(lasting);
        done.store(true, Ordering::Relaxed);
        measured.latencies =
            writers.into_iter().map(|writer| writer.join().expect("no caller panics")).collect();
        measured.seconds = began.elapsed().as_secs_f64();
    });
    (measured, longest.into_inner(), store.0.stats().wal.checkpoints)
}

fn hold_a_snapshot(store: &Unforget, time: Duration) {
    let counted = store.0.read(|tx| -> Result<i64, unforget_sqlite::Error> {
        let rows = tx.query_row("SELECT coalesce(max(id), 0) FROM node", [], |row| row.get(0))?;
        thread::sleep(time);
        Ok(rows)
    });
    counted.expect("it is read");
}
