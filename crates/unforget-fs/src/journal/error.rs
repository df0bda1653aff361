//! What can go wrong with a journal, and what a person can do about it.

use std::io;
use std::path::PathBuf;

/// The reasons why a journal was refused, or why what was appended is not certain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// A record that had been durable cannot be read.
    ///
    /// The file is left as it is. What is before the damage is read by a
    /// [`JournalReader`](crate::JournalReader).
    #[error(
        "{} is damaged at byte {offset}, where record {seq} was; it was copied to {} and left as it is; \
         replay what is before the damage, then move the file away to begin a new one",
        path.display(), Copy(copy.as_ref())
    )]
    Corrupt {
        /// The journal.
        path: PathBuf,
        /// Where the first record begins that cannot be read.
        offset: u64,
        /// The number of that record.
        seq: u64,
        /// A copy of the whole file. Readers make none, and there is none if it could not be written.
        copy: Option<PathBuf>,
    },

    /// Writing or syncing failed, so it is not known what of these records is on the disk.
    ///
    /// The same file is not written or synced again, since a second sync would succeed and prove nothing.
    #[error(
        "records {first} to {last} of {} were not synced; {}", path.display(), Continuation(*is_rewritten)
    )]
    DurabilityUnknown {
        /// The journal.
        path: PathBuf,
        /// The first record that had not been acknowledged.
        first: u64,
        /// The last one.
        last: u64,
        /// Whether the journal goes on in a new file, into which everything was written again from memory,
        /// these records too. If not, nothing can be appended before a [`rotate`](crate::Journal::rotate).
        is_rewritten: bool,
        /// What the system said.
        source: io::Error,
    },

    /// An earlier failure left the journal without a file that can be trusted.
    #[error("{} is stopped after a failed write; mend the disk, then rotate or open the journal", path.display())]
    Stopped {
        /// The journal.
        path: PathBuf,
    },

    /// The entries do not fit. Nothing was written.
    #[error(
        "{} is full: {needed} bytes are needed and {capacity} allowed; replay its records and compact it",
        path.display()
    )]
    Full {
        /// The journal.
        path: PathBuf,
        /// How large the file would have become.
        needed: u64,
        /// How large it may become.
        capacity: u64,
    },

    /// An entry is not one JSON text on one line, or is too long. Nothing was written.
    #[error("entry {index} for {} {reason}", path.display())]
    Invalid {
        /// The journal.
        path: PathBuf,
        /// Which of the entries, from 0.
        index: usize,
        /// What is wrong with it, and what would be right.
        reason: &'static str,
    },

    /// The file is no journal. It is left as it is.
    #[error("{} is no journal and is not overwritten; move it away or choose another path", path.display())]
    Foreign {
        /// What was refused.
        path: PathBuf,
    },

    /// A later version of the program wrote the file.
    #[error("{} has version {version} of the format; open it with the program that wrote it", path.display())]
    Newer {
        /// The journal.
        path: PathBuf,
        /// The version that it says it has.
        version: u32,
    },

    /// The file was removed or replaced by a program that did not have the journal's lock.
    #[error(
        "{} was removed or replaced while it was open; nothing more is written to it; \
         leave the file alone and rotate or open the journal",
        path.display()
    )]
    Replaced {
        /// The journal.
        path: PathBuf,
    },
}

struct Copy<'a>(Option<&'a PathBuf>);

impl std::fmt::Display for Copy<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(copy) => copy.display().fmt(f),
            None => f.write_str("nowhere"),
        }
    }
}

struct Continuation(bool);

impl std::fmt::Display for Continuation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0 {
            "they were written again to a new file, so look for them before repeating them"
        } else {
            "the journal is stopped; mend the disk, then rotate or open it"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_the_path_and_what_to_do() {
        let path = PathBuf::from("/store/journal");
        let unknown = |is_rewritten| JournalError::DurabilityUnknown {
            path: path.clone(),
            first: 3,
            last: 4,
            is_rewritten,
            source: io::Error::other("the cause"),
        };
        let corrupt = |copy| JournalError::Corrupt { path: path.clone(), offset: 77, seq: 3, copy };
        for (error, advice) in [
            (corrupt(Some("/store/copy".into())), "copied to /store/copy"),
            (corrupt(None), "at byte 77"),
            (unknown(true), "look for them before"),
            (unknown(false), "mend the disk"),
            (JournalError::Stopped { path: path.clone() }, "mend the disk"),
            (JournalError::Full { path: path.clone(), needed: 9, capacity: 8 }, "compact it"),
            (JournalError::Invalid { path: path.clone(), index: 1, reason: "is not JSON" }, "entry 1"),
            (JournalError::Foreign { path: path.clone() }, "move it away"),
            (JournalError::Newer { path: path.clone(), version: 2 }, "with the program that wrote it"),
            (JournalError::Replaced { path: path.clone() }, "leave the file alone"),
        ] {
            let shown = error.to_string();
            assert!(shown.contains("/store/journal") && shown.contains(advice), "{shown}");
            assert!(!shown.contains("the cause") && !shown.contains("Some("), "{shown}");
        }
    }
}
