//! Whether what was read is up to date, within one process.

use std::time::{Duration, Instant};

use unforget_sqlite::{Database, Error, Generation, Moment, Options, Result, Schema};

use crate::store::{BusyWriter, PATIENCE, Store, insert};

/// Waits until the moment is another than `old`.
pub(crate) fn next_moment(generation: &Generation, old: Option<Moment>) -> Moment {
    let began = Instant::now();
    loop {
        match generation.now() {
            Some(now) if Some(now) != old => return now,
            _ => assert!(began.elapsed() < PATIENCE, "nothing changes {old:?}"),
        }
        std::thread::yield_now();
    }
}

/// Waits until nothing that happened before can change the moment any more: the watcher has looked since.
fn settled(generation: &Generation) -> Moment {
    let began = Instant::now();
    let mut since = (Instant::now(), next_moment(generation, None));
    while since.0.elapsed() < Duration::from_millis(600) {
        assert!(began.elapsed() < PATIENCE, "the moment changes although nobody writes");
        match generation.now() {
            Some(now) if now == since.1 => std::thread::yield_now(),
            _ => since = (Instant::now(), next_moment(generation, None)),
        }
    }
    since.1
}

pub(crate) fn count(db: &Database) -> (i64, Option<Moment>) {
    let count = "SELECT count(*) FROM note";
    db.read_with_moment(|tx| -> Result<i64> { Ok(tx.query_row(count, [], |row| row.get(0))?) }).unwrap()
}

#[test]
fn what_was_read_is_up_to_date_until_somebody_writes() {
    let store = Store::new();
    let generation = store.db.generation().unwrap();
    settled(&generation);
    let (_, moment) = count(&store.db);
    assert!(moment.is_some() && generation.now() == moment, "nothing was written since");
    insert(&store.db, "queued").unwrap();
    assert_ne!(
        generation.now(),
        moment,
        "a write that was acknowledged is not hidden by what was read before"
    );
    let (_, moment) = count(&store.db);
    let alone = store.db.write(|tx| -> Result<usize> {
        Ok(tx.execute("INSERT INTO note(body) VALUES ('by a lone caller')", [])?)
    });
    alone.unwrap();
    assert_ne!(generation.now(), moment, "nor is one by a caller who leads");
    let (_, moment) = count(&store.db);
    store.db.vacuum().unwrap();
    assert_ne!(generation.now(), moment, "nor is what has the writer for itself");
}

#[test]
fn what_is_committed_during_a_read_is_not_taken_for_read() {
    let store = Store::new();
    let (found, moment) = store
        .db
        .read_with_moment(|tx| -> Result<i64> {
            insert(&store.db, "meanwhile").unwrap();
            Ok(tx.query_row("SELECT count(*) FROM note", [], |row| row.get(0))?)
        })
        .unwrap();
    assert_eq!(found, 0, "the snapshot was taken before");
    let generation = store.db.generation().unwrap();
    let now = settled(&generation);
    assert_ne!(moment, Some(now), "what was read lacks a commit and is not up to date");
}

#[test]
fn a_commit_is_announced_before_it_is_tried() {
    let store = Store::new();
    let before = store.db.stats().generation;
    let outcome = store.db.write(|tx| -> Result<usize> {
        Ok(tx.execute("INSERT INTO note(body, parent) VALUES ('of nobody', 99)", [])?)
    });
    assert!(outcome.is_err(), "what it refers to is looked for when it is committed");
    assert_eq!(store.db.stats().generation, before + 2, "odd before the commit, and even when it had failed");
}

#[test]
fn a_commit_is_seen_when_its_moment_is_asked_for() {
    let store = Store::new();
    let generation = store.db.generation().unwrap();
    let copied = settled(&generation);
    let (tell, told) = std::sync::mpsc::channel();
    let _registered = store.db.on_publish(move |commit| {
        let before = generation.lasts(copied);
        let moment = commit.moment();
        tell.send((before, generation.lasts(copied), generation.lasts(moment))).unwrap();
    });
    insert(&store.db, "anything").unwrap();
    let (before, after, new) = told.recv_timeout(PATIENCE).unwrap();
    assert!(before, "a copy is answered while nobody has seen the commit that follows it");
    assert!(!after, "it is not answered beside a copy of after the commit");
    assert!(new, "which is answered before the commit is acknowledged");
}

#[test]
fn a_batch_that_waits_changes_nothing_before_it_commits() {
    let store = Store::new();
    let before = store.db.stats().generation;
    let busy = BusyWriter::hold(&store.db);
    assert_eq!(store.db.stats().generation, before, "an operation runs before its commit is announced");
    busy.release();
    assert_eq!(store.db.stats().generation, before + 2, "odd before the commit, even after it");
}

#[test]
fn once_closed_nothing_is_up_to_date() {
    let store = Store::new();
    let generation = store.db.generation().unwrap();
    let mut changes = store.db.changes().unwrap();
    let moment = settled(&generation);
    let waiter = std::thread::spawn(move || {
        // What was committed before it subscribed may be told once more.
        while changes.wait_timeout(PATIENCE)?.is_some() {}
        Ok::<(), Error>(())
    });
    store.db.close().unwrap();
    assert_eq!(generation.now(), None, "nobody looks for changes any more");
    let outcome = waiter.join().unwrap();
    assert!(matches!(outcome, Err(Error::Closed)), "who waits is told at once: {outcome:?}");
    assert!(matches!(store.db.generation(), Err(Error::Closed)));
    let again = Database::open(store.path(), Options::default()).unwrap();
    let anew = again.generation().unwrap();
    assert_ne!(next_moment(&anew, None), moment, "another engine has other moments");
    assert_eq!(generation.now(), None, "and the old one has none");
}

#[test]
fn the_last_handle_takes_the_moments_with_it() {
    let store = Store::new();
    let generation = store.db.generation().unwrap();
    settled(&generation);
    let Store { directory, db } = store;
    drop(db);
    assert_eq!(generation.now(), None);
    drop(directory);
}

#[test]
fn subscribers_are_woken_by_a_commit_and_told_once_of_several() {
    let store = Store::new();
    let generation = store.db.generation().unwrap();
    settled(&generation);
    let mut changes = store.db.changes().unwrap();
    assert_eq!(changes.try_next().unwrap(), None, "nothing was committed since it subscribed");
    assert_eq!(changes.wait_timeout(Duration::ZERO).unwrap(), None);
    for n in 0..3 {
        insert(&store.db, &format!("note {n}")).unwrap();
    }
    assert!(changes.wait_timeout(PATIENCE).unwrap().is_some(), "three commits are told");
    settled(&generation);
    changes.try_next().unwrap();
    assert_eq!(changes.try_next().unwrap(), None, "and not again");
    let db = store.db.clone();
    let writer = std::thread::spawn(move || insert(&db, "later"));
    assert!(changes.wait_timeout(PATIENCE).unwrap().is_some(), "who waits is woken");
    writer.join().unwrap().unwrap();
}

#[test]
fn an_operation_of_its_own_that_failed_leaves_the_counter_odd_until_a_commit() {
    static BROKEN: Schema = Schema::new(&["CREATE TABLE a(x)", "CREATE TABLE a(x)"]);
    let directory = tempfile::tempdir().unwrap();
    let db = Database::open(directory.path().join("a.db"), Options::default()).unwrap();
    assert!(db.stats().generation.is_multiple_of(2), "opening leaves no outcome open");
    db.migrate(&BROKEN).unwrap_err();
    assert!(!db.stats().generation.is_multiple_of(2), "it may have left anything");
    db.write(|_| -> Result<()> { Ok(()) }).unwrap();
    assert!(
        db.stats().generation.is_multiple_of(2),
        "the next commit writes over it, also if it has nothing to write"
    );
    assert_eq!(db.stats().healed, 2, "once when it was opened on a new page, and once now");
}
