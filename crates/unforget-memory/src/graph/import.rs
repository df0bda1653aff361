//! Adding what a file of the official server holds.

use std::io::{BufRead, Read};
use std::sync::Arc;

use serde::Deserialize;

use super::change::Change;
use super::knowledge::{Entity, Relation, check_name};
use crate::{Error, Result};

/// The longest line of a file that is imported, in bytes; a longer one is given back.
pub const LINE_LIMIT: usize = 64 << 20;

/// How much of a line that is too long is given back.
const SHOWN: usize = 1 << 10;

/// The length of an escaped UTF-16 unit, as `\u00e9`.
const UNIT: usize = 6;

/// What an import added, and what it could not read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// How many entities are new.
    pub entities: u64,
    /// How many relations are new.
    pub relations: u64,
    /// How many observations are new, those of new entities among them.
    pub observations: u64,
    /// The lines that were left out.
    pub rejected: Vec<Rejected>,
}

/// A line that is neither an entity nor a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejected {
    /// Its number, counted from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
    /// The line, what is not UTF-8 in it replaced; of one that is too long, the beginning.
    pub text: String,
}

/// A line of the official server's file; what it does not know it leaves out, and so does this.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Line {
    Entity(Entity),
    Relation(Relation),
}

impl Line {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let line: Self = match (serde_json::from_str(text), half_characters(text)) {
            (Err(_), halves) if !halves.is_empty() => serde_json::from_str(&without(text, &halves)),
            (parsed, _) => parsed,
        }
        .map_err(|error| error.to_string())?;
        let checked = match &line {
            // What was observed before there were limits stays; by a longer name nothing could be asked for.
            Self::Entity(entity) => check_name("name", &entity.name),
            Self::Relation(relation) => relation.check(),
        };
        checked.map_err(|error| error.to_string())?;
        Ok(line)
    }
}

/// Whether a line has half a character, which a text of ours cannot have.
pub(crate) fn has_half_characters(text: &str) -> bool {
    !half_characters(text).is_empty()
}

/// Where a line of JSON has one half of a surrogate pair without the other: what the official server writes of a text that
/// was cut off within a character.
fn half_characters(text: &str) -> Vec<usize> {
    let mut halves = Vec::new();
    let mut at = 0;
    while let Some(next) = text.get(at..).and_then(|rest| rest.find('\\')) {
        at += next;
        match (escaped_unit(text, at), escaped_unit(text, at + UNIT)) {
            (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => at += 2 * UNIT,
            (Some(0xd800..0xe000), _) => {
                halves.push(at);
                at += UNIT;
            }
            // A backslash and what it escapes.
            _ => at += 2,
        }
    }
    halves
}

/// The UTF-16 unit that is escaped at a place.
fn escaped_unit(text: &str, at: usize) -> Option<u16> {
    let digits = text.get(at..at + UNIT)?.strip_prefix("\\u")?;
    u16::from_str_radix(digits, 16).ok()
}

/// The same line with the replacement character in these places.
fn without(text: &str, halves: &[usize]) -> String {
    let mut mended = String::with_capacity(text.len());
    let mut from = 0;
    for at in halves {
        mended.extend(text.get(from..*at));
        mended.push(char::REPLACEMENT_CHARACTER);
        from = at + UNIT;
    }
    mended.extend(text.get(from..));
    mended
}

/// The lines of a file, of which the good ones are known to be so. They are kept as text, since a transaction may have to
/// run again and the text takes the least room.
pub(super) struct Lines {
    good: Arc<str>,
    rejected: Vec<Rejected>,
}

impl Lines {
    /// Reads a file to its end.
    pub(super) fn read(mut file: impl BufRead) -> Result<Self> {
        let mut good = String::new();
        let mut rejected = Vec::new();
        let mut bytes = Vec::new();
        for line in 1.. {
            bytes.clear();
            let unreadable = |error: std::io::Error| Error::Unreadable { line, reason: error.to_string() };
            if !next_line(&mut file, &mut bytes).map_err(unreadable)? {
                break;
            }
            match judge(&bytes, line) {
                Ok("") => {}
                Ok(text) => {
                    good.push_str(text);
                    good.push('\n');
                }
                Err(line) => rejected.push(line),
            }
        }
        Ok(Self { good: good.into(), rejected })
    }

    pub(super) fn share(&self) -> Good {
        Good(Arc::clone(&self.good))
    }

    pub(super) fn finish(self, mut added: Imported) -> Imported {
        added.rejected = self.rejected;
        added
    }
}

/// Lines that are entities and relations.
pub(super) struct Good(Arc<str>);

impl Good {
    pub(super) fn add_to(&self, change: &mut Change<'_, '_>) -> Result<Imported> {
        let mut added = Imported::default();
        for text in self.0.lines() {
            let line = Line::parse(text).map_err(|problem| Error::Invalid { field: "line", problem })?;
            match line {
                Line::Entity(entity) => add_entity(change, &entity, &mut added)?,
                Line::Relation(relation) => added.relations += u64::from(change.add_relation(&relation)?),
            }
        }
        Ok(added)
    }
}

fn add_entity(change: &mut Change<'_, '_>, entity: &Entity, added: &mut Imported) -> Result<()> {
    if change.add_entity(entity)?.is_some() {
        added.entities += 1;
        added.observations += u64::try_from(entity.observations.len()).unwrap_or(u64::MAX);
        return Ok(());
    }
    let id = change.expect_entity(&entity.name)?;
    for content in &entity.observations {
        added.observations += u64::from(change.add_observation(id, content)?);
    }
    Ok(())
}

/// Reads a line without its end; of one that is too long, no more than shows that. False at the end of the file.
fn next_line(file: &mut impl BufRead, into: &mut Vec<u8>) -> std::io::Result<bool> {
    let most = u64::try_from(LINE_LIMIT).unwrap_or(u64::MAX).saturating_add(1);
    if file.by_ref().take(most).read_until(b'\n', into)? == 0 {
        return Ok(false);
    }
    if into.last() == Some(&b'\n') {
        into.pop();
    } else if into.len() > LINE_LIMIT {
        file.skip_until(b'\n')?;
    }
    Ok(true)
}

/// The text of a line if it is good or blank.
fn judge(bytes: &[u8], line: u64) -> Result<&str, Rejected> {
    let reject = |reason: String, bytes: &[u8]| Rejected {
        line,
        reason,
        text: String::from_utf8_lossy(bytes).into_owned(),
    };
    if bytes.len() > LINE_LIMIT {
        return Err(reject(format!("it has more than {LINE_LIMIT} bytes"), &bytes[..SHOWN]));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| reject(error.to_string(), bytes))?;
    let text = if line == 1 { text.trim_start_matches('\u{feff}') } else { text }.trim();
    if !text.is_empty() {
        Line::parse(text).map_err(|reason| reject(reason, bytes))?;
    }
    Ok(text)
}
