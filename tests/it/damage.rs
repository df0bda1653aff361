//! Files and disks that are damaged in fact, without a simulation.

mod files;
mod kernel;
mod others;

pub(crate) use kernel::{back_up, fill, look, look_in, write_until_killed};
pub(crate) use others::lock;

use std::path::Path;

use unforget::unforget_sqlite::rusqlite::Connection;
use unforget::unforget_sqlite::{Database, Error, Result, Schema};

static SCHEMA: Schema = Schema::new(&["CREATE TABLE note(n INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT"]);

fn open(directory: &Path, options: unforget::unforget_sqlite::Options) -> Result<Database> {
    let db = Database::open(directory.join("notes.db"), options)?;
    db.migrate(&SCHEMA)?;
    Ok(db)
}

fn write(db: &Database, n: u64) -> Result<(), Error> {
    let body = format!("{n} ").repeat(500);
    db.write(move |tx| {
        tx.execute("INSERT INTO note VALUES (?1, ?2)", (n, &body))?;
        Ok(())
    })
}

fn notes(db: &Database) -> Result<Vec<u64>> {
    db.read(|tx| {
        let mut statement = tx.prepare("SELECT n FROM note ORDER BY n")?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    })
}

/// What a plain connection finds.
fn found(path: &Path) -> (String, Vec<u64>) {
    let conn = Connection::open(path).expect("it opens");
    let sound = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("it answers");
    let mut statement = conn.prepare("SELECT n FROM note ORDER BY n").expect("it has notes");
    let notes = statement.query_map([], |row| row.get(0)).expect("it answers");
    let notes = notes.collect::<Result<_, _>>().expect("numbers");
    (sound, notes)
}
