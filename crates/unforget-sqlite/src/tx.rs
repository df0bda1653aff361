//! What a closure may do with the connection it is lent.
//!
//! Neither type derefs to the connection: a closure that could install an authorizer or a busy handler would
//! leave it behind for whoever uses the connection next.

use std::ops::Deref;

use rusqlite::{CachedStatement, Connection, Params, Row, Statement};

/// One snapshot of the file: nothing read through it changes while it lives.
#[derive(Debug)]
pub struct ReadTx<'conn> {
    conn: &'conn Connection,
}

impl<'conn> ReadTx<'conn> {
    pub(crate) fn new(conn: &'conn Connection) -> Self {
        Self { conn }
    }

    /// Runs a query of which one row is wanted; no row is [`rusqlite::Error::QueryReturnedNoRows`].
    pub fn query_row<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.conn.prepare_cached(sql)?.query_row(params, read)
    }

    /// Compiles a statement, or takes it from the connection's cache; a repeated query costs half as much.
    pub fn prepare_cached(&self, sql: &str) -> rusqlite::Result<CachedStatement<'conn>> {
        self.conn.prepare_cached(sql)
    }

    /// Compiles a statement whose text will not come again.
    pub fn prepare(&self, sql: &str) -> rusqlite::Result<Statement<'conn>> {
        self.conn.prepare(sql)
    }
}

/// The open transaction an operation writes in, and reads its own writes through.
///
/// The engine began it and commits it. Statements that control transactions, attach databases or change settings
/// fail with [`Error::Forbidden`](crate::Error::Forbidden).
#[derive(Debug)]
pub struct WriteTx<'conn> {
    read: ReadTx<'conn>,
}

impl<'conn> WriteTx<'conn> {
    pub(crate) fn new(conn: &'conn Connection) -> Self {
        Self { read: ReadTx::new(conn) }
    }

    /// Runs one statement and answers how many rows it changed.
    pub fn execute(&self, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
        self.read.conn.prepare_cached(sql)?.execute(params)
    }

    /// Runs several statements that take no parameters.
    pub fn execute_batch(&self, sql: &str) -> rusqlite::Result<()> {
        self.read.conn.execute_batch(sql)
    }

    /// The row id of the last INSERT on this connection, which may be another operation's when the statement
    /// inserted nothing; `INSERT … RETURNING` has no such doubt.
    pub fn last_insert_rowid(&self) -> i64 {
        self.read.conn.last_insert_rowid()
    }
}

impl<'conn> Deref for WriteTx<'conn> {
    type Target = ReadTx<'conn>;

    fn deref(&self) -> &ReadTx<'conn> {
        &self.read
    }
}
