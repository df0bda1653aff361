//! Reading the graph in parts.

use std::fmt;
use std::str::FromStr;

use unforget_sqlite::ReadTx;

use super::knowledge::{Entity, ITEM_LIMIT, Relation};
use super::read;
use crate::{Error, Result};

/// A part of the graph ends once it has this many bytes of text, so the last entity alone may go beyond.
pub const PAGE_BYTES: usize = 8 << 20;

/// Where a part of the graph ended. Its text is opaque and can be given to another process.
///
/// ```
/// use unforget_memory::GraphCursor;
///
/// assert!("anything".parse::<GraphCursor>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GraphCursor(Place);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    AfterEntity(i64),
    AfterRelation(i64),
}

/// A part of the graph.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GraphPage {
    /// The entities of this part.
    pub entities: Vec<Entity>,
    /// The relations of this part; there are none before all entities were told.
    pub relations: Vec<Relation>,
    /// Where the next part begins; `None` if this was the last.
    pub next: Option<GraphCursor>,
}

impl fmt::Display for GraphCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Place::AfterEntity(id) => write!(f, "e{id}"),
            Place::AfterRelation(id) => write!(f, "r{id}"),
        }
    }
}

impl FromStr for GraphCursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let place = match text.split_at_checked(1) {
            Some(("e", id)) => id.parse().ok().map(Place::AfterEntity),
            Some(("r", id)) => id.parse().ok().map(Place::AfterRelation),
            _ => None,
        };
        let problem = || "is none that a part of the graph ended with; leave it out to begin anew".to_owned();
        place.map(Self).ok_or_else(|| Error::Invalid { field: "after", problem: problem() })
    }
}

pub(super) fn read(tx: &ReadTx<'_>, after: Option<GraphCursor>, limit: usize) -> Result<GraphPage> {
    let mut page = GraphPage::default();
    let mut room = Room { items: limit.clamp(1, ITEM_LIMIT), bytes: PAGE_BYTES };
    let place = after.map_or(Place::AfterEntity(0), |cursor| cursor.0);
    let after_relation = match place {
        Place::AfterRelation(id) => id,
        Place::AfterEntity(id) => {
            if let Some(last) = read_entities(tx, id, &mut room, &mut page.entities)? {
                page.next = Some(GraphCursor(Place::AfterEntity(last)));
                return Ok(page);
            }
            0
        }
    };
    let last = read_relations(tx, after_relation, &mut room, &mut page.relations)?;
    page.next = last.map(|id| GraphCursor(Place::AfterRelation(id)));
    Ok(page)
}

/// What a part may still take.
struct Room {
    items: usize,
    bytes: usize,
}

impl Room {
    fn is_left(&self) -> bool {
        self.items > 0 && self.bytes > 0
    }

    fn take(&mut self, bytes: usize) {
        self.items -= 1;
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// Answers the last id when the room ended before the entities did.
fn read_entities(
    tx: &ReadTx<'_>,
    after: i64,
    room: &mut Room,
    into: &mut Vec<Entity>,
) -> Result<Option<i64>> {
    let mut statement =
        tx.prepare_cached("SELECT id FROM entities WHERE id > ?1 AND valid_to_ms IS NULL ORDER BY id")?;
    let mut rows = statement.query([after])?;
    let mut last = after;
    while let Some(row) = rows.next()? {
        if !room.is_left() {
            return Ok(Some(last));
        }
        last = row.get(0)?;
        if let Some(entity) = read::entity(tx, last)? {
            room.take(entity.weight());
            into.push(entity);
        }
    }
    Ok(None)
}

/// Answers the last id when the room ended before the relations did.
fn read_relations(
    tx: &ReadTx<'_>,
    after: i64,
    room: &mut Room,
    into: &mut Vec<Relation>,
) -> Result<Option<i64>> {
    let mut statement = tx.prepare_cached(
        "SELECT source, target, relation_type, id FROM relations WHERE id > ?1 AND valid_to_ms IS NULL ORDER BY id",
    )?;
    let mut rows = statement.query([after])?;
    let mut last = after;
    while let Some(row) = rows.next()? {
        if !room.is_left() {
            return Ok(Some(last));
        }
        last = row.get(3)?;
        let relation = read::relation(row)?;
        room.take(relation.weight());
        into.push(relation);
    }
    Ok(None)
}
