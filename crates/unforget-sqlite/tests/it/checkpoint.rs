//! The write-ahead log: short under load, and whoever keeps it long is named.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use unforget_sqlite::{Checkpoints, Database, Durability, Error, Options, Result};

use crate::child::Child;
use crate::store::{PATIENCE, Store, insert};

const SHARE: u64 = 512 << 10;
const MARK: u64 = 2 << 20;

/// Marks that a test reaches soon. Durability makes no difference here.
fn small() -> Options {
    let policy = Checkpoints::default().every(SHARE).reset_at(MARK);
    Options::default().durability(Durability::Normal).checkpoints(policy)
}

fn log_size(store: &Store) -> u64 {
    fs::metadata(store.directory.path().join("notes.db-wal")).map_or(0, |log| log.len())
}

/// Writes about 40 KB.
fn write_some(db: &Database) {
    db.write(|tx| -> Result<()> {
        for _ in 0..10 {
            tx.execute("INSERT INTO note(body) VALUES (hex(randomblob(1000)))", [])?;
        }
        Ok(())
    })
    .unwrap();
}

/// Writes until `is_so`, and demands that it becomes so.
fn write_until(store: &Store, what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: {:?}", store.db.stats().wal);
        write_some(&store.db);
    }
}

/// A read on a thread of its own, until told to end.
struct HeldRead {
    end: mpsc::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl HeldRead {
    fn begin(name: &str, db: &Database) -> Self {
        let (end, ends) = mpsc::channel::<()>();
        let (started, has_started) = mpsc::channel();
        let db = db.clone();
        let thread = std::thread::Builder::new().name(name.to_owned());
        let reads = move || {
            db.read(|_| -> Result<()> {
                started.send(()).unwrap();
                ends.recv_timeout(PATIENCE).unwrap();
                Ok(())
            })
            .unwrap();
        };
        let thread = thread.spawn(reads).unwrap();
        has_started.recv_timeout(PATIENCE).unwrap();
        Self { end, thread }
    }

    fn end(self) {
        self.end.send(()).unwrap();
        self.thread.join().unwrap();
    }
}

#[test]
fn the_log_is_bounded_under_four_writers_and_readers_that_come_and_go() {
    const BATCHES: u64 = 200;
    let store = Store::with(small());
    let (largest, over) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..BATCHES {
                        write_some(&store.db);
                        largest.fetch_max(log_size(&store), Ordering::Relaxed);
                    }
                })
            })
            .collect();
        // Three readers in turns: there is always one.
        for _ in 0..3 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let latest = "SELECT max(body) FROM (SELECT body FROM note ORDER BY id DESC LIMIT 200)";
                    store.db.read(|tx| -> Result<()> { Ok(tx.query_row(latest, [], |_| Ok(()))?) }).unwrap();
                }
            });
        }
        for writer in writers {
            writer.join().unwrap();
        }
        over.store(true, Ordering::Relaxed);
    });
    let (wal, largest) = (store.db.stats().wal, largest.into_inner());
    assert!(wal.resets > 2, "{wal:?}");
    // Everything together is eighty megabytes of log. How far beyond the mark it gets depends on how long the disk takes
    // for one sync.
    assert!(largest < 32 << 20, "{largest} bytes of log: {wal:?}");
    assert!(store.db.check().unwrap().is_ok());
}

#[test]
fn the_log_begins_anew_before_the_mark_where_no_reader_is_in_it() {
    let policy = Checkpoints::default().every(SHARE).reset_at(MARK * 100);
    let store = Store::with(small().checkpoints(policy));
    write_until(&store, "it begins anew", || store.db.stats().wal.resets > 2);
    let wal = store.db.stats().wal;
    assert!(!wal.pinned && wal.failures == 0 && wal.resets_refused == 0, "{wal:?}");
    assert!(wal.bytes < MARK * 100, "{wal:?}");
}

#[test]
fn a_read_that_lasts_is_named_within_a_second_however_short_the_log_is() {
    let store = Store::new();
    write_some(&store.db);
    let reader = HeldRead::begin("a read without end", &store.db);
    let since = Instant::now();
    write_some(&store.db);
    while store.db.stats().wal.pinned_by.is_empty() {
        assert!(since.elapsed() < Duration::from_secs(1), "{:?}", store.db.stats());
        std::thread::yield_now();
    }
    let wal = store.db.stats().wal;
    assert!(wal.pinned && wal.checkpoints == 0, "{wal:?}");
    assert_eq!(wal.pinned_by[0].thread, "a read without end");
    assert!(wal.pinned_by[0].held_for >= Duration::from_millis(500), "{}", wal.pinned_by[0]);
    reader.end();
    assert!(!store.db.stats().wal.pinned, "{:?}", store.db.stats().wal);
}

#[test]
fn a_commit_moves_nothing_itself() {
    let policy = Checkpoints::default().every(16 << 20);
    let store = Store::with(Options::default().checkpoints(policy));
    let before = fs::metadata(store.path()).unwrap().len();
    // More than SQLite's own mark of a thousand pages, and less than ours.
    while log_size(&store) < 6 << 20 {
        write_some(&store.db);
    }
    assert_eq!(fs::metadata(store.path()).unwrap().len(), before, "the log is moved by another thread");
    assert_eq!(store.db.stats().wal.checkpoints, 0);
}

#[test]
fn a_reader_that_pins_the_log_is_named_and_the_log_is_cut_when_it_ends() {
    let store = Store::with(small());
    write_some(&store.db);
    let reader = HeldRead::begin("a slow report", &store.db);
    let before = store.db.stats().wal.resets;
    write_until(&store, "the reader is named", || !store.db.stats().wal.pinned_by.is_empty());
    write_until(&store, "a refused reset", || store.db.stats().wal.resets_refused > 0);
    let wal = store.db.stats().wal;
    assert!(wal.pinned && wal.resets == before, "{wal:?}");
    let names: Vec<_> = wal.pinned_by.iter().map(|read| read.thread.as_str()).collect();
    assert_eq!(names, ["a slow report"]);
    assert!(wal.pinned_by[0].place.contains("checkpoint.rs:"), "where it reads: {}", wal.pinned_by[0]);
    assert_eq!(store.db.stats().reads.len(), 1);
    reader.end();
    assert!(store.db.stats().reads.is_empty(), "what has ended is not counted");
    write_until(&store, "a reset", || store.db.stats().wal.resets > before);
    let wal = store.db.stats().wal;
    assert!(wal.pinned_by.is_empty(), "{wal:?}");
}

#[test]
fn writers_do_not_wait_for_a_reader_that_stays() {
    let policy = Checkpoints::default().every(SHARE).reset_at(MARK).patience(PATIENCE * 10);
    let store = Store::with(small().checkpoints(policy));
    write_some(&store.db);
    let reader = HeldRead::begin("a slow report", &store.db);
    write_until(&store, "refused resets", || store.db.stats().wal.resets_refused > 8);
    reader.end();
}

#[test]
fn a_checkpoint_that_is_asked_for_says_what_came_of_it() {
    let store = Store::new();
    write_some(&store.db);
    assert!(log_size(&store) > 0);
    let done = store.db.checkpoint_now().unwrap();
    assert!(done.reset && done.frames == 0 && done.pinned_by.is_empty(), "{done:?}");
    assert_eq!(log_size(&store), 0);
    write_some(&store.db);
    let reader = HeldRead::begin("a slow report", &store.db);
    write_some(&store.db);
    let refused = store.db.checkpoint_now().unwrap();
    assert!(!refused.reset && refused.frames > 0, "{refused:?}");
    assert_eq!(refused.pinned_by[0].thread, "a slow report");
    reader.end();
    assert!(store.db.checkpoint_now().unwrap().reset);
    let db = store.db.clone();
    let inside = store.db.write(move |_| db.checkpoint_now());
    assert!(matches!(inside, Err(Error::Reentrant)), "{inside:?}");
    store.db.close().unwrap();
    assert!(matches!(store.db.checkpoint_now(), Err(Error::Closed)));
}

#[test]
fn a_log_that_another_process_uses_is_cut_all_the_same() {
    let store = Store::new();
    let child = Child::start("hold", &store.path());
    write_some(&store.db);
    assert!(store.db.checkpoint_now().unwrap().reset, "it has it open and does not read");
    child.finish();
    assert!(insert(&store.db, "after").is_ok());
}

#[test]
fn a_file_that_was_replaced_is_not_checkpointed_under_its_old_name() {
    let store = Store::new();
    write_some(&store.db);
    for name in ["notes.db", "notes.db-wal", "notes.db-shm"] {
        fs::remove_file(store.directory.path().join(name)).unwrap();
    }
    let outcome = store.db.checkpoint_now();
    assert!(matches!(outcome, Err(Error::Replaced { .. })), "{outcome:?}");
    assert!(!store.path().exists(), "nor is a file made");
}

/// Role: writes as the parent does, at the same time.
pub(crate) fn write_from_a_child(file: &Path) {
    let db = Database::open(file, small()).unwrap();
    crate::child::ready();
    for _ in 0..BATCHES_OF_TWO {
        write_some(&db);
    }
    crate::child::wait_for_parent();
    db.close().unwrap();
}

const BATCHES_OF_TWO: u64 = 150;

#[test]
fn two_processes_that_write_and_checkpoint_lose_nothing_and_keep_the_log_short() {
    let store = Store::with(small());
    let child = Child::start("write", &store.path());
    let mut largest = 0;
    for _ in 0..BATCHES_OF_TWO {
        write_some(&store.db);
        largest = largest.max(log_size(&store));
    }
    child.finish();
    let wal = store.db.stats().wal;
    assert!(wal.failures == 0, "{wal:?}");
    // Everything together is thirty megabytes of log.
    assert!(largest < 20 << 20, "{largest} bytes of log: {wal:?}");
    assert_eq!(store.bodies().len() as u64, 2 * BATCHES_OF_TWO * 10);
    assert!(store.db.check().unwrap().is_ok());
}

#[test]
fn a_reader_of_another_process_that_pins_the_log_shows_without_a_name() {
    let store = Store::with(small());
    write_some(&store.db);
    let reader = Child::start("read", &store.path());
    // The child has emptied the log when it opened the file, which shows in the next commit.
    write_some(&store.db);
    let before = store.db.stats().wal.resets;
    write_until(&store, "a refused reset", || store.db.stats().wal.resets_refused > 0);
    let wal = store.db.stats().wal;
    assert!(wal.pinned && wal.pinned_by.is_empty() && wal.resets == before, "{wal:?}");
    reader.finish();
    write_until(&store, "a reset", || store.db.stats().wal.resets > before);
}
