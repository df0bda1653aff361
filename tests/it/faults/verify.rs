//! What must hold of the files that are found.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use unforget::unforget_sqlite::rusqlite::{Connection, OpenFlags};
use unforget::unforget_sqlite::{Error, Result};

use super::workload::REFUSED;

/// What each operation may be found as.
#[derive(Debug, Default, Clone)]
pub(crate) struct Expected {
    /// Must be there.
    pub(crate) present: BTreeSet<u64>,
    /// Must not be there.
    pub(crate) absent: BTreeSet<u64>,
}

impl Expected {
    /// An operation whose outcome is unknown is in neither set.
    pub(crate) fn of(outcomes: &BTreeMap<u64, Result<()>>) -> Self {
        let mut expected = Self::default();
        for (op, outcome) in outcomes {
            match outcome {
                Ok(()) => expected.present.insert(*op),
                Err(Error::OutcomeUnknown { .. }) => false,
                Err(_) => expected.absent.insert(*op),
            };
        }
        expected
    }

    pub(crate) fn only_present(present: BTreeSet<u64>) -> Self {
        Self { present, absent: BTreeSet::from([REFUSED]) }
    }

    /// Opens the file with the ordinary VFS, and answers what is wrong with what it holds.
    pub(crate) fn verify(&self, path: &Path) -> Result<(), String> {
        let found = Found::read(path).map_err(|error| format!("it cannot be read: {error}"))?;
        let ops: BTreeSet<u64> = found.halves.keys().copied().collect();
        if found.integrity != ["ok"] {
            return Err(format!("the file is damaged: {:?}", found.integrity));
        }
        if let Some((op, sides)) = found.halves.iter().find(|(_, sides)| sides.len() != 2) {
            return Err(format!("operation {op} is half there: {sides:?}"));
        }
        if let Some(lost) = self.present.difference(&ops).next() {
            return Err(format!("operation {lost} was acknowledged and is lost; there are {ops:?}"));
        }
        if let Some(undone) = self.absent.intersection(&ops).next() {
            return Err(format!("operation {undone} was refused and is there"));
        }
        let seqs: BTreeSet<u64> = found.halves.values().flatten().copied().collect();
        if !seqs.iter().copied().eq(1..=seqs.len() as u64) {
            return Err(format!("commits are missing before later ones: {seqs:?}"));
        }
        Ok(())
    }
}

struct Found {
    integrity: Vec<String>,
    /// The numbers of each operation's rows.
    halves: BTreeMap<u64, Vec<u64>>,
}

impl Found {
    fn read(path: &Path) -> unforget::unforget_sqlite::rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let conn = Connection::open_with_flags_and_vfs(path, flags, c"unix")?;
        conn.execute_batch("PRAGMA synchronous = OFF")?;
        let mut statement = conn.prepare("PRAGMA integrity_check")?;
        let integrity = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        let mut halves: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        let exists = "SELECT 1 FROM sqlite_schema WHERE name = 'half'";
        if conn.prepare(exists)?.exists([])? {
            let mut statement = conn.prepare("SELECT op, seq FROM half ORDER BY op, side")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                halves.entry(row.get(0)?).or_default().push(row.get(1)?);
            }
        }
        Ok(Self { integrity, halves })
    }
}
