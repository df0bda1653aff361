//! Operations that share a commit: isolated from each other, and never acknowledged before it.

use unforget_sqlite::Error;

use crate::store::{BusyWriter, Store, insert, submit};

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
