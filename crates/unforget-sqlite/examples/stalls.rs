//! Measures how long commits take while checkpoints run beside them, and without any.
//!
//! ```text
//! cargo run --release -p unforget-sqlite --example stalls -- SECONDS ROUNDS [DIRECTORY [BYTES]]
//! ```
//!
//! Sixteen callers write rows of 1 KiB. Runs with and without checkpoints take turns, at both durabilities, so that
//! what the machine does besides is in both. BYTES is by how much the log grows between two passes.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use unforget_sqlite::{Checkpoints, Database, Durability, Error, Options, Schema};

static SCHEMA: Schema = Schema::new(&["CREATE TABLE note(id INTEGER PRIMARY KEY, body BLOB NOT NULL)"]);

const CALLERS: usize = 16;

/// A commit that takes longer is looked at.
const SLOW: Duration = Duration::from_millis(30);

type AnyError = Box<dyn std::error::Error>;

fn main() -> Result<(), AnyError> {
    let mut arguments = std::env::args().skip(1);
    let seconds: u64 = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let rounds: u32 = arguments.next().map_or(Ok(2), |text| text.parse())?;
    let directory = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let policy = Checkpoints::default();
    let policy = arguments.next().map_or(Ok(policy), |text| text.parse().map(|bytes| policy.every(bytes)))?;
    for _ in 0..rounds {
        for durability in [Durability::Full, Durability::Normal] {
            for checkpoints in [true, false] {
                let policy = if checkpoints { policy } else { policy.every(u64::MAX).reset_at(u64::MAX) };
                measure(&directory, durability, policy, Duration::from_secs(seconds))?;
            }
        }
    }
    Ok(())
}

/// When the writes of a run began and how long each took.
type Latencies = Vec<(Instant, Duration)>;

fn measure(
    directory: &Path,
    durability: Durability,
    policy: Checkpoints,
    time: Duration,
) -> Result<(), AnyError> {
    let directory = tempfile::tempdir_in(directory)?;
    let options = Options::default().durability(durability).checkpoints(policy);
    let db = Database::open(directory.path().join("notes.db"), options)?;
    db.migrate(&SCHEMA)?;
    let (all, end) = (Mutex::new(Latencies::new()), Instant::now() + time);
    let mut largest = 0;
    std::thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| {
                let latencies = write_until(&db, end);
                if let (Ok(latencies), Ok(mut all)) = (latencies, all.lock()) {
                    all.extend(latencies);
                }
            });
        }
        while Instant::now() < end {
            std::thread::park_timeout(Duration::from_millis(5));
            largest = largest.max(db.stats().wal.bytes);
        }
    });
    let wal = db.stats().wal;
    let mut all = all.into_inner().map_err(|_| "a caller panicked")?;
    report(&mut all, time);
    println!(
        "    {durability:?}, {policy:?}; {} steps, {} resets, {} refused, largest log {} MiB",
        wal.checkpoints,
        wal.resets,
        wal.resets_refused,
        largest >> 20
    );
    Ok(())
}

fn write_until(db: &Database, end: Instant) -> Result<Latencies, Error> {
    let (body, mut latencies) = (vec![7_u8; 1_024], Latencies::new());
    while Instant::now() < end {
        let (began, body) = (Instant::now(), body.clone());
        db.write(move |tx| -> Result<(), Error> {
            tx.prepare_cached("INSERT INTO note(body) VALUES (?1)")?.execute([&body])?;
            Ok(())
        })?;
        latencies.push((began, began.elapsed()));
    }
    Ok(latencies)
}

/// Slow writes that overlap are one stall.
fn report(all: &mut Latencies, time: Duration) {
    let mut slow: Vec<_> = all.iter().filter(|(_, took)| *took > SLOW).copied().collect();
    slow.sort_unstable();
    let mut stalls: Vec<(Instant, Duration)> = Vec::new();
    for (began, took) in slow {
        match stalls.last_mut() {
            Some((first, longest)) if began <= *first + *longest => *longest = took.max(*longest),
            _ => stalls.push((began, took)),
        }
    }
    all.sort_unstable_by_key(|(_, took)| *took);
    let at = |of_1000: usize| all.get(all.len() * of_1000 / 1_000).map_or(Duration::ZERO, |(_, took)| *took);
    let longest: Vec<_> = stalls.iter().map(|(_, took)| took.as_millis()).collect();
    println!(
        "{:>7}/s  p50 {:.1?}  p99.9 {:.1?}  max {:.1?}  stalls over {SLOW:?}: {longest:?} ms",
        all.len() as u128 * 1_000 / time.as_millis().max(1),
        at(500),
        at(999),
        all.last().map_or(Duration::ZERO, |(_, took)| *took),
    );
}
