//! What mirrors have yet to be told, written in the transaction of the change itself.
//!
//! A row is a line as the change left it, so telling it twice does no harm, and telling the last row of a slot tells all.

use rusqlite::OptionalExtension;
use serde::Serialize;
use unforget_sqlite::WriteTx;

use crate::{Entity, Error, Relation, Result, graph};

/// The topic of the entity graph.
pub(crate) const GRAPH: &str = "graph";

/// So many rows are kept at most for mirrors that do not come for them: one that finds some missing reads the whole
/// graph. A call makes up to [`ITEM_LIMIT`](crate::ITEM_LIMIT) rows, which should not be among those.
const KEPT_ROWS: i64 = 16 << 10;

/// So many bytes of lines are kept at most, besides the last line.
const KEPT_BYTES: i64 = 64 << 20;

/// Once in so many rows the oldest ones go that are too many.
const TRIMMED_ROWS: i64 = 256;

/// A place in the outbox: the number of a row. Later rows have larger ones, also when earlier ones are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position(pub(crate) i64);

/// A line of the official server's file, with its key order.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Line<'a> {
    Entity(&'a Entity),
    Relation(&'a Relation),
}

impl Line<'_> {
    pub(crate) fn to_json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|error| Error::Invalid {
            field: "line",
            problem: format!("cannot be written as JSON: {error}"),
        })
    }
}

/// Whether anybody wants to be told about a topic.
pub(crate) fn is_mirrored(tx: &WriteTx<'_>, topic: &str) -> Result<bool> {
    Ok(tx.prepare_cached("SELECT 1 FROM mirrors WHERE topic = ?1")?.exists([topic])?)
}

/// Tells what the line of an entity is now.
pub(crate) fn put_entity(tx: &WriteTx<'_>, id: i64) -> Result<Position> {
    let line = graph::read::entity(tx, id)?.map(|entity| Line::Entity(&entity).to_json()).transpose()?;
    put(tx, 2 * id, line)
}

/// Tells what the line of a relation is now.
pub(crate) fn put_relation(tx: &WriteTx<'_>, id: i64) -> Result<Position> {
    let relation =
        "SELECT source, target, relation_type FROM relations WHERE id = ?1 AND valid_to_ms IS NULL";
    let relation = tx.query_row(relation, [id], graph::read::relation).optional()?;
    let line = relation.map(|relation| Line::Relation(&relation).to_json()).transpose()?;
    put(tx, 2 * id + 1, line)
}

fn put(tx: &WriteTx<'_>, slot: i64, line: Option<String>) -> Result<Position> {
    tx.execute("INSERT INTO outbox(topic, slot, line) VALUES (?1, ?2, ?3)", (GRAPH, slot, line))?;
    let last = tx.last_insert_rowid();
    if last % TRIMMED_ROWS == 0 {
        trim(tx, last)?;
    }
    Ok(Position(last))
}

/// A mirror that was used once would have the outbox grow for ever.
fn trim(tx: &WriteTx<'_>, last: i64) -> Result<()> {
    let too_many = "DELETE FROM outbox WHERE seq <= ?1";
    tx.execute(too_many, [last - KEPT_ROWS])?;
    let too_large = "DELETE FROM outbox WHERE seq < ?1 AND seq <= (
        SELECT seq FROM (SELECT seq, sum(octet_length(line)) OVER (ORDER BY seq DESC) AS held FROM outbox)
        WHERE held > ?2 ORDER BY seq DESC LIMIT 1)";
    tx.execute(too_large, [last, KEPT_BYTES])?;
    Ok(())
}
