//! Commits that every process is told of before and after.

use rusqlite::Connection;

use super::{COMMIT, begin, engine_statement};
use crate::generation::{Commit, Counter};
use crate::{Error, Result};

/// Says to every process that the transaction of `conn` is about to be committed.
pub(crate) fn announce<'a>(conn: &Connection, counter: &'a Counter) -> Commit<'a> {
    counter.begin().overwriting(|| write_the_same(conn).is_ok())
}

/// Writes for certain and changes nothing: one page, with a value that it had.
fn write_the_same(conn: &Connection) -> Result<()> {
    let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(conn.pragma_update(None, "user_version", version)?)
}

/// Commits nothing new, so that the outcome of every earlier commit is known.
pub(crate) fn heal(conn: &Connection, counter: &Counter) -> Result<()> {
    begin(conn)?;
    let commit = announce(conn, counter);
    match engine_statement(conn, COMMIT) {
        Ok(()) => {
            commit.committed();
            Ok(())
        }
        Err(source) => {
            // If that fails too, closing the connection does it.
            let _undone_at_the_end = conn.execute_batch("ROLLBACK");
            Err(Error::classify(source))
        }
    }
}
