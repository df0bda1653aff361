//! How large a journal may become.

/// The longest entry, in bytes. One damaged length cannot make a recovery read, or a checksum cover, more.
pub(super) const RECORD_LIMIT: usize = 1 << 20;

/// The largest file, whatever the options say: it is kept in memory as well, to be written again.
pub(super) const CAPACITY_LIMIT: u64 = 1 << 28;

/// How much space a journal takes before it needs it, and how much it takes at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalOptions {
    pub(super) preallocate: u64,
    pub(super) capacity: u64,
}

impl JournalOptions {
    /// Takes space in steps of 256 KiB, up to 64 MiB.
    pub const fn new() -> Self {
        Self { preallocate: 256 << 10, capacity: 64 << 20 }
    }

    /// Sets the steps in which space is taken ahead of need.
    ///
    /// What a file has, a full disk does not take from it: so many bytes of entries can be appended after the
    /// disk has become full. 0 takes nothing ahead.
    #[must_use]
    pub const fn preallocate(mut self, bytes: u64) -> Self {
        self.preallocate = bytes;
        self
    }

    /// Sets how large the file may become, 256 MiB at most; then
    /// [`JournalError::Full`](crate::JournalError::Full) asks for a compaction.
    #[must_use]
    pub const fn capacity(mut self, bytes: u64) -> Self {
        self.capacity = if bytes < CAPACITY_LIMIT { bytes } else { CAPACITY_LIMIT };
        self
    }

    /// The length of a file that has to hold `end` bytes.
    pub(super) fn allocated(&self, end: u64) -> u64 {
        let whole = end.max(1).checked_next_multiple_of(self.preallocate).unwrap_or(end);
        whole.min(self.capacity).max(end)
    }
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_is_taken_in_steps_and_not_beyond_the_capacity() {
        let options = JournalOptions::new().preallocate(100).capacity(250);
        for (end, allocated) in [(0, 100), (100, 100), (101, 200), (201, 250), (250, 250), (300, 300)] {
            assert_eq!(options.allocated(end), allocated, "{end}");
        }
        assert_eq!(options.preallocate(0).allocated(77), 77);
    }
}
