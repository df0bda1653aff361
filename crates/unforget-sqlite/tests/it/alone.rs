//! A caller who is alone does its operation itself, and is told the same as from the writer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use unforget_fs::Turnstile;
use unforget_sqlite::rusqlite::Connection;
use unforget_sqlite::{Blocker, Database, Error, Options, Result};

use crate::store::{PATIENCE, Store, insert};

fn who_writes(db: &Database) -> ThreadId {
    db.write(|_| -> Result<_> { Ok(thread::current().id()) }).unwrap()
}

/// Writes until the writer lends its seat, which it does once it has nothing else to do.
fn until_alone(db: &Database) {
    let began = Instant::now();
    while who_writes(db) != thread::current().id() {
        assert!(began.elapsed() < PATIENCE, "the writer never lends its seat");
        thread::yield_now();
    }
}

/// Runs `op` again and again until it ran on this thread, and answers its last outcome.
fn alone<T: Send + 'static>(db: &Database, op: impl Fn() -> Result<T> + Clone + Send + 'static) -> Result<T> {
    let began = Instant::now();
    loop {
        until_alone(db);
        let caller = thread::current().id();
        let was_here = Arc::new(AtomicBool::new(false));
        let (op, here) = (op.clone(), Arc::clone(&was_here));
        let outcome = db.write(move |_| -> Result<T> {
            here.store(thread::current().id() == caller, Ordering::Relaxed);
            op()
        });
        if was_here.load(Ordering::Relaxed) {
            return outcome;
        }
        assert!(began.elapsed() < PATIENCE, "the writer never lends its seat twice in a row");
    }
}

#[test]
fn a_lone_caller_writes_itself_and_it_is_kept() {
    let store = Store::new();
    until_alone(&store.db);
    insert(&store.db, "by whoever is alone").unwrap();
    assert_eq!(store.bodies(), ["by whoever is alone"]);
    assert_eq!(store.db.stats().busy, 0);
}

#[test]
fn a_lone_caller_whom_the_writer_served_writes_itself_the_next_time() {
    let store = Store::new();
    for n in 0..50 {
        insert(&store.db, &format!("by the writer {n}")).unwrap();
        assert_eq!(who_writes(&store.db), thread::current().id(), "the seat was not free when it was told");
    }
}

#[test]
fn whoever_comes_meanwhile_is_served_afterwards() {
    let store = Store::new();
    until_alone(&store.db);
    let (started, go_on) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let (in_op, end_op) = (Arc::clone(&started), Arc::clone(&go_on));
    let db = store.db.clone();
    let first = thread::spawn(move || {
        db.write(move |tx| -> Result<usize> {
            in_op.wait();
            end_op.wait();
            Ok(tx.execute("INSERT INTO note(body) VALUES ('first')", [])?)
        })
    });
    started.wait();
    let second = crate::store::submit(&store.db, "second");
    assert!(!second.is_resolved(), "one at a time");
    go_on.wait();
    first.join().unwrap().unwrap();
    second.wait().unwrap();
    assert_eq!(store.bodies(), ["first", "second"]);
}

#[test]
fn a_write_inside_ones_own_write_is_refused_at_once() {
    let store = Store::new();
    let db = store.db.clone();
    let outcome = alone(&store.db, move || db.write(|_| -> Result<()> { Ok(()) }));
    assert!(matches!(outcome, Err(Error::Reentrant)), "{outcome:?}");
    insert(&store.db, "afterwards").unwrap();
    assert_eq!(store.bodies(), ["afterwards"], "the thread may write again");
}

#[test]
fn what_fails_or_panics_here_is_undone() {
    let store = Store::new();
    let outcome = alone(&store.db, || -> Result<()> { Err(Error::Closed) });
    assert!(matches!(outcome, Err(Error::Closed)), "its own error comes back: {outcome:?}");
    let outcome = alone(&store.db, || -> Result<()> { std::panic::resume_unwind(Box::new("on purpose")) });
    assert!(matches!(outcome, Err(Error::Panicked { .. })), "{outcome:?}");
    insert(&store.db, "afterwards").unwrap();
    assert_eq!(store.bodies(), ["afterwards"]);
}

#[test]
fn what_an_operation_owned_may_write_when_it_is_dropped() {
    struct WritesWhenDropped(Database);
    impl Drop for WritesWhenDropped {
        fn drop(&mut self) {
            let _refused_inside_a_write = insert(&self.0, "from a destructor");
        }
    }
    let store = Store::new();
    until_alone(&store.db);
    let owned = WritesWhenDropped(store.db.clone());
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        store.db.write(move |_| -> Result<()> {
            let _owned = &owned;
            Ok(())
        })
    }));
    assert!(matches!(outcome, Ok(Ok(()))), "{outcome:?}");
    // On the writer's thread it is refused, on the caller's it is done: either way nobody waits for himself.
    insert(&store.db, "afterwards").unwrap();
    assert!(store.bodies().contains(&"afterwards".to_owned()));
}

#[test]
fn a_lone_caller_behind_a_taken_turn_gives_up_in_time() {
    let deadline = Duration::from_millis(300);
    let store = Store::with(Options::default().deadline(deadline).busy_timeout(Duration::from_millis(20)));
    until_alone(&store.db);
    let mut turnstile = Turnstile::open(store.directory.path()).unwrap();
    let turn = turnstile.enter().unwrap();
    let since = Instant::now();
    let outcome = store
        .db
        .write(|tx| -> Result<usize> { Ok(tx.execute("INSERT INTO note(body) VALUES ('late')", [])?) });
    assert!(matches!(outcome, Err(Error::Busy { .. })), "{outcome:?}");
    assert!((deadline..deadline * 20).contains(&since.elapsed()), "{:?}", since.elapsed());
    drop(turn);
    insert(&store.db, "next").unwrap();
    assert_eq!(store.bodies(), ["next"], "the write that was given up has no effect");
}

#[test]
fn a_lone_caller_behind_a_foreign_program_gives_up_in_time() {
    let deadline = Duration::from_millis(300);
    let store = Store::with(Options::default().deadline(deadline).busy_timeout(Duration::from_millis(20)));
    until_alone(&store.db);
    let foreign = Connection::open(store.path()).unwrap();
    foreign.execute_batch("BEGIN IMMEDIATE").unwrap();
    let since = Instant::now();
    let outcome = store
        .db
        .write(|tx| -> Result<usize> { Ok(tx.execute("INSERT INTO note(body) VALUES ('late')", [])?) });
    assert!(matches!(outcome, Err(Error::Busy { blocker: Some(Blocker::Foreign), .. })), "{outcome:?}");
    assert!((deadline..deadline * 20).contains(&since.elapsed()), "{:?}", since.elapsed());
    foreign.execute_batch("COMMIT").unwrap();
    insert(&store.db, "next").unwrap();
    assert_eq!(store.bodies(), ["next"], "the write that was given up has no effect");
}
