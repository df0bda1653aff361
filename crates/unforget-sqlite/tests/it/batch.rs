//! Operations that share a commit: isolated from each other, and never acknowledged before it.

use std::time::Instant;

use unforget_sqlite::{Database, Error, Options, Pending, Schema, WriteTx};

use crate::store::{BusyWriter, PATIENCE, Store, insert, submit};

#[test]
fn writes_that_wait_together_share_a_commit() {
    let store = Store::new();
    let busy = BusyWriter::hold(&store.db);
    let before = store.db.stats().commits;
    let tickets: Vec<_> = (0..50).map(|n| submit(&store.db, &format!("note {n:02}"))).collect();
    busy.release();
    for ticket in tickets {
        ticket.wait().unwrap();
    }
    let commits = store.db.stats().commits - before;
    assert_eq!(commits, 2, "one commit for the operation in front, one for all fifty behind it");
    assert_eq!(store.bodies().len(), 50);
}

#[test]
fn an_operation_that_fails_leaves_its_neighbours_alone() {
    let store = Store::new();
    let busy = BusyWriter::hold(&store.db);
    let first = submit(&store.db, "first");
    let failing = store
        .db
        .submit(0, |tx| -> Result<(), Error> {
            tx.execute("INSERT INTO note(body) VALUES ('half')", [])?;
            tx.execute("INSERT INTO nowhere VALUES (1)", [])?;
            Ok(())
        })
        .unwrap();
    let last = submit(&store.db, "last");
    busy.release();
    assert!(matches!(failing.wait(), Err(Error::Sql { .. })));
    assert!(first.wait().is_ok() && last.wait().is_ok());
    assert_eq!(store.bodies(), ["first", "last"], "nothing of the failed operation is left");
}

#[test]
fn an_operation_that_panics_is_undone_and_the_writer_goes_on() {
    let store = Store::new();
    let panicking = store
        .db
        .submit(0, |tx| -> Result<(), Error> {
            tx.execute("INSERT INTO note(body) VALUES ('half')", [])?;
            panic!("on purpose")
        })
        .unwrap();
    match panicking.wait() {
        Err(Error::Panicked { message }) => assert_eq!(message, "on purpose"),
        other => panic!("{other:?}"),
    }
    insert(&store.db, "after").unwrap();
    assert_eq!(store.bodies(), ["after"]);
}

#[test]
fn an_operation_that_ends_the_transaction_takes_nobody_with_it() {
    let store = Store::new();
    insert(&store.db, "taken").unwrap();
    let busy = BusyWriter::hold(&store.db);
    let before = submit(&store.db, "before");
    let ending = store
        .db
        .submit(0, |tx| -> Result<(), Error> {
            tx.execute("INSERT OR ROLLBACK INTO note(body) VALUES ('taken')", [])?;
            Ok(())
        })
        .unwrap();
    let after = submit(&store.db, "after");
    busy.release();
    assert!(matches!(ending.wait(), Err(Error::Sql { .. })));
    assert!(before.wait().is_ok() && after.wait().is_ok());
    assert_eq!(store.bodies(), ["after", "before", "taken"]);
    assert_eq!(store.db.stats().restarts, 1);
}

#[test]
fn what_an_operation_does_after_it_lost_its_transaction_is_not_kept() {
    let store = Store::new();
    insert(&store.db, "taken").unwrap();
    let outcome = store.db.write(|tx| -> Result<usize, Error> {
        let _ends_the_transaction = tx.execute("INSERT OR ROLLBACK INTO note(body) VALUES ('taken')", []);
        Ok(tx.execute("INSERT INTO note(body) VALUES ('stray')", [])?)
    });
    assert!(outcome.is_err(), "{outcome:?}");
    assert_eq!(store.bodies(), ["taken"], "the second statement would have committed by itself");
}

#[test]
fn swallowing_the_loss_of_the_transaction_is_no_success() {
    let store = Store::new();
    insert(&store.db, "taken").unwrap();
    let outcome = store.db.write(|tx| -> Result<(), Error> {
        let _ends_the_transaction = tx.execute("INSERT OR ROLLBACK INTO note(body) VALUES ('taken')", []);
        Ok(())
    });
    assert!(matches!(outcome, Err(Error::Forbidden)), "{outcome:?}");
}

#[test]
fn several_operations_that_end_the_transaction_fail_alone() {
    let store = Store::new();
    insert(&store.db, "taken").unwrap();
    let busy = BusyWriter::hold(&store.db);
    let mut good = Vec::new();
    let mut bad = Vec::new();
    for n in 0..6 {
        good.push(submit(&store.db, &format!("good {n}")));
        bad.push(
            store
                .db
                .submit(0, |tx| -> Result<usize, Error> {
                    Ok(tx.execute("INSERT OR ROLLBACK INTO note(body) VALUES ('taken')", [])?)
                })
                .unwrap(),
        );
    }
    busy.release();
    assert!(good.into_iter().all(|ticket| ticket.wait().is_ok()));
    assert!(bad.into_iter().all(|ticket| ticket.wait().is_err()));
    assert_eq!(store.bodies().len(), 7);
}

#[test]
fn a_constraint_that_surfaces_at_commit_fails_only_its_operation() {
    let store = Store::new();
    let busy = BusyWriter::hold(&store.db);
    let before = submit(&store.db, "before");
    let orphan = store
        .db
        .submit(0, |tx| -> Result<usize, Error> {
            Ok(tx.execute("INSERT INTO note(body, parent) VALUES ('orphan', 4711)", [])?)
        })
        .unwrap();
    let after = submit(&store.db, "after");
    busy.release();
    assert!(matches!(orphan.wait(), Err(Error::Sql { .. })));
    assert!(before.wait().is_ok() && after.wait().is_ok());
    assert_eq!(store.bodies(), ["after", "before"]);
}

#[test]
fn answers_keep_their_type_and_their_order() {
    let store = Store::new();
    let busy = BusyWriter::hold(&store.db);
    let number = submit(&store.db, "number");
    let text = store.db.submit(0, |_| -> Result<String, Error> { Ok("text".to_owned()) }).unwrap();
    let own_error = store.db.submit(0, |_| -> Result<(), OwnError> { Err(OwnError("mine")) }).unwrap();
    busy.release();
    assert_eq!(number.wait().unwrap(), 1);
    assert_eq!(text.wait().unwrap(), "text");
    assert_eq!(own_error.wait().unwrap_err(), OwnError("mine"));
}

#[derive(Debug, PartialEq)]
struct OwnError(&'static str);

impl From<Error> for OwnError {
    fn from(_: Error) -> Self {
        Self("the engine's")
    }
}

#[test]
fn an_answer_that_is_thrown_away_takes_nobody_with_it() {
    struct Grenade(bool);
    impl Drop for Grenade {
        fn drop(&mut self) {
            assert!(!self.0, "thrown away");
        }
    }
    let store = Store::new();
    insert(&store.db, "taken").unwrap();
    let busy = BusyWriter::hold(&store.db);
    let innocent = submit(&store.db, "innocent");
    let mut runs = 0;
    let twice = store.db.submit(0, move |_| -> Result<Grenade, Error> {
        runs += 1;
        Ok(Grenade(runs == 1))
    });
    let ending = store.db.submit(0, |tx| -> Result<usize, Error> {
        Ok(tx.execute("INSERT OR ROLLBACK INTO note(body) VALUES ('taken')", [])?)
    });
    let payload = store.db.submit(0, |_| -> Result<(), Error> { std::panic::panic_any(Grenade(true)) });
    busy.release();
    assert!(innocent.wait().is_ok() && twice.unwrap().wait().is_ok());
    assert!(ending.unwrap().wait().is_err() && payload.unwrap().wait().is_err());
    assert_eq!(store.bodies(), ["innocent", "taken"]);
}

#[test]
fn a_destructor_that_panics_does_not_stop_the_writer() {
    struct Grenade;
    impl Drop for Grenade {
        fn drop(&mut self) {
            assert_ne!(std::thread::current().name(), Some("unforget-writer"), "dropped on the writer");
        }
    }
    let store = Store::new();
    let busy = BusyWriter::hold(&store.db);
    drop(store.db.submit(0, |_| -> Result<Grenade, Error> { Ok(Grenade) }).unwrap());
    let captured = Grenade;
    let ticket = store.db.submit(0, move |_| -> Result<(), Error> {
        let _dropped_with_the_operation = &captured;
        Ok(())
    });
    busy.release();
    ticket.unwrap().wait().unwrap();
    insert(&store.db, "after").unwrap();
    assert_eq!(store.bodies(), ["after"]);
}

fn half_done(store: &Store, sql: &'static str) -> unforget_sqlite::Ticket<usize, Error> {
    store.db.submit(0, move |tx| Ok(tx.execute(sql, [])?)).unwrap()
}

#[test]
fn a_statement_that_fails_halfway_leaves_nothing_behind() {
    let store = Store::new();
    store
        .db
        .write(|tx| -> Result<(), Error> {
            Ok(tx.execute_batch(
                "CREATE TABLE checked(n INTEGER);
                 CREATE TRIGGER refused AFTER INSERT ON checked WHEN new.n = 2
                 BEGIN SELECT RAISE(FAIL, 'on purpose'); END;
                 INSERT INTO note(body) VALUES ('taken')",
            )?)
        })
        .unwrap();
    let or_fail = "INSERT OR FAIL INTO note(body) VALUES ('half'), ('taken')";
    let raise_fail = "INSERT INTO checked VALUES (1), (2)";
    let deferred = "INSERT INTO note(body, parent) VALUES ('orphan', 4711)";
    for round in 0..2 {
        let busy = BusyWriter::hold(&store.db);
        let before = submit(&store.db, &format!("before {round}"));
        let halves = [or_fail, raise_fail, deferred].map(|sql| half_done(&store, sql));
        let after = submit(&store.db, &format!("after {round}"));
        busy.release();
        assert!(before.wait().is_ok() && after.wait().is_ok());
        assert!(halves.into_iter().all(|half| half.wait().is_err()));
        // And where each has a transaction of its own.
        assert!(
            [or_fail, raise_fail, deferred].into_iter().all(|sql| half_done(&store, sql).wait().is_err())
        );
    }
    assert_eq!(store.bodies(), ["after 0", "after 1", "before 0", "before 1", "taken"]);
    let left = store.db.read(|tx| -> Result<i64, Error> {
        Ok(tx.query_row("SELECT count(*) FROM checked", [], |row| row.get(0))?)
    });
    assert_eq!(left.unwrap(), 0, "nothing of a statement that failed halfway");
}

#[test]
fn an_operation_that_panicked_does_not_run_again() {
    let store = Store::new();
    let busy = BusyWriter::hold(&store.db);
    let mut runs = 0;
    let panicking = store.db.submit(0, move |_| -> Result<(), Error> {
        runs += 1;
        panic!("run {runs}")
    });
    let neighbour = submit(&store.db, "neighbour");
    busy.release();
    let outcome = panicking.unwrap().wait();
    assert!(matches!(&outcome, Err(Error::Panicked { message }) if message == "run 1"), "{outcome:?}");
    neighbour.wait().unwrap();
}

#[test]
fn an_answer_is_of_what_is_in_the_file() {
    let store = Store::new();
    let busy = BusyWriter::hold(&store.db);
    let mut runs = 0;
    // Fails when it runs for the second time, as it does because a neighbour fails.
    let fickle = store.db.submit(0, move |tx| -> Result<(), Error> {
        runs += 1;
        tx.execute("INSERT INTO note(body) VALUES ('contested')", [])?;
        if runs > 1 { Err(Error::Closed) } else { Ok(()) }
    });
    let second = submit(&store.db, "contested");
    busy.release();
    assert!(matches!(fickle.unwrap().wait(), Err(Error::Closed)));
    second.wait().unwrap();
    assert_eq!(store.bodies(), ["contested"], "it was refused only for what is not in the file");
}

/// The end of a batch that leaves a statement running, which spoils the connection.
#[expect(clippy::mem_forget, reason = "it is what spoils the connection")]
fn spoil(tx: &WriteTx<'_>, _: &[Pending]) -> Result<(), Error> {
    let mut statement = tx.prepare("SELECT body FROM note")?;
    let mut rows = statement.query([])?;
    rows.next()?;
    std::mem::forget(rows);
    std::mem::forget(statement);
    Ok(())
}

#[test]
fn what_waits_alone_behind_a_batch_that_ended_the_engine_is_not_tried() {
    static SPOILS: Schema =
        Schema::new(&["CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT)"]).batch_end(spoil);
    let directory = tempfile::tempdir().unwrap();
    let db = Database::open(directory.path().join("notes.db"), Options::default()).unwrap();
    db.migrate(&SPOILS).unwrap();
    insert(&db, "kept").unwrap();
    let busy = BusyWriter::hold(&db);
    let spoiling = db.submit(0, |tx| tx.pend(Pending::new("note", 1))).unwrap();
    let vacuum = std::thread::spawn({
        let db = db.clone();
        move || db.vacuum()
    });
    let began = Instant::now();
    while db.stats().queued < 2 {
        assert!(began.elapsed() < PATIENCE, "it never gets into the queue");
        std::thread::yield_now();
    }
    let before = db.stats().generation;
    busy.release();
    assert!(spoiling.wait().is_err());
    let vacuum = vacuum.join().unwrap();
    assert!(matches!(vacuum, Err(Error::Poisoned)), "it wrote to a file that the engine gave up: {vacuum:?}");
    assert!(db.stats().generation - before <= 2, "nor was it announced");
}
