//! The disk fails, or is slow, while the engine itself moves the log into the file.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use unforget::unforget_sqlite::rusqlite::Connection;
use unforget::unforget_sqlite::{Checkpoints, Database, Durability, Error, Result};

use super::failing::goes_on;
use super::power_cut;
use super::verify::Expected;
use super::workload::{TABLES, Workload};
use crate::disk::{Call, Fault};

/// How long a test waits for something that must happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// Checkpoints that a reader stops half-way, so that pages are moved and not synced yet, and others that it does not.
fn run(workload: &Workload) -> Option<Database> {
    let db = workload.open()?;
    move_in_parts(workload, &db, 0);
    workload.note(db.close());
    drop(db);
    let db = workload.open()?;
    move_in_parts(workload, &db, 12);
    Some(db)
}

fn move_in_parts(workload: &Workload, db: &Database, first: u64) {
    let ops = |from: u64, to: u64| (first + from..first + to).for_each(|op| workload.write(db, op));
    ops(0, 4);
    while_one_reads(db, || {
        ops(4, 8);
        workload.note(db.checkpoint_now());
    });
    workload.note(db.checkpoint_now());
    ops(8, 10);
    workload.note(db.checkpoint_now());
    ops(10, 12);
}

/// Runs `work` while a read has a snapshot from before it.
fn while_one_reads(db: &Database, work: impl FnOnce()) {
    let ((started, has_started), (end, ended)) = (channel(), channel::<()>());
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let read = db.read(|_| -> Result<()> {
                let _the_test_may_be_gone = started.send(());
                let _it_says_so_by_hanging_up = ended.recv();
                Ok(())
            });
            let _it_wrote_nothing = read;
        });
        // It never starts if it cannot read.
        let _or_it_was_refused = has_started.recv();
        work();
        drop(end);
    });
}

fn fail_every_sync_of_the_file(durability: Durability) {
    let mut states = 0;
    for nth in 1.. {
        let workload = Workload::new(durability).impatient();
        let fault = Fault { nth, first_file: true, ..Fault::first(Call::Sync, false) };
        workload.mounted.disk().plan(Some(fault));
        let db = run(&workload);
        let fired = workload.mounted.disk().fired();
        let outcome = goes_on(&workload, db, false).and_then(|()| {
            let expected = Expected::of(&workload.outcomes());
            let (path, events) = (workload.path(), workload.mounted.disk().events());
            let _directory = workload.mounted.unmount();
            expected.verify(&path)?;
            let search = power_cut::cut_after_fault_at(durability, &events, false, power_cut::seed());
            states += search.states;
            search.wrong.map_or(Ok(()), Err)
        });
        if let Err(wrong) = outcome {
            panic!("{durability:?}, sync {nth} of the file fails: {wrong}");
        }
        if fired == 0 {
            println!("{durability:?}: {} failing syncs of the file, {states} states", nth - 1);
            return;
        }
    }
}

#[test]
fn a_failed_sync_of_the_file_costs_no_acknowledged_operation() {
    fail_every_sync_of_the_file(Durability::Full);
}

#[test]
fn a_failed_sync_of_the_file_leaves_a_prefix_without_full_durability() {
    fail_every_sync_of_the_file(Durability::Normal);
}

#[test]
fn a_checkpoint_whose_disk_failed_is_the_last_and_ends_the_engine() {
    let workload = Workload::new(Durability::Full);
    let db = workload.open().expect("nothing fails");
    workload.write(&db, 0);
    let fault = Fault { first_file: true, ..Fault::first(Call::Sync, false) };
    workload.mounted.disk().plan(Some(fault));
    let failed = db.checkpoint_now();
    assert!(matches!(failed, Err(Error::DiskFailed { path: Some(_), .. })), "{failed:?}");
    assert!(!db.is_open(), "it goes on as if nothing had happened");
    let again = db.checkpoint_now();
    assert!(matches!(again, Err(Error::Poisoned)), "{again:?}");
    workload.write(&db, 1);
    assert!(matches!(workload.outcomes()[&1], Err(Error::Poisoned)), "{:?}", workload.outcomes()[&1]);
    assert_eq!(db.stats().wal.failures, 2);
    let reopened = workload.open().expect("the disk works again");
    workload.write(&reopened, 2);
    assert!(workload.outcomes()[&2].is_ok(), "{:?}", workload.outcomes()[&2]);
    assert!(reopened.check().expect("it can be checked").is_ok());
    assert!(db.read(|_| -> Result<()> { Ok(()) }).is_err(), "a connection from before is still used");
}

#[test]
fn closing_an_engine_whose_disk_failed_does_not_move_its_log() {
    let workload = Workload::new(Durability::Full);
    // Without a connection of its own for reading, which would be the last to close, and moves nothing.
    let db = Database::open(workload.path(), workload.options).expect("nothing fails");
    db.write(|tx| -> Result<()> { Ok(tx.execute_batch(TABLES)?) }).expect("nothing fails");
    (0..4).for_each(|op| workload.write(&db, op));
    let reader = Connection::open(workload.path()).expect("nothing fails");
    reader.execute_batch("BEGIN; SELECT * FROM half").expect("nothing fails");
    (4..8).for_each(|op| workload.write(&db, op));
    assert!(db.checkpoint_now().is_ok_and(|done| !done.reset), "a part was moved and is not synced");
    drop(reader);
    let fault = Fault { first_file: true, ..Fault::first(Call::Sync, false) };
    workload.mounted.disk().plan(Some(fault));
    assert!(db.checkpoint_now().is_err());
    drop(db);
    let log = std::fs::metadata(workload.mounted.path().join("halves.db-wal")).map_or(0, |log| log.len());
    assert!(log > 0, "SQLite has moved the rest of the log and deleted it");
    let events = workload.mounted.disk().events();
    let search = power_cut::cut_after_fault(&events, false, power_cut::seed());
    assert_eq!(search.wrong, None, "what was moved and not synced is still in the log");
}

#[test]
fn a_read_from_before_keeps_a_file_from_being_opened_whose_sync_failed() {
    let workload = Workload::new(Durability::Full).impatient();
    let db = workload.open().expect("nothing fails");
    workload.write(&db, 0);
    while_one_reads(&db, || {
        workload.write(&db, 1);
        let fault = Fault { first_file: true, ..Fault::first(Call::Write, false) };
        workload.mounted.disk().plan(Some(fault));
        assert!(db.checkpoint_now().is_err());
        let refused = Database::open(workload.path(), workload.options).map(drop);
        assert!(matches!(refused, Err(Error::Busy { .. })), "{refused:?}");
    });
    assert!(workload.open().is_some(), "it is over");
}

#[test]
fn a_write_goes_on_while_a_checkpoint_syncs_the_file() {
    let workload = Workload::new(Durability::Full);
    let db = workload.open().expect("nothing fails");
    workload.write(&db, 0);
    let beside_writers = workload.mounted.disk().slow_sync();
    std::thread::scope(|scope| {
        let checkpoint = scope.spawn(|| db.checkpoint_now());
        beside_writers.has_started.recv_timeout(PATIENCE).expect("a checkpoint syncs the file");
        workload.write(&db, 1);
        let of_the_rest = workload.mounted.disk().slow_sync();
        drop(beside_writers.end);
        of_the_rest
            .has_started
            .recv_timeout(PATIENCE)
            .expect("what was written meanwhile is moved and synced");
        workload.write(&db, 2);
        drop(of_the_rest.end);
        let done = checkpoint.join().expect("it does not panic");
        assert!(done.is_ok_and(|done| done.reset), "nobody is in the way");
    });
    assert!(workload.errors().is_empty(), "a write waited for the disk: {:?}", workload.errors());
}

#[test]
fn a_write_waits_a_while_when_the_log_is_far_too_long_and_then_goes_on() {
    let mut workload = Workload::new(Durability::Full).with_large_rows();
    workload.options = workload.options.checkpoints(Checkpoints::default().every(1).reset_at(16 << 10));
    let db = workload.open().expect("nothing fails");
    let slow = workload.mounted.disk().slow_sync();
    let (began, mut ops) = (Instant::now(), 0..);
    // The pass that the tables were worth may still run, and takes what the first write adds for looked at.
    while slow.has_started.recv_timeout(Duration::from_millis(50)).is_err() {
        assert!(began.elapsed() < PATIENCE, "a pass syncs the file");
        ops.by_ref().take(1).for_each(|op| workload.write(&db, op));
    }
    // The first of these may find the log short, and makes it long.
    let waits = ops.take(3).map(|op| {
        let since = Instant::now();
        workload.write(&db, op);
        since.elapsed()
    });
    let waited = waits.max().unwrap_or_default();
    drop(slow.end);
    assert!(waited >= Duration::from_millis(600), "it wrote on after {waited:?} in a pass");
    assert!(workload.errors().is_empty(), "a write did not go on: {:?}", workload.errors());
}

#[test]
fn what_is_known_of_the_log_stays_known_while_another_program_moves_it() {
    let workload = Workload::new(Durability::Full);
    let db = workload.open().expect("nothing fails");
    workload.write(&db, 0);
    let known = db.stats().wal.frames;
    let slow = workload.mounted.disk().slow_sync();
    std::thread::scope(|scope| {
        scope.spawn(|| workload.checkpoint());
        slow.has_started.recv_timeout(PATIENCE).expect("it syncs the file");
        let done = db.checkpoint_now().expect("it is refused, which is no failure");
        assert!(!done.reset && done.frames == known && known > 0, "{known} frames became {done:?}");
        assert_eq!(db.stats().wal.frames, known, "{:?}", db.stats().wal);
        drop(slow.end);
    });
}
