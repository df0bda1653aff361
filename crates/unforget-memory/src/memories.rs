//! The handle to a store's memories.

use std::sync::Arc;

use unforget_sqlite::Database;

use crate::Result;
use crate::context_store::SqliteContexts;
use crate::mirror::Mirrors;
use crate::schema::SCHEMA;

/// The largest content of a turn unless set, in bytes.
pub const CONTENT_LIMIT: usize = 1 << 20;

/// Turns of conversations in one database: stored with [`remember`](Memories::remember), found with
/// [`recall`](Memories::recall). Cheap to clone.
#[derive(Debug, Clone)]
pub struct Memories {
    db: Database,
    content_limit: usize,
    mirrors: Arc<Mirrors>,
}

impl Memories {
    /// Brings the schema of a database up to date and opens its memories.
    ///
    /// # Errors
    ///
    /// [`NewerSchema`](unforget_sqlite::Error::NewerSchema) if a newer version of this crate wrote it.
    pub fn open(db: Database) -> Result<Self> {
        db.migrate(&SCHEMA)?;
        Ok(Self { db, content_limit: CONTENT_LIMIT, mirrors: Arc::default() })
    }

    /// Sets the largest content of a turn, in bytes; [`CONTENT_LIMIT`] unless set.
    #[must_use]
    pub fn with_content_limit(mut self, bytes: usize) -> Self {
        self.content_limit = bytes;
        self
    }

    /// A store for contexts in the same database.
    pub fn context_store(&self) -> Arc<SqliteContexts> {
        Arc::new(SqliteContexts::new(self.db.clone()))
    }

    /// The largest content of a turn, in bytes.
    pub fn content_limit(&self) -> usize {
        self.content_limit
    }

    /// Counts what is stored, at one point in time.
    pub fn stats(&self) -> Result<Stats> {
        self.db.read(|tx| {
            Ok(tx.query_row(COUNT, [], |row| {
                Ok(Stats {
                    turns: row.get(0)?,
                    users: row.get(1)?,
                    sessions: row.get(2)?,
                    contexts: row.get(3)?,
                    bytes: row.get(4)?,
                })
            })?)
        })
    }

    pub(crate) fn mirrors(&self) -> Arc<Mirrors> {
        Arc::clone(&self.mirrors)
    }

    pub(crate) fn db(&self) -> &Database {
        &self.db
    }
}

/// What a store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Turns, of all layers.
    pub turns: u64,
    /// Users who have turns.
    pub users: u64,
    /// Sessions that have turns, counted per user.
    pub sessions: u64,
    /// Contexts.
    pub contexts: u64,
    /// The size of the database without its log, in bytes.
    pub bytes: u64,
}

const COUNT: &str = "
    SELECT (SELECT count(*) FROM memory_nodes),
        (SELECT count(DISTINCT user_id) FROM memory_nodes),
        (SELECT count(*) FROM (SELECT DISTINCT user_id, session_id FROM memory_nodes)),
        (SELECT count(*) FROM contexts WHERE deleted = 0),
        (SELECT page_count * page_size FROM pragma_page_count, pragma_page_size)";
