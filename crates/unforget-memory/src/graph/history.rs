//! What an entity was before.

use rusqlite::Row;
use serde::Serialize;
use unforget_sqlite::ReadTx;

use super::knowledge::Relation;
use super::read;
use crate::Result;

/// An entity from its creation to its deletion. One that was created again is another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PastEntity {
    /// What kind of thing it was.
    pub entity_type: String,
    /// All that was ever observed of it, oldest first.
    pub observations: Vec<PastObservation>,
    /// When it was created, in milliseconds since the Unix epoch.
    pub valid_from_ms: u64,
    /// When it was deleted; `None` if it stands.
    pub valid_to_ms: Option<u64>,
}

/// What was observed of an entity from one moment to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PastObservation {
    /// The observation.
    pub content: String,
    /// When it was added, in milliseconds since the Unix epoch.
    pub valid_from_ms: u64,
    /// When it was deleted, or its entity; `None` if it stands.
    pub valid_to_ms: Option<u64>,
}

/// A relation from its creation to its deletion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PastRelation {
    /// The relation.
    #[serde(flatten)]
    pub relation: Relation,
    /// When it was created, in milliseconds since the Unix epoch.
    pub valid_from_ms: u64,
    /// When it was deleted, or one of its ends; `None` if it stands.
    pub valid_to_ms: Option<u64>,
}

/// What stands and what has passed are asked for apart: each has its index.
const ENTITIES: &str = "
    SELECT id, entity_type, valid_from_ms, valid_to_ms FROM entities WHERE name = ?1 AND valid_to_ms IS NOT NULL
    UNION ALL
    SELECT id, entity_type, valid_from_ms, valid_to_ms FROM entities WHERE name = ?1 AND valid_to_ms IS NULL
    ORDER BY 1";

const OBSERVATIONS: &str = "
    SELECT id, content, valid_from_ms, valid_to_ms FROM observations WHERE entity = ?1 AND valid_to_ms IS NOT NULL
    UNION ALL
    SELECT id, content, valid_from_ms, valid_to_ms FROM observations WHERE entity = ?1 AND valid_to_ms IS NULL
    ORDER BY 1";

/// Each part answers a relation from a name to itself once; so does `UNION`.
const RELATIONS: &str = "
    SELECT source, target, relation_type, id, valid_from_ms, valid_to_ms
        FROM relations WHERE source = ?1 AND valid_to_ms IS NOT NULL
    UNION SELECT source, target, relation_type, id, valid_from_ms, valid_to_ms
        FROM relations WHERE target = ?1 AND valid_to_ms IS NOT NULL
    UNION SELECT source, target, relation_type, id, valid_from_ms, valid_to_ms
        FROM relations WHERE source = ?1 AND valid_to_ms IS NULL
    UNION SELECT source, target, relation_type, id, valid_from_ms, valid_to_ms
        FROM relations WHERE target = ?1 AND valid_to_ms IS NULL
    ORDER BY 4";

pub(super) fn entities(tx: &ReadTx<'_>, name: &str) -> Result<Vec<PastEntity>> {
    let mut statement = tx.prepare_cached(ENTITIES)?;
    let mut rows = statement.query([name])?;
    let mut entities = Vec::new();
    while let Some(row) = rows.next()? {
        entities.push(PastEntity {
            entity_type: row.get(1)?,
            observations: observations(tx, row.get(0)?)?,
            valid_from_ms: row.get(2)?,
            valid_to_ms: row.get(3)?,
        });
    }
    Ok(entities)
}

fn observations(tx: &ReadTx<'_>, entity: i64) -> Result<Vec<PastObservation>> {
    let read = |row: &Row<'_>| {
        Ok(PastObservation { content: row.get(1)?, valid_from_ms: row.get(2)?, valid_to_ms: row.get(3)? })
    };
    Ok(tx.prepare_cached(OBSERVATIONS)?.query_map([entity], read)?.collect::<Result<_, _>>()?)
}

pub(super) fn relations(tx: &ReadTx<'_>, name: &str) -> Result<Vec<PastRelation>> {
    let read = |row: &Row<'_>| {
        Ok(PastRelation {
            relation: read::relation(row)?,
            valid_from_ms: row.get(4)?,
            valid_to_ms: row.get(5)?,
        })
    };
    Ok(tx.prepare_cached(RELATIONS)?.query_map([name], read)?.collect::<Result<_, _>>()?)
}
