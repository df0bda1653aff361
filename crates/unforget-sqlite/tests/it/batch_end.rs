//! Rows that operations mark, and what is done for them once per batch.

use tempfile::TempDir;
use unforget_sqlite::{Database, Error, Options, Pending, Result, Schema, Ticket, WriteTx};

use crate::store::{BusyWriter, Store};

/// `ended` gets a row for every mark, with the number of the call it came in and the old text; `poison` makes it fail.
static SCHEMA: Schema = Schema::new(&["
CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE ended(call INTEGER NOT NULL, row INTEGER NOT NULL, old TEXT) STRICT;
"])
.batch_end(write_ended);

fn write_ended(tx: &WriteTx<'_>, pending: &[Pending]) -> Result<()> {
    let call: i64 = tx.query_row("SELECT ifnull(max(call), 0) + 1 FROM ended", [], |row| row.get(0))?;
    for Pending { kind, row, old, .. } in pending {
        match *kind {
            "note" => tx.execute("INSERT INTO ended VALUES (?1, ?2, ?3)", (call, row, old))?,
            "broken" => tx.execute("INSERT INTO nowhere VALUES (1)", [])?,
            "ending" => {
                let _swallowed = tx.execute("INSERT OR ROLLBACK INTO note(id, body) VALUES (1, 'again')", []);
                0
            }
            "commit" => tx.execute("COMMIT", [])?,
            other => {
                assert!(other.is_empty(), "no such kind: {other}");
                0
            }
        };
    }
    Ok(())
}

struct Notes {
    db: Database,
    _directory: TempDir,
}

impl Notes {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let db = Database::open(directory.path().join("notes.db"), Options::default()).unwrap();
        db.migrate(&SCHEMA).unwrap();
        Self { db, _directory: directory }
    }

    /// Writes a row and marks it.
    fn mark(&self, kind: &'static str, row: i64) -> Ticket<(), Error> {
        let op = move |tx: &WriteTx<'_>| {
            tx.execute("INSERT INTO note VALUES (?1, 'note ' || ?1)", [row])?;
            tx.pend(Pending::new(kind, row))
        };
        self.db.submit(0, op).unwrap()
    }

    fn column(&self, sql: &'static str) -> Vec<i64> {
        self.db
            .read(|tx| -> Result<_> {
                let mut statement = tx.prepare(sql)?;
                Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
            })
            .unwrap()
    }

    fn ended(&self) -> Vec<i64> {
        self.column("SELECT row FROM ended ORDER BY row")
    }
}

#[test]
fn the_rows_of_a_batch_are_handed_over_once_and_together() {
    let notes = Notes::new();
    let busy = BusyWriter::hold(&notes.db);
    let tickets: Vec<_> = (1..=20).map(|row| notes.mark("note", row)).collect();
    busy.release();
    for ticket in tickets {
        ticket.wait().unwrap();
    }
    assert_eq!(notes.ended(), (1..=20).collect::<Vec<_>>(), "each mark once");
    assert_eq!(notes.column("SELECT DISTINCT call FROM ended"), [1], "all in one call");
}

#[test]
fn a_batch_of_one_is_ended_too() {
    let notes = Notes::new();
    for row in 1..=3 {
        let op = move |tx: &WriteTx<'_>| -> Result<()> { tx.pend(Pending::new("note", row).was("before")) };
        notes.db.write(op).unwrap();
    }
    assert_eq!(notes.ended(), [1, 2, 3], "also where the caller is alone");
    assert_eq!(notes.column("SELECT count(*) FROM ended WHERE old = 'before'"), [3], "with the old text");
}

#[test]
fn an_operation_that_fails_leaves_no_marks() {
    let notes = Notes::new();
    // The second time with savepoints, because the first batch had an operation that failed.
    for round in 0..2 {
        let busy = BusyWriter::hold(&notes.db);
        let before = notes.mark("note", 10 * round + 1);
        let failing = notes.db.submit(0, move |tx| -> Result<()> {
            tx.pend(Pending::new("note", 10 * round + 2))?;
            Err(Error::Closed)
        });
        let panicking = notes.db.submit(0, move |tx| -> Result<()> {
            tx.pend(Pending::new("note", 10 * round + 3))?;
            panic!("on purpose")
        });
        let ending = notes.db.submit(0, move |tx| -> Result<()> {
            tx.pend(Pending::new("note", 10 * round + 4))?;
            tx.execute("INSERT OR ROLLBACK INTO note VALUES (?1, 'twice')", [10 * round + 1])?;
            Ok(())
        });
        let after = notes.mark("note", 10 * round + 5);
        busy.release();
        assert!(before.wait().is_ok() && after.wait().is_ok());
        for ticket in [failing, panicking, ending] {
            assert!(ticket.unwrap().wait().is_err());
        }
    }
    assert_eq!(notes.ended(), [1, 5, 11, 15], "one mark of each that was kept, none of the others");
}

#[test]
fn rows_that_cannot_be_ended_fail_only_their_operation() {
    for kind in ["broken", "unknown", "ending", "commit"] {
        let notes = Notes::new();
        let busy = BusyWriter::hold(&notes.db);
        let before = notes.mark("note", 1);
        let culprit = notes.mark(kind, 2);
        let after = notes.mark("note", 3);
        busy.release();
        assert!(before.wait().is_ok() && after.wait().is_ok(), "{kind}");
        let outcome = culprit.wait();
        let told = match kind {
            "broken" => matches!(outcome, Err(Error::Sql { .. })),
            "unknown" => matches!(outcome, Err(Error::Panicked { .. })),
            _ => matches!(outcome, Err(Error::Forbidden)),
        };
        assert!(told, "{kind}: {outcome:?}");
        assert_eq!(notes.column("SELECT id FROM note ORDER BY id"), [1, 3], "nothing of {kind} is left");
        assert_eq!(notes.ended(), [1, 3], "{kind}");
        notes.mark("note", 4).wait().unwrap();
    }
}

#[test]
fn marking_where_nothing_is_done_at_the_end_is_refused() {
    let store = Store::new();
    let outcome = store.db.write(|tx| tx.pend(Pending::new("note", 1)));
    assert!(matches!(outcome, Err(Error::NoBatchEnd)), "{outcome:?}");
}

#[test]
fn one_operation_leaves_a_bounded_number_of_bytes() {
    let notes = Notes::new();
    let outcome = notes.db.write(|tx| {
        let old = "x".repeat(1 << 20);
        (0..65).try_for_each(|row| tx.pend(Pending::new("note", row).was(old.as_str())))
    });
    assert!(matches!(outcome, Err(Error::TooMuchPending { .. })), "{outcome:?}");
    assert!(notes.ended().is_empty());
    notes.mark("note", 1).wait().unwrap();
}

#[test]
fn a_batch_takes_no_more_operations_once_much_is_marked() {
    let notes = Notes::new();
    let busy = BusyWriter::hold(&notes.db);
    let mark = |row| {
        let op = move |tx: &WriteTx<'_>| tx.pend(Pending::new("note", row).was("x".repeat(6 << 20)));
        notes.db.submit(0, op).unwrap()
    };
    let tickets = [1, 2, 3].map(mark);
    busy.release();
    for ticket in tickets {
        ticket.wait().unwrap();
    }
    assert_eq!(notes.column("SELECT call FROM ended ORDER BY row"), [1, 1, 2], "12 MiB, and then the rest");
}
