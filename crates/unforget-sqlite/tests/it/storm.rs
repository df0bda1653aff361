//! As many writes as the machine takes, and readers that come and go: the log stays short.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use unforget_sqlite::{Database, Durability, Options, Result};

use crate::store::Store;

/// What the log may grow to, at most. It is far too long at 64 MiB.
const BOUND: u64 = 128_000_000;

const WRITERS: u64 = 16;

/// How long each of the readers that relieve one another reads at once.
const READS: [Duration; 3] =
    [Duration::from_millis(3), Duration::from_millis(20), Duration::from_millis(110)];

fn lasting() -> Duration {
    let long = std::env::var_os("UNFORGET_LONG").is_some();
    Duration::from_secs(if long { 60 } else { 3 })
}

fn write(db: &Database, n: u64) {
    db.write(move |tx| -> Result<()> {
        let insert = "INSERT INTO note(id, body) VALUES (?1, ?1 || hex(randomblob(500)))";
        tx.prepare_cached(insert)?.execute([n])?;
        Ok(())
    })
    .unwrap();
}

fn read(db: &Database, for_as_long: Duration) {
    db.read(|tx| -> Result<()> {
        let since = Instant::now();
        while since.elapsed() < for_as_long {
            let count = "SELECT count(*) FROM (SELECT body FROM note ORDER BY id DESC LIMIT 200)";
            tx.query_row(count, [], |_| Ok(()))?;
        }
        Ok(())
    })
    .unwrap();
}

/// Answers how long the log was at most.
#[expect(clippy::print_stdout, reason = "a long run is made for its figures")]
fn storm(durability: Durability) -> u64 {
    let store = Store::with(Options::default().durability(durability));
    let (over, written, largest) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let (db, over) = (&store.db, &over);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|_| {
                scope.spawn(|| {
                    let end = Instant::now() + lasting();
                    while Instant::now() < end {
                        write(&store.db, written.fetch_add(1, Ordering::Relaxed));
                        largest.fetch_max(store.db.stats().wal.bytes, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for hold in READS {
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    read(db, hold);
                }
            });
        }
        for writer in writers {
            writer.join().unwrap();
        }
        over.store(true, Ordering::Relaxed);
    });
    let (wal, largest) = (store.db.stats().wal, largest.into_inner());
    println!("{durability:?}: {} rows, {largest} bytes of log at most, {wal:?}", written.into_inner());
    assert!(wal.failures == 0 && wal.checkpoints > 0, "{wal:?}");
    largest
}

#[test]
fn the_log_stays_below_its_bound_under_a_storm_of_writes() {
    for durability in [Durability::Normal, Durability::Full] {
        let largest = storm(durability);
        assert!(largest < BOUND, "{durability:?}: {largest} bytes of log");
    }
}
