//! What a closure may not do with the connection it is lent.

use unforget_sqlite::{Error, Result};

use crate::store::{Store, insert};

#[test]
fn a_write_cannot_control_transactions_attach_or_change_settings() {
    let store = Store::new();
    // By now the engine has used each of its own statements.
    let busy = crate::store::BusyWriter::hold(&store.db);
    let failing = store.db.submit(0, |_| -> Result<()> { Err(Error::Closed) }).unwrap();
    let before = crate::store::submit(&store.db, "before");
    busy.release();
    assert!(failing.wait().is_err() && before.wait().is_ok());
    for sql in [
        "BEGIN",
        "BEGIN IMMEDIATE",
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT mine",
        "SAVEPOINT unforget_op",
        "RELEASE unforget_op",
        "ATTACH ':memory:' AS other",
        "PRAGMA synchronous = OFF",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA user_version = 99",
        "PRAGMA wal_checkpoint",
        "CREATE TEMP TABLE note(body)",
    ] {
        let outcome = store.db.write(move |tx| -> Result<()> { Ok(tx.execute_batch(sql)?) });
        assert!(matches!(outcome, Err(Error::Forbidden)), "{sql}: {outcome:?}");
        let outcome = store.db.write(move |tx| -> Result<usize> { Ok(tx.execute(sql, [])?) });
        assert!(matches!(outcome, Err(Error::Forbidden)), "{sql}, which may be cached: {outcome:?}");
    }
    insert(&store.db, "after").unwrap();
    assert_eq!(store.bodies(), ["after", "before"], "the engine still controls its transactions");
}

#[test]
fn a_read_cannot_leave_its_snapshot() {
    let store = Store::new();
    for sql in ["COMMIT", "BEGIN", "PRAGMA query_only = OFF", "ATTACH ':memory:' AS other"] {
        let outcome = store.db.read(|tx| -> Result<()> {
            tx.prepare_cached(sql)?.raw_query().next()?;
            Ok(())
        });
        assert!(matches!(outcome, Err(Error::Forbidden)), "{sql}: {outcome:?}");
    }
}

#[test]
fn a_read_cannot_write() {
    let store = Store::new();
    let outcome = store.db.read(|tx| -> Result<()> {
        tx.prepare("INSERT INTO note(body) VALUES ('stray')")?.execute([])?;
        Ok(())
    });
    assert!(matches!(outcome, Err(Error::NotAccessible { .. })), "{outcome:?}");
    assert!(store.bodies().is_empty());
}

#[test]
fn looking_at_the_schema_and_full_text_search_are_allowed() {
    let store = Store::new();
    let columns = store.db.write(|tx| -> Result<i64> {
        tx.execute("INSERT INTO note_fts(body) VALUES ('the glider')", [])?;
        tx.execute("INSERT INTO note_fts(body) VALUES ('the ferry')", [])?;
        tx.prepare("PRAGMA TABLE_INFO(note)")?;
        let columns = "SELECT count(*) FROM pragma_table_info('note')";
        Ok(tx.query_row(columns, [], |row| row.get(0))?)
    });
    assert_eq!(columns.unwrap(), 3);
    let found = store.db.read(|tx| -> Result<i64> {
        let matching = "SELECT count(*) FROM note_fts WHERE note_fts MATCH 'glider'";
        Ok(tx.query_row(matching, [], |row| row.get(0))?)
    });
    assert_eq!(found.unwrap(), 1);
}

#[test]
fn a_write_inside_a_write_is_refused_at_once() {
    let store = Store::new();
    let db = store.db.clone();
    let outcome = store.db.write(move |_| db.write(|_| -> Result<()> { Ok(()) }));
    assert!(matches!(outcome, Err(Error::Reentrant)), "{outcome:?}");
    assert!(store.bodies().is_empty());
}

#[test]
fn a_ticket_of_ones_own_batch_is_not_waited_for() {
    let store = Store::new();
    let busy = crate::store::BusyWriter::hold(&store.db);
    let mut first = Some(crate::store::submit(&store.db, "first"));
    let mut outcome = None;
    let second = store.db.submit(0, move |_| {
        // It may run again, with the ticket spent.
        outcome = first.take().map(unforget_sqlite::Ticket::wait).or(outcome.take());
        outcome.clone().unwrap()
    });
    let second = second.unwrap();
    busy.release();
    assert!(matches!(second.wait(), Err(Error::Reentrant)), "its outcome is known only after this operation");
    assert_eq!(store.bodies(), ["first"]);
}

#[test]
fn opening_inside_a_write_is_refused_at_once() {
    let store = Store::new();
    let other = store.directory.path().join("other.db");
    let open = move || unforget_sqlite::Database::open(&other, unforget_sqlite::Options::default()).map(drop);
    let outcome = store.db.write(move |_| open());
    assert!(matches!(outcome, Err(Error::Reentrant)), "it would wait for the turn it has: {outcome:?}");
}

#[test]
fn a_statement_that_is_forgotten_while_it_runs_ends_the_engine_and_no_other_operation() {
    let store = Store::new();
    insert(&store.db, "before").unwrap();
    let outcome = store.db.write(|tx| -> Result<()> {
        let mut statement = std::mem::ManuallyDrop::new(tx.prepare("SELECT * FROM note")?);
        let mut rows = std::mem::ManuallyDrop::new(statement.query([])?);
        rows.next()?;
        Ok(())
    });
    assert!(matches!(outcome, Err(Error::Forbidden)), "{outcome:?}");
    assert!(matches!(insert(&store.db, "after"), Err(Error::Poisoned)));
    let anew = unforget_sqlite::Database::open(store.path(), unforget_sqlite::Options::default()).unwrap();
    insert(&anew, "anew").unwrap();
    assert_eq!(crate::store::bodies(&anew), ["anew", "before"]);
}

#[test]
fn a_write_to_another_database_of_the_same_directory_inside_a_write_is_refused() {
    let store = Store::new();
    let other = unforget_sqlite::Database::open(
        store.directory.path().join("other.db"),
        unforget_sqlite::Options::default(),
    )
    .unwrap();
    let outcome = store.db.write(move |_| other.write(|_| -> Result<()> { Ok(()) }));
    assert!(matches!(outcome, Err(Error::Reentrant)), "it would wait for the turn it has: {outcome:?}");
}

#[test]
fn an_operation_larger_than_the_queue_is_refused_at_once() {
    let store = Store::with(unforget_sqlite::Options::default().queue(8, 1_000));
    let outcome = store.db.write_sized(1_001, |_| -> Result<()> { Ok(()) });
    assert!(matches!(outcome, Err(Error::TooLarge { bytes: 1_001, limit: 1_000 })), "{outcome:?}");
}
