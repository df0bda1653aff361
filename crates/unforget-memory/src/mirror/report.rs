//! What a mirror has to say.

use std::fmt::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use unforget_fs::Owner;

use super::feed::Merged;
use crate::graph::Rejected;

/// How many of the lines that were left out a message has.
const SHOWN: usize = 3;

/// Something that happened to a mirror and that a person should hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MirrorEvent {
    /// The file was not as it was left: what was new in it is in the graph now, and what it lacked is in it again.
    Merged(MergeReport),
    /// A change is in the store and not yet in the file, because somebody else holds the mirror's lock. The next change
    /// brings both.
    Behind {
        /// The file.
        file: PathBuf,
        /// Who holds the lock, if that is known.
        holder: Option<Box<Owner>>,
        /// How long the lock was waited for.
        waited: Duration,
    },
    /// A change is in the store and not yet in the file, because the file could not be written. The next change tries
    /// again.
    Failed {
        /// The file.
        file: PathBuf,
        /// What went wrong, and what a person can do.
        reason: String,
    },
    /// The file shows every change again.
    CaughtUp {
        /// The file.
        file: PathBuf,
    },
}

/// How a file was found that was not as it was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// The mirror is new; what the file held was imported.
    First,
    /// There was no file.
    Missing,
    /// Another file had the name, as the official server leaves it.
    Replaced,
    /// The same file was changed, by an editor or by a process of ours that ended half-way.
    Changed,
}

/// What became of a file that was not as it was left.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MergeReport {
    /// The file.
    pub file: PathBuf,
    /// How it was found.
    pub finding: Finding,
    /// Entities that it had and the graph had not.
    pub entities: usize,
    /// Relations that it had and the graph had not.
    pub relations: usize,
    /// Observations that it had and the graph had not, those of new entities among them.
    pub observations: usize,
    /// Lines that it lacked, or had with less, and that were written again: nothing is deleted because a file lacks it.
    pub put_back: usize,
    /// What it still had although the graph had deleted it shortly before; it stays deleted.
    pub stay_deleted: usize,
    /// Entities that it had with another type; the graph's stays.
    pub other_types: usize,
    /// Lines with fields that nothing knows; these fields are gone.
    pub unknown_fields: usize,
    /// Lines with half a character, in the place of which U+FFFD stands now.
    pub half_characters: usize,
    /// Lines that are neither an entity nor a relation; they are gone.
    pub rejected: Vec<Rejected>,
    /// Where the file was kept as it was found. Always at the first time, later if something of it is gone.
    pub kept: Option<PathBuf>,
}

impl MergeReport {
    pub(crate) fn new(file: PathBuf, finding: Finding) -> Self {
        Self {
            file,
            finding,
            entities: 0,
            relations: 0,
            observations: 0,
            put_back: 0,
            stay_deleted: 0,
            other_types: 0,
            unknown_fields: 0,
            half_characters: 0,
            rejected: Vec::new(),
            kept: None,
        }
    }

    pub(crate) fn set_merged(&mut self, merged: Merged) {
        (self.entities, self.relations, self.observations) =
            (merged.entities, merged.relations, merged.observations);
        (self.stay_deleted, self.other_types) = (merged.stay_deleted, merged.other_types);
    }

    /// Whether something of the file will not be in the new one.
    pub(crate) fn loses_something(&self) -> bool {
        let altered = self.unknown_fields + self.half_characters;
        self.stay_deleted + self.other_types + altered + self.rejected.len() > 0
    }

    /// Whether a person should hear of it. A process that ended half-way leaves a file that is not as it should be and
    /// of which nothing is to be told.
    pub(crate) fn says_something(&self) -> bool {
        self.loses_something()
            || self.entities + self.relations + self.observations + self.put_back > 0
            || self.kept.is_some()
    }

    /// The rejected lines with their numbers and reasons.
    pub(crate) fn rejected_lines(&self) -> String {
        let mut lines = String::new();
        for Rejected { line, reason, text } in &self.rejected {
            // Writing to a string does not fail.
            let _ = writeln!(
                lines,
                "{line}: {reason}
{text}"
            );
        }
        lines
    }
}

impl fmt::Display for MergeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.finding {
            Finding::First => "was imported",
            Finding::Missing => "was missing",
            Finding::Replaced => "was replaced by another program",
            Finding::Changed => "was changed by another program",
        };
        write!(f, "{} {how}", self.file.display())?;
        let counts = [
            (self.entities, "new entities"),
            (self.relations, "new relations"),
            (self.observations, "new observations"),
            (self.put_back, "lines put back"),
            (self.stay_deleted, "deleted things not taken back"),
            (self.other_types, "entities keep their type"),
            (self.unknown_fields, "lines with unknown fields"),
            (self.half_characters, "lines with half a character"),
            (self.rejected.len(), "lines that could not be read"),
        ];
        for (index, (count, what)) in counts.iter().filter(|(count, _)| *count > 0).enumerate() {
            write!(f, "{}{count} {what}", if index == 0 { ": " } else { ", " })?;
        }
        for (index, Rejected { line, reason, .. }) in self.rejected.iter().take(SHOWN).enumerate() {
            write!(f, "{} line {line}: {reason}", if index == 0 { " such as" } else { ";" })?;
        }
        match &self.kept {
            Some(kept) => write!(f, "; as it was found it is kept as {}", kept.display()),
            None => Ok(()),
        }
    }
}

impl fmt::Display for MirrorEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Merged(report) => report.fmt(f),
            Self::Behind { file, holder, waited } => {
                write!(f, "{} does not show every change: its mirror is locked by ", file.display())?;
                match holder {
                    Some(owner) => owner.fmt(f)?,
                    None => f.write_str("a process that left no record")?,
                }
                write!(
                    f,
                    ", waited {:.1} s; the changes are stored, and the file will show them",
                    waited.as_secs_f64()
                )
            }
            Self::Failed { file, reason } => {
                write!(f, "{} does not show every change: {reason}; the changes are stored", file.display())
            }
            Self::CaughtUp { file } => write!(f, "{} shows every change again", file.display()),
        }
    }
}
