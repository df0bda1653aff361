//! What the engine does while its disk fails or its power is cut.
//!
//! Each operation writes two rows that belong together, numbered in the order of the commits: so half an operation,
//! a lost one, and one that is missing in the middle can all be seen afterwards.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::sync::{Barrier, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use unforget::unforget_sqlite::rusqlite::Connection;
use unforget::unforget_sqlite::{Database, Durability, Error, Options, Result, Schema, Ticket};

use crate::disk::Mounted;

pub(crate) static SCHEMA: Schema = Schema::new(&[TABLES]);

pub(crate) const TABLES: &str = "
CREATE TABLE half(
    op INTEGER NOT NULL,
    side INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY(op, side)
) STRICT;
CREATE INDEX half_seq ON half(seq);
";

/// The operation that writes one row and fails at the second.
pub(crate) const REFUSED: u64 = 1_000;

const THREADS: u64 = 4;

pub(crate) struct Workload {
    pub(crate) mounted: Mounted,
    pub(crate) options: Options,
    /// How often each row repeats its words.
    repeated: usize,
    /// What the caller of each operation was told.
    outcomes: Mutex<BTreeMap<u64, Result<()>>>,
    /// What went wrong besides operations: opening, reading, closing.
    failures: Mutex<Vec<Error>>,
}

impl Workload {
    pub(crate) fn new(durability: Durability) -> Self {
        let options = Options::default().durability(durability).readers(2);
        Self {
            mounted: Mounted::new(),
            options,
            repeated: 200,
            outcomes: Mutex::default(),
            failures: Mutex::default(),
        }
    }

    /// For a disk that opens or reads nothing: a read waits for a connection until its deadline.
    pub(crate) fn impatient(mut self) -> Self {
        self.options = self.options.deadline(Duration::from_secs(1));
        self
    }

    /// With rows of 100 kB, so that a few operations are as long as the log may become.
    pub(crate) fn with_large_rows(mut self) -> Self {
        self.repeated = 20_000;
        self
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.mounted.path().join("halves.db")
    }

    /// Several writers in batches, a checkpoint, one that fails, a read, a close; and the same again, without the close.
    pub(crate) fn run(&self) -> Option<Database> {
        if let Some(db) = self.open() {
            self.batch(&db, 0..8);
            self.checkpoint();
            self.batch(&db, 8..16);
            self.write(&db, 16);
            self.write(&db, REFUSED);
            self.read(&db);
            self.note(db.close());
        }
        let db = self.open()?;
        self.batch(&db, 20..24);
        self.checkpoint();
        self.write(&db, 24);
        self.write(&db, 25);
        Some(db)
    }

    /// Opens the database, and notes why it could not be.
    pub(crate) fn open(&self) -> Option<Database> {
        let db = self.note(Database::open(self.path(), self.options))?;
        self.note(db.migrate(&SCHEMA))?;
        Some(db)
    }

    /// Writes alone.
    pub(crate) fn write(&self, db: &Database, op: u64) {
        self.record(db, op, self.submit(db, op).and_then(Ticket::wait));
    }

    pub(crate) fn outcomes(&self) -> BTreeMap<u64, Result<()>> {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Everything that callers were told that is not success.
    pub(crate) fn errors(&self) -> Vec<Error> {
        let mut errors = self.failures.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let refused = self.outcomes().into_iter().filter(|(op, _)| *op != REFUSED);
        errors.extend(refused.filter_map(|(_, outcome)| outcome.err()));
        errors
    }

    /// Several threads submit while the writer is held, so that what they submit is one batch.
    fn batch(&self, db: &Database, ops: Range<u64>) {
        let (started, has_started) = channel();
        let (go, may_go) = channel::<()>();
        let held = db.submit(0, move |_| -> Result<()> {
            let _the_test_may_be_gone = started.send(());
            let _it_says_so_by_hanging_up = may_go.recv();
            Ok(())
        });
        // It never starts if the engine is unfit.
        let _or_it_was_refused = has_started.recv();
        let submitted = Barrier::new(usize::try_from(THREADS).expect("a few") + 1);
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let (own, submitted) = (ops.clone().filter(move |op| op % THREADS == thread), &submitted);
                scope.spawn(move || {
                    let tickets: Vec<_> = own.map(|op| (op, self.submit(db, op))).collect();
                    submitted.wait();
                    for (op, ticket) in tickets {
                        self.record(db, op, ticket.and_then(Ticket::wait));
                    }
                });
            }
            submitted.wait();
            drop(go);
        });
        self.note(held.and_then(Ticket::wait));
    }

    /// A program that takes no turns moves the log into the file.
    pub(crate) fn checkpoint(&self) {
        let moved = Connection::open(self.path())
            .and_then(|conn| conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())));
        let _its_failure_is_its_own = moved;
    }

    fn read(&self, db: &Database) {
        let rows = db.read(|tx| -> Result<u64> {
            Ok(tx.query_row("SELECT count(*) FROM half", [], |row| row.get(0))?)
        });
        self.note(rows);
    }

    fn record(&self, db: &Database, op: u64, outcome: Result<()>) {
        match &outcome {
            Ok(()) => self.mounted.disk().acknowledged(op),
            Err(Error::OutcomeUnknown { .. }) => {
                assert!(!db.is_open(), "an engine that does not know what it stored goes on writing");
            }
            Err(_) => {}
        }
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner).insert(op, outcome);
    }

    pub(crate) fn note<T>(&self, outcome: Result<T>) -> Option<T> {
        outcome.map_err(|error| self.failures.lock().unwrap_or_else(PoisonError::into_inner).push(error)).ok()
    }

    fn submit(&self, db: &Database, op: u64) -> Result<Ticket<(), Error>> {
        let body = format!("{op:04} ").repeat(self.repeated);
        db.submit(body.len(), move |tx| {
            let next = "SELECT coalesce(max(seq), 0) + 1 FROM half";
            let seq: u64 = tx.query_row(next, [], |row| row.get(0))?;
            for side in [0, u64::from(op != REFUSED)] {
                tx.execute("INSERT INTO half VALUES (?1, ?2, ?3, ?4)", (op, side, seq, &body))?;
            }
            Ok(())
        })
    }
}
