//! Sets what every connection must have, and reads it back.
//!
//! A PRAGMA that SQLite cannot honour is answered with silence, not with an error: `journal_mode = WAL` on a
//! file system without shared memory leaves another mode in force. So every setting is read back, and a
//! difference is an error.

use std::time::Duration;

use rusqlite::Connection;

use crate::{Durability, Error, Result};

/// The page cache of one connection, in KiB.
const CACHE_KIB: i64 = 64 * 1024;

/// What the write-ahead log is cut back to when it is reset, in bytes.
const JOURNAL_SIZE_LIMIT: i64 = 64 << 20;

/// The first SQLite without the write-ahead-log reset fault of 3.7.0 to 3.51.2.
const FIRST_SOUND_LIBRARY: i32 = 3_051_003;

/// Refuses a SQLite library that is known to corrupt databases.
pub(crate) fn assert_library() -> Result<()> {
    if rusqlite::version_number() < FIRST_SOUND_LIBRARY {
        return Err(Error::OldLibrary { found: rusqlite::version() });
    }
    Ok(())
}

/// Prepares the connection that writes, converting the file to a write-ahead log if it has none.
///
/// Of several processes that convert one fresh file at the same time some fail in spite of their busy timeout,
/// so the caller has the turn.
pub(crate) fn apply_writer(conn: &Connection, durability: Durability, busy_timeout: Duration) -> Result<()> {
    conn.busy_timeout(busy_timeout)?;
    set_text(conn, "journal_mode", "wal")?;
    apply_common(conn)?;
    set_number(conn, "synchronous", synchronous(durability))?;
    set_number(conn, "foreign_keys", 1)?;
    // A commit that moves the log into the file takes a hundred times as long as one that does not.
    set_number(conn, "wal_autocheckpoint", 0)?;
    set_number(conn, "journal_size_limit", JOURNAL_SIZE_LIMIT)
}

/// Prepares a connection that only reads.
pub(crate) fn apply_reader(conn: &Connection, busy_timeout: Duration) -> Result<()> {
    conn.busy_timeout(busy_timeout)?;
    apply_common(conn)?;
    set_number(conn, "query_only", 1)
}

fn apply_common(conn: &Connection) -> Result<()> {
    set_number(conn, "cache_size", -CACHE_KIB)?;
    set_number(conn, "temp_store", 2)?;
    set_number(conn, "trusted_schema", 0)?;
    set_number(conn, "cell_size_check", 1)
}

fn synchronous(durability: Durability) -> i64 {
    match durability {
        Durability::Normal => 1,
        Durability::Full => 2,
    }
}

fn set_number(conn: &Connection, name: &'static str, wanted: i64) -> Result<()> {
    // `pragma_update` fails on a PRAGMA that answers with a row, `pragma` on one that does not.
    conn.pragma(None, name, wanted, |_| Ok(()))?;
    let found: i64 = conn.pragma_query_value(None, name, |row| row.get(0))?;
    same(name, &wanted.to_string(), found.to_string())
}

fn set_text(conn: &Connection, name: &'static str, wanted: &str) -> Result<()> {
    conn.pragma(None, name, wanted, |_| Ok(()))?;
    let found: String = conn.pragma_query_value(None, name, |row| row.get(0))?;
    same(name, wanted, found)
}

fn same(name: &'static str, wanted: &str, found: String) -> Result<()> {
    if found.eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    Err(Error::Setting { path: None, name, wanted: wanted.to_owned(), found })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(conn: &Connection, name: &str) -> i64 {
        conn.pragma_query_value(None, name, |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_writer_has_every_setting() {
        let directory = tempfile::tempdir().unwrap();
        let conn = Connection::open(directory.path().join("a.db")).unwrap();
        apply_writer(&conn, Durability::Full, Duration::from_millis(1_234)).unwrap();
        let mode: String = conn.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        assert_eq!(mode, "wal");
        let expected = [
            ("synchronous", 2),
            ("busy_timeout", 1_234),
            ("cache_size", -65_536),
            ("temp_store", 2),
            ("foreign_keys", 1),
            ("trusted_schema", 0),
            ("cell_size_check", 1),
            ("wal_autocheckpoint", 0),
            ("journal_size_limit", 67_108_864),
        ];
        for (name, value) in expected {
            assert_eq!(number(&conn, name), value, "{name}");
        }
        apply_writer(&conn, Durability::Normal, Duration::from_secs(1)).unwrap();
        assert_eq!(number(&conn, "synchronous"), 1);
    }

    #[test]
    fn a_reader_has_every_setting() {
        let directory = tempfile::tempdir().unwrap();
        let conn = Connection::open(directory.path().join("a.db")).unwrap();
        apply_reader(&conn, Duration::from_millis(55)).unwrap();
        for (name, value) in
            [("query_only", 1), ("busy_timeout", 55), ("trusted_schema", 0), ("temp_store", 2)]
        {
            assert_eq!(number(&conn, name), value, "{name}");
        }
    }

    #[test]
    fn a_setting_that_is_not_honoured_is_an_error() {
        let conn = Connection::open_in_memory().unwrap();
        match apply_writer(&conn, Durability::Full, Duration::ZERO) {
            Err(Error::Setting { name: "journal_mode", found, .. }) => assert_eq!(found, "memory"),
            other => panic!("{other:?}"),
        }
    }
}
