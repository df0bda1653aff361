//! Keeps the full-text indexes in step with the graph.
//!
//! What is indexed are pieces: an entity with its name and type, and each observation. A piece never changes; it begins
//! and ends. So its rows are written when it is there at the end of a batch that touched it, and removed when it is not.

use std::collections::BTreeSet;

use rusqlite::OptionalExtension;
use unforget_sqlite::{Pending, Result, WriteTx};

const ENTITY: &str = "entities";
const OBSERVATION: &str = "observations";

/// Has the indexes brought up to date for an entity that is new or gone.
pub(super) fn pend_entity(tx: &WriteTx<'_>, id: i64) -> Result<()> {
    tx.pend(Pending::new(ENTITY, id))
}

/// Has the indexes brought up to date for an observation that is new or gone.
pub(super) fn pend_observation(tx: &WriteTx<'_>, id: i64) -> Result<()> {
    tx.pend(Pending::new(OBSERVATION, id))
}

/// Writes the rows of the pieces that a batch marked, each once however often it was marked, and in their order: FTS5
/// writes out what it has gathered whenever a row comes that is not after the last.
pub(crate) fn write_pending(tx: &WriteTx<'_>, pending: &[Pending]) -> Result<()> {
    let pieces = pending.iter().filter_map(|pending| match pending.kind {
        ENTITY => Some(2 * pending.row),
        OBSERVATION => Some(2 * pending.row + 1),
        _ => None,
    });
    let pieces: BTreeSet<i64> = pieces.collect();
    for piece in pieces {
        if piece % 2 == 0 { write_entity(tx, piece)? } else { write_observation(tx, piece)? }
    }
    Ok(())
}

/// A piece that is there was marked when it began, so the indexes do not have it yet.
fn write_entity(tx: &WriteTx<'_>, piece: i64) -> Result<()> {
    let entity = "SELECT name, entity_type FROM entities WHERE id = ?1 AND valid_to_ms IS NULL";
    let entity: Option<(String, String)> =
        tx.query_row(entity, [piece / 2], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((name, kind)) = entity else { return remove(tx, piece) };
    let text = (piece, fold(&name), fold(&kind));
    tx.execute("INSERT INTO graph_text(rowid, name, type) VALUES (?1, ?2, ?3)", text)?;
    tx.execute("INSERT INTO graph_words(rowid, name, type) VALUES (?1, ?2, ?3)", (piece, name, kind))?;
    Ok(())
}

fn write_observation(tx: &WriteTx<'_>, piece: i64) -> Result<()> {
    let content = "SELECT content FROM observations WHERE id = ?1 AND valid_to_ms IS NULL";
    let content: Option<String> = tx.query_row(content, [piece / 2], |row| row.get(0)).optional()?;
    let Some(content) = content else { return remove(tx, piece) };
    tx.execute("INSERT INTO graph_text(rowid, observation) VALUES (?1, ?2)", (piece, fold(&content)))?;
    tx.execute("INSERT INTO graph_words(rowid, observation) VALUES (?1, ?2)", (piece, content))?;
    Ok(())
}

fn remove(tx: &WriteTx<'_>, piece: i64) -> Result<()> {
    tx.execute("DELETE FROM graph_text WHERE rowid = ?1", [piece])?;
    tx.execute("DELETE FROM graph_words WHERE rowid = ?1", [piece])?;
    Ok(())
}

/// A text as it is looked for: in small letters, and with one sign for those that FTS5 does not keep apart or ends at.
pub(super) fn fold(text: &str) -> String {
    let lowered = text.to_lowercase();
    if lowered.contains(is_blurred) { lowered.replace(is_blurred, "\u{fffd}") } else { lowered }
}

/// FTS5 ends a text at a zero, and reads the two last code points of the basic plane as the replacement character.
pub(super) fn is_blurred(c: char) -> bool {
    matches!(c, '\0' | '\u{fffd}'..='\u{ffff}')
}
