//! Brings the schema of a file up to date, and notices when another process did.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, TransactionBehavior};
use rusqlite_migration::{M, Migrations};

use crate::{BatchEnd, Error, Result};

/// A schema as the list of steps that build it, oldest first.
///
/// A step that has been released never changes: files in the field have it. The number of steps applied to a file
/// is kept in its header (`user_version`).
///
/// ```
/// use unforget_sqlite::Schema;
///
/// static SCHEMA: Schema = Schema::new(&["CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT NOT NULL)"]);
/// assert_eq!(SCHEMA.version(), 1);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    steps: &'static [&'static str],
    application_id: i32,
    batch_end: Option<BatchEnd>,
}

impl Schema {
    /// Names the steps.
    pub const fn new(steps: &'static [&'static str]) -> Self {
        Self { steps, application_id: 0, batch_end: None }
    }

    /// Marks files with a number of the program's own (`application_id` in the header), by which a database of
    /// another program is told from one that is new. No mark unless set.
    #[must_use]
    pub const fn application_id(mut self, id: i32) -> Self {
        self.application_id = id;
        self
    }

    /// Names what is done once per batch for the rows that its operations marked with
    /// [`WriteTx::pend`](crate::WriteTx::pend): after the last operation, in the same transaction, before the commit.
    ///
    /// That is the place to write what is cheaper written once than many times, such as a full-text index. If it
    /// fails or panics, each operation of the batch is run again in a transaction of its own, so that only those fail
    /// whose rows are at fault. Where nothing was marked it is not called.
    ///
    /// ```
    /// use unforget_sqlite::{Database, Error, Options, Pending, Schema};
    ///
    /// static SCHEMA: Schema = Schema::new(&[
    ///     "CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT NOT NULL);
    ///      CREATE VIRTUAL TABLE note_index USING fts5(body, content = 'note', content_rowid = 'id');",
    /// ])
    /// .batch_end(|tx, pending| {
    ///     for Pending { row, .. } in pending {
    ///         let index = "INSERT INTO note_index(rowid, body) SELECT id, body FROM note WHERE id = ?1";
    ///         tx.execute(index, [row])?;
    ///     }
    ///     Ok(())
    /// });
    /// # let directory = tempfile::tempdir().unwrap();
    /// let db = Database::open(directory.path().join("notes.db"), Options::default())?;
    /// db.migrate(&SCHEMA)?;
    /// db.write(|tx| -> Result<(), Error> {
    ///     tx.execute("INSERT INTO note(id, body) VALUES (7, 'a glider')", [])?;
    ///     tx.pend(Pending::new("note", 7))
    /// })?;
    /// let found: i64 = db.read(|tx| -> Result<_, Error> {
    ///     Ok(tx.query_row("SELECT rowid FROM note_index('glider')", [], |row| row.get(0))?)
    /// })?;
    /// assert_eq!(found, 7);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub const fn batch_end(mut self, batch_end: BatchEnd) -> Self {
        self.batch_end = Some(batch_end);
        self
    }

    pub(crate) const fn at_batch_end(&self) -> Option<BatchEnd> {
        self.batch_end
    }

    /// The version a file has when all steps were applied to it.
    pub const fn version(&self) -> usize {
        self.steps.len()
    }

    /// Applies what is missing, all of it or nothing; the caller has the turn, so the version read first is still
    /// the file's when the transaction begins.
    pub(crate) fn apply(&self, conn: &mut Connection, path: &Path) -> Result<()> {
        self.check(conn, path)?;
        if !self.is_new_or_ours(conn)? {
            return Err(Error::ForeignDatabase { path: path.to_path_buf() });
        }
        if self.application_id != 0 {
            conn.pragma_update(None, "application_id", self.application_id)?;
        }
        // A deferred transaction would be upgraded in the middle, which a busy timeout does not cover.
        conn.set_transaction_behavior(TransactionBehavior::Immediate);
        let migrations = Migrations::new(self.steps.iter().map(|step| M::up(step)).collect());
        migrations.to_latest(conn).map_err(|source| match source {
            rusqlite_migration::Error::RusqliteError { err, .. } if err.sqlite_error_code().is_some() => {
                match Error::classify(err) {
                    Error::Sql { source } => failed(path, &source),
                    told_apart => told_apart,
                }
            }
            source => Error::Migration { path: path.to_path_buf(), reason: source.to_string() },
        })
    }

    /// Tells whether a file has all steps already, or is not one to apply them to.
    pub(crate) fn is_complete(&self, conn: &Connection, path: &Path) -> Result<bool> {
        self.check(conn, path)?;
        if !self.is_new_or_ours(conn)? {
            return Err(Error::ForeignDatabase { path: path.to_path_buf() });
        }
        Ok(version(conn)? == self.version())
    }

    fn is_new_or_ours(&self, conn: &Connection) -> Result<bool> {
        if self.application_id == 0 {
            return Ok(true);
        }
        let id: i32 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok(id == self.application_id || id == 0 && tables == 0 && version(conn)? == 0)
    }

    /// Refuses a file that a newer program has brought further than this one knows.
    pub(crate) fn check(&self, conn: &Connection, path: &Path) -> Result<()> {
        let found = version(conn)?;
        if found > self.version() {
            return Err(Error::NewerSchema { path: path.to_path_buf(), found, supported: self.version() });
        }
        Ok(())
    }
}

fn failed(path: &Path, source: &Arc<rusqlite::Error>) -> Error {
    Error::Migration { path: path.to_path_buf(), reason: source.to_string() }
}

/// The number of steps that were applied to a file.
pub(crate) fn version(conn: &Connection) -> Result<usize> {
    let version: i64 = conn.prepare_cached("PRAGMA user_version")?.query_row([], |row| row.get(0))?;
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}
