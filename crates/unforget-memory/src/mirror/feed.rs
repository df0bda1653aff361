//! What a mirror is fed from.

mod graph;

use crate::Result;

pub(crate) use graph::GraphFeed;

/// A line that came, changed or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// Its number; they have no gaps.
    pub(crate) seq: u64,
    /// A random number, which no other change has that ever had the same one.
    pub(crate) mark: i64,
    /// Whose line it is: an entity or a relation, never used again for another one.
    pub(crate) slot: u64,
    /// The line, without a line break; `None` if it is gone.
    pub(crate) line: Option<String>,
}

/// The changes after a certain one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Changes {
    /// The next ones that are still there.
    pub(crate) rows: Vec<Change>,
    /// The number of the last change that there ever was.
    pub(crate) last: u64,
    /// The mark of the change that they come after; 0 if it is no longer there.
    pub(crate) mark: i64,
}

impl Changes {
    /// Whether who has shown the graph up to a change of this number and mark has only these to show. False if changes
    /// were not kept, or if the database was set back to a time before that change.
    pub(crate) fn continue_after(&self, seq: u64, mark: i64) -> bool {
        let is_next = |(change, expected): (&Change, u64)| change.seq == expected;
        let reaches = if self.rows.is_empty() { self.last == seq } else { self.last > seq };
        self.mark == mark && reaches && self.rows.iter().zip(seq + 1..).all(is_next)
    }
}

/// Every line there is, at one point in time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Snapshot {
    /// The last change that it shows.
    pub(crate) seq: u64,
    /// The mark of that change; 0 if it is no longer there.
    pub(crate) mark: i64,
    /// The lines with their slots: entities, then relations, each in the order of their creation.
    pub(crate) lines: Vec<(u64, String)>,
}

/// An entity or a relation as a line of somebody else has it.
pub(crate) type Item = crate::graph::GraphLine;

/// What a merge did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Merged {
    pub(crate) entities: usize,
    pub(crate) relations: usize,
    pub(crate) observations: usize,
    /// What had been deleted, and stays so.
    pub(crate) stay_deleted: usize,
    /// Entities of a name that has another type here.
    pub(crate) other_types: usize,
}

/// Where a mirror gets its lines from, and where it brings those of others.
///
/// The graph is one; the tests of crash states have another, since they visit more states than databases can be
/// opened.
pub(crate) trait Feed {
    /// The changes after one, at most `limit`.
    fn changes(&self, after: u64, limit: usize) -> Result<Changes>;

    /// Every line.
    fn snapshot(&self) -> Result<Snapshot>;

    /// Adds what is not there, in one transaction. What was deleted since a moment is not added again; it counts as
    /// staying deleted if that was by `shown_ms`, that is, if the mirror had shown its deletion.
    fn merge(&self, items: Vec<Item>, deleted_since_ms: u64, shown_ms: u64) -> Result<Merged>;

    /// Takes note that changes up to one will not be asked for again.
    fn durable(&self, seq: u64) -> Result<()>;

    /// Milliseconds since 1970.
    fn now_ms(&self) -> u64;
}
