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
    if is_sound(rusqlite::version_number()) {
        return Ok(());
    }
    Err(Error::OldLibrary { found: rusqlite::version() })
}

fn is_sound(library: i32) -> bool {
    library >= FIRST_SOUND_LIBRARY
}

/// What every connection of an engine has.
const COMMON: [(&str, i64); 6] = [
    ("cache_size", -CACHE_KIB),
    ("temp_store", 2),
    ("foreign_keys", 1),
    // A damaged or hostile file is not to run functions, nor to be trusted about the sizes of its cells.
    ("trusted_schema", 0),
    ("cell_size_check", 1),
    // An I/O error in a mapped file is a signal that ends the process, not an error.
    ("mmap_size", 0),
];

/// Prepares a connection that writes or moves the log, converting the file to a write-ahead log if it has none.
///
/// Of several processes that convert one fresh file at the same time some fail in spite of their busy timeout,
/// so the caller has the turn.
pub(crate) fn apply_writer(conn: &Connection, durability: Durability, busy_timeout: Duration) -> Result<()> {
    wait_for(conn, busy_timeout)?;
    set_text(conn, "journal_mode", "wal")?;
    set_numbers(conn, &COMMON)?;
    set_numbers(conn, &writing(durability))
}

/// What a connection has that writes.
fn writing(durability: Durability) -> [(&'static str, i64); 5] {
    // Apple systems reach the medium only by a call of their own; elsewhere these change nothing.
    let through_the_drive = i64::from(durability == Durability::Full);
    [
        ("synchronous", synchronous(durability)),
        ("fullfsync", through_the_drive),
        ("checkpoint_fullfsync", through_the_drive),
        // A commit that moves the log into the file takes a hundred times as long as one that does not.
        ("wal_autocheckpoint", 0),
        ("journal_size_limit", JOURNAL_SIZE_LIMIT),
    ]
}

/// Prepares a connection that only reads, also one to a file that is not the engine's.
pub(crate) fn apply_reader(conn: &Connection, busy_timeout: Duration) -> Result<()> {
    wait_for(conn, busy_timeout)?;
    set_numbers(conn, &COMMON)?;
    set_number(conn, "query_only", 1)
}

/// Prepares a connection to a copy that nobody else has and that is synced when it is complete.
pub(crate) fn apply_scratch(conn: &Connection) -> Result<()> {
    set_numbers(conn, &COMMON)?;
    set_text(conn, "locking_mode", "exclusive")?;
    set_text(conn, "journal_mode", "memory")?;
    set_number(conn, "synchronous", 0)
}

/// Prepares a connection that looks whether anybody else has a file, and waits for nobody.
pub(crate) fn apply_claim(conn: &Connection) -> Result<()> {
    wait_for(conn, Duration::ZERO)?;
    set_numbers(conn, &COMMON)
}

fn wait_for(conn: &Connection, busy_timeout: Duration) -> Result<()> {
    conn.busy_timeout(busy_timeout)?;
    let found: i64 = conn.pragma_query_value(None, "busy_timeout", |row| row.get(0))?;
    same("busy_timeout", &busy_timeout.as_millis().to_string(), found.to_string())
}

fn set_numbers(conn: &Connection, settings: &[(&'static str, i64)]) -> Result<()> {
    settings.iter().try_for_each(|(name, wanted)| set_number(conn, name, *wanted))
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
    use std::path::Path;

    use super::*;
    use crate::backup::Scratch;
    use crate::checkpoint::Moves;
    use crate::engine::Engine;
    use crate::{Options, restore};

    /// Each setting a connection of some kind has, as SQLite answers it; written down once more, so that one that is
    /// taken out above is missed here.
    const EVERYWHERE: [(&str, &str); 6] = [
        ("cache_size", "-65536"),
        ("temp_store", "2"),
        ("foreign_keys", "1"),
        ("trusted_schema", "0"),
        ("cell_size_check", "1"),
        ("mmap_size", "0"),
    ];
    const WRITING: [(&str, &str); 6] = [
        ("journal_mode", "wal"),
        ("synchronous", "2"),
        ("fullfsync", "1"),
        ("checkpoint_fullfsync", "1"),
        ("wal_autocheckpoint", "0"),
        ("journal_size_limit", "67108864"),
    ];

    fn found(conn: &Connection, name: &str) -> String {
        let value = conn.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
        match value.unwrap() {
            rusqlite::types::Value::Text(text) => text,
            rusqlite::types::Value::Integer(number) => number.to_string(),
            other => panic!("{name} is {other:?}"),
        }
    }

    fn demand(kind: &str, conn: &Connection, own: &[(&str, &str)]) {
        for (name, value) in EVERYWHERE.iter().chain(own) {
            assert_eq!(found(conn, name), *value, "{name} of {kind}");
        }
    }

    fn options() -> Options {
        Options::default().busy_timeout(Duration::from_millis(1_234))
    }

    #[test]
    fn every_connection_of_an_engine_has_every_setting() {
        let directory = tempfile::tempdir().unwrap();
        // SQLite's own defaults differ from every value that is demanded, but for what is off in its usual builds.
        let path = directory.path().canonicalize().unwrap().join("a.db");
        let engine = Engine::start(&path, &options()).unwrap();
        let desk = engine.shared.desk.lock();
        let writer = &desk.as_ref().unwrap().bench.conn;
        demand("the writer", writer, &WRITING);
        engine
            .readers
            .run(|reader| {
                demand("a reader", reader, &[("query_only", "1"), ("busy_timeout", "1234")]);
                Ok(())
            })
            .unwrap();
        demand("the checkpointer", Moves::open(&engine.shared, &options()).unwrap().conn(), &WRITING);
        writer.busy_timeout(Duration::ZERO).unwrap();
        drop(desk);
    }

    #[test]
    fn the_writer_waits_for_foreign_programs_as_it_was_told() {
        let directory = tempfile::tempdir().unwrap();
        let engine = Engine::start(&directory.path().join("a.db"), &options()).unwrap();
        let desk = engine.shared.desk.lock();
        assert_eq!(found(&desk.as_ref().unwrap().bench.conn, "busy_timeout"), "1234");
        drop(desk);
    }

    #[test]
    fn connections_of_backups_and_restores_have_every_setting() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let scratch = Scratch::beside(&path).unwrap();
        let copying = [("journal_mode", "memory"), ("locking_mode", "exclusive"), ("synchronous", "0")];
        demand("a copy", &scratch.open().unwrap(), &copying);
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE a(x)").unwrap();
        demand("what is restored", &restore::open_source(&path).unwrap(), &[("query_only", "1")]);
        demand("what is replaced", &restore::try_lock_out(&path).unwrap(), &[("busy_timeout", "0")]);
    }

    #[test]
    fn normal_durability_syncs_less() {
        let conn = Connection::open(Path::new("")).unwrap();
        set_numbers(&conn, &writing(Durability::Normal)).unwrap();
        assert_eq!((found(&conn, "synchronous"), found(&conn, "fullfsync")), ("1".into(), "0".into()));
    }

    #[test]
    fn a_setting_that_is_not_honoured_is_an_error() {
        let conn = Connection::open_in_memory().unwrap();
        match apply_writer(&conn, Durability::Full, Duration::ZERO) {
            Err(Error::Setting { name: "journal_mode", found, .. }) => assert_eq!(found, "memory"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_library_is_one_without_the_reset_fault() {
        assert!(rusqlite::version_number() >= 3_051_003, "{}", rusqlite::version());
        assert_library().unwrap();
        assert!(is_sound(3_051_003) && !is_sound(3_051_002) && !is_sound(3_007_000));
    }
}
