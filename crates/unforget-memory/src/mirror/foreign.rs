//! What is in a file that is not as it was left.

use std::collections::{HashMap, HashSet};

use super::feed::{Item, Snapshot};
use crate::graph::{Entity, Rejected, Relation, has_half_characters};

/// What a file has that the graph does not have in the same words.
#[derive(Debug, Default)]
pub(crate) struct Foreign {
    pub(crate) items: Vec<Item>,
    pub(crate) rejected: Vec<Rejected>,
    /// Lines with fields that nobody knows.
    pub(crate) unknown_fields: usize,
    /// Lines with half a character.
    pub(crate) half_characters: usize,
}

impl Foreign {
    /// Reads a file; the lines of the snapshot are no news. Blank lines are nothing.
    pub(crate) fn read(content: &[u8], snapshot: &Snapshot) -> Self {
        let known: HashSet<&[u8]> = snapshot.lines.iter().map(|(_, line)| line.as_bytes()).collect();
        let mut foreign = Self::default();
        for (number, line) in lines(content).filter(|(_, line)| !known.contains(line)) {
            foreign.take(number, line);
        }
        foreign
    }

    fn take(&mut self, number: u64, line: &[u8]) {
        match parse(line) {
            Ok(item) => {
                self.unknown_fields += usize::from(has_unknown_fields(line));
                self.half_characters += usize::from(std::str::from_utf8(line).is_ok_and(has_half_characters));
                self.items.push(item);
            }
            Err(reason) => {
                let text = String::from_utf8_lossy(line).into_owned();
                self.rejected.push(Rejected { line: number, reason, text });
            }
        }
    }

    /// How many lines of a snapshot a file lacks; slots that `is_new` names are not missed.
    pub(crate) fn lacks(&self, content: &[u8], snapshot: &Snapshot, is_new: impl Fn(u64) -> bool) -> usize {
        let present: HashSet<&[u8]> = lines(content).map(|(_, line)| line).collect();
        let has = Present::of(&self.items);
        let lacked = |(slot, line): &&(u64, String)| {
            !present.contains(line.as_bytes()) && !is_new(*slot) && !has.contains(line.as_bytes())
        };
        snapshot.lines.iter().filter(lacked).count()
    }
}

/// The lines that are not blank, trimmed, with their numbers.
fn lines(content: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    let content = content.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(content);
    let numbered = content.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).enumerate();
    numbered.filter(|(_, line)| !line.is_empty()).map(|(index, line)| (index as u64 + 1, line))
}

fn parse(line: &[u8]) -> Result<Item, String> {
    let line = std::str::from_utf8(line).map_err(|error| format!("is not UTF-8: {error}"))?;
    Item::parse(line)
}

/// Whether a line has more than the four fields of an entity or a relation.
fn has_unknown_fields(line: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(line)
        .is_ok_and(|fields| fields.len() > 4)
}

/// The items of a file, to be asked for.
#[derive(Default)]
struct Present<'a> {
    entities: HashMap<&'a str, HashSet<&'a str>>,
    relations: HashSet<&'a Relation>,
}

impl<'a> Present<'a> {
    fn of(items: &'a [Item]) -> Self {
        let mut present = Self::default();
        for item in items {
            match item {
                Item::Entity(Entity { name, observations, .. }) => {
                    present.entities.entry(name).or_default().extend(observations.iter().map(String::as_str));
                }
                Item::Relation(relation) => {
                    present.relations.insert(relation);
                }
            }
        }
        present
    }

    fn contains(&self, line: &[u8]) -> bool {
        match parse(line) {
            Ok(Item::Entity(Entity { name, observations, .. })) => self
                .entities
                .get(&*name)
                .is_some_and(|has| observations.iter().all(|observation| has.contains(&**observation))),
            Ok(Item::Relation(relation)) => self.relations.contains(&relation),
            Err(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: &str = r#"{"type":"entity","name":"Ada","entityType":"person","observations":["a"]}"#;
    const KNOWS: &str = r#"{"type":"relation","from":"Ada","to":"Bob","relationType":"knows"}"#;

    fn snapshot() -> Snapshot {
        Snapshot { seq: 2, mark: 0, lines: vec![(2, ADA.to_owned()), (3, KNOWS.to_owned())] }
    }

    #[test]
    fn known_and_blank_lines_are_no_news() {
        let content = format!("\u{feff}{ADA}\r\n\n    \n  {KNOWS}  ");
        let foreign = Foreign::read(content.as_bytes(), &snapshot());
        assert!(foreign.items.is_empty() && foreign.rejected.is_empty(), "{foreign:?}");
        assert_eq!(foreign.lacks(content.as_bytes(), &snapshot(), |_| false), 0);
    }

    #[test]
    fn what_is_no_line_is_rejected_with_its_number() {
        let content = b"{\"type\":\"entity\"}\n\n\xff\xfe\n\0\0\0\n[1]\n{\"type\":\"other\",\"name\":\"x\"}\n{\"type\":\"ent";
        let foreign = Foreign::read(content, &snapshot());
        let numbers: Vec<_> = foreign.rejected.iter().map(|rejected| rejected.line).collect();
        assert_eq!((numbers, foreign.items.len()), (vec![1, 3, 4, 5, 6, 7], 0));
    }

    #[test]
    fn a_line_in_other_words_is_not_missed() {
        let content =
            br#"{"observations":["b","a"],"name":"Ada","entityType":"person","type":"entity","mood":1}"#;
        let foreign = Foreign::read(content, &snapshot());
        assert_eq!((foreign.items.len(), foreign.unknown_fields), (1, 1));
        assert_eq!(foreign.lacks(content, &snapshot(), |_| false), 1, "only the relation is missing");
        assert_eq!(foreign.lacks(content, &snapshot(), |slot| slot == 3), 0, "which may be new");
        let content = br#"{"type":"entity","name":"Ada","entityType":"person","observations":[]}"#;
        let foreign = Foreign::read(content, &snapshot());
        assert_eq!(foreign.lacks(content, &snapshot(), |slot| slot == 3), 1, "an observation is missing");
    }
}
