//! What a closure may do with the connection it is lent.
//!
//! Neither type derefs to the connection: a closure that could install an authorizer or a busy handler would
//! leave it behind for whoever uses the connection next.

use std::any::Any;
use std::ops::Deref;

use rusqlite::{CachedStatement, Connection, Params, Row, Statement};

use crate::ledger::Ledger;
use crate::{Pending, Result};

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
    ledger: &'conn Ledger,
}

impl<'conn> WriteTx<'conn> {
    pub(crate) fn new(conn: &'conn Connection, ledger: &'conn Ledger) -> Self {
        Self { read: ReadTx::new(conn), ledger }
    }

    /// Runs one statement and answers how many rows it changed.
    pub fn execute(&self, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
        self.read.conn.prepare_cached(sql)?.execute(params)
    }

    /// Runs several statements that take no parameters.
    pub fn execute_batch(&self, sql: &str) -> rusqlite::Result<()> {
        self.read.conn.execute_batch(sql)
    }

    /// Marks a row for the end of the batch, where the schema's [`batch_end`](crate::Schema::batch_end) does the rest
    /// for it, in this transaction. If this operation fails, its marks are forgotten with its changes.
    ///
    /// # Errors
    ///
    /// [`Error::NoBatchEnd`](crate::Error::NoBatchEnd) if the schema names nothing to be done, and
    /// [`Error::TooMuchPending`](crate::Error::TooMuchPending) beyond 64 MiB of marks by one operation.
    pub fn pend(&self, pending: Pending) -> Result<()> {
        self.ledger.pend(pending)
    }

    /// Has `run` run once this operation is committed, before its caller is told; never if it is not.
    ///
    /// That is the place to publish what was written. It runs on a thread that writes, while others wait: it should
    /// neither block nor take long, and writing is refused with [`Error::Reentrant`](crate::Error::Reentrant).
    /// If it panics, that is contained, and the caller is told of success all the same.
    ///
    /// # Errors
    ///
    /// [`Error::TooMuchPending`](crate::Error::TooMuchPending) if one operation asks for millions of them.
    pub fn after_commit(&self, run: impl FnOnce() + Send + 'static) -> Result<()> {
        self.ledger.after_commit(Box::new(run))
    }

    /// Hands `news` of what this operation writes to those who [keep copies](crate::Database::on_publish), once it is
    /// committed; never if it is not.
    ///
    /// # Errors
    ///
    /// [`Error::TooMuchPending`](crate::Error::TooMuchPending) if one operation has millions of them.
    pub fn publish(&self, news: impl Any + Send + Sync) -> Result<()> {
        self.ledger.publish(Box::new(news))
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
