//! Looks whether a file is sound.

use rusqlite::Connection;

use crate::Result;

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
