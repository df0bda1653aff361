//! A database in a directory of its own, and ways to put it under stress at a chosen moment.

use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use tempfile::TempDir;
use unforget_sqlite::{Database, Error, Options, Result, Schema, Ticket};

/// A tree of notes; `parent` is checked when the transaction commits.
pub(crate) static SCHEMA: Schema = Schema::new(&["
CREATE TABLE note(
    id INTEGER PRIMARY KEY,
    body TEXT NOT NULL UNIQUE,
    parent INTEGER REFERENCES note(id) DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE VIRTUAL TABLE note_fts USING fts5(body);
"]);

/// How long a test waits for something that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Store {
    pub(crate) directory: TempDir,
    pub(crate) db: Database,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self::with(Options::default())
    }

    pub(crate) fn with(options: Options) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let db = Database::open(directory.path().join("notes.db"), options).unwrap();
        db.migrate(&SCHEMA).unwrap();
        Self { directory, db }
    }

    /// With a database in memory; the directory is for what the test puts beside it.
    pub(crate) fn in_memory() -> Self {
        let db = Database::in_memory(Options::default()).unwrap();
        db.migrate(&SCHEMA).unwrap();
        Self { directory: tempfile::tempdir().unwrap(), db }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("notes.db")
    }

    pub(crate) fn bodies(&self) -> Vec<String> {
        bodies(&self.db)
    }
}

pub(crate) fn bodies(db: &Database) -> Vec<String> {
    db.read(|tx| -> Result<_> {
        let mut statement = tx.prepare("SELECT body FROM note ORDER BY body")?;
        let bodies = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(bodies)
    })
    .unwrap()
}

pub(crate) fn submit(db: &Database, body: &str) -> Ticket<i64, Error> {
    let body = body.to_owned();
    db.submit(body.len(), move |tx| {
        Ok(tx.query_row("INSERT INTO note(body) VALUES (?1) RETURNING id", [&body], |row| row.get(0))?)
    })
    .unwrap()
}

pub(crate) fn insert(db: &Database, body: &str) -> Result<i64> {
    submit(db, body).wait()
}

/// The writer, busy with an operation until told otherwise; what is submitted meanwhile becomes one batch.
pub(crate) struct BusyWriter {
    go: Sender<()>,
    ticket: Ticket<(), Error>,
}

impl BusyWriter {
    pub(crate) fn hold(db: &Database) -> Self {
        let (started, has_started) = mpsc::channel();
        let (go, may_go): (Sender<()>, Receiver<()>) = mpsc::channel();
        let ticket = db
            .submit(0, move |_| {
                started.send(()).unwrap();
                may_go.recv_timeout(PATIENCE).unwrap();
                Ok(())
            })
            .unwrap();
        has_started.recv_timeout(PATIENCE).unwrap();
        Self { go, ticket }
    }

    /// Releases it without waiting, and keeps no handle.
    pub(crate) fn let_go(self) {
        let Self { go, ticket } = self;
        drop(ticket);
        go.send(()).unwrap();
    }

    pub(crate) fn release(self) {
        self.go.send(()).unwrap();
        self.ticket.wait().unwrap();
    }
}
