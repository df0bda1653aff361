//! What a journal gives back.

/// An entry with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRecord {
    pub(super) seq: u64,
    pub(super) text: String,
}

impl JournalRecord {
    /// Its number: larger than that of every entry before it. That of an acknowledged entry is never used again;
    /// that of one that was lost before it was acknowledged is.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The JSON that was appended, byte by byte.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// A tail that a crash had torn, and that a recovery cut off: the end of entries that nobody acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TornTail {
    /// Where it began.
    pub offset: u64,
    /// How many bytes it had.
    pub bytes: u64,
}
