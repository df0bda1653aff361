//! Looks whether a file is sound.

use rusqlite::Connection;

use crate::{Error, Result};

/// How many findings a check reports at most.
const FINDINGS: usize = 100;

/// What SQLite's integrity check found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Check {
    /// One line per fault, at most 100; empty if the file is sound.
    pub faults: Vec<String>,
}

impl Check {
    /// Tells whether nothing was found.
    pub fn is_ok(&self) -> bool {
        self.faults.is_empty()
    }

    pub(crate) fn add(&mut self, fault: Option<String>) {
        self.faults.extend(fault.filter(|_| self.faults.len() < FINDINGS));
    }
}

/// Reads every page.
pub(crate) fn quick(conn: &Connection) -> Result<Check> {
    Ok(Check { faults: pragma(conn, "quick_check")? })
}

/// Reads the whole file: every page, every index entry, every foreign key.
pub(crate) fn run(conn: &Connection) -> Result<Check> {
    let mut faults = integrity(conn)?;
    let mut statement = conn.prepare("PRAGMA foreign_key_check")?;
    let broken = statement.query_map([], |row| {
        let (table, target): (String, String) = (row.get(0)?, row.get(2)?);
        Ok(format!("a row of {table} points to a row of {target} that does not exist"))
    })?;
    for line in broken.take(FINDINGS - faults.len().min(FINDINGS)) {
        faults.push(line?);
    }
    Ok(Check { faults })
}

/// Reads every page and every index entry, and answers what is wrong with them.
pub(crate) fn integrity(conn: &Connection) -> Result<Vec<String>> {
    pragma(conn, "integrity_check")
}

fn pragma(conn: &Connection, name: &str) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    let mut statement = conn.prepare(&format!("PRAGMA {name}({FINDINGS})"))?;
    for line in statement.query_map([], |row| row.get::<_, String>(0))? {
        let line = line?;
        if line != "ok" {
            faults.push(line);
        }
    }
    Ok(faults)
}

/// The names of the full-text indexes.
pub(crate) fn full_text(conn: &Connection) -> Result<Vec<String>> {
    let virtual_tables = "SELECT name FROM sqlite_schema WHERE type = 'table'
        AND sql LIKE 'create virtual table %using%fts5%' ORDER BY name";
    let mut statement = conn.prepare(virtual_tables)?;
    let names = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(names)
}

/// Compares a full-text index with the text it indexes.
///
/// `PRAGMA integrity_check` looks at the index too, but for one whose text is in another table only at its structure:
/// the comparison is asked for by rank 1. The command changes nothing, though it has the form of an INSERT.
pub(crate) fn compare(conn: &Connection, index: &str) -> Result<Option<String>> {
    let quoted = index.replace('"', "\"\"");
    let command = format!("INSERT INTO \"{quoted}\"(\"{quoted}\", rank) VALUES ('integrity-check', 1)");
    match conn.execute(&command, []).map_err(Error::classify) {
        Ok(_) => Ok(None),
        Err(Error::Corrupt { .. }) => {
            Ok(Some(format!("the full-text index {index} does not agree with its text")))
        }
        Err(error) => Err(error),
    }
}
