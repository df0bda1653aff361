//! Reading the graph as it stands at one moment.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use rusqlite::{OptionalExtension, Row};
use unforget_sqlite::ReadTx;

use super::knowledge::{Entity, KnowledgeGraph, Relation};
use crate::Result;

/// Above one entity in this many, going through all costs less than looking up each.
const DENSE: i64 = 8;

const RELATIONS: &str =
    "SELECT source, target, relation_type FROM relations WHERE valid_to_ms IS NULL ORDER BY id";

/// Everything.
pub(super) fn all(tx: &ReadTx<'_>) -> Result<KnowledgeGraph> {
    let entities = entities_where(tx, |_| true)?;
    let relations = tx.prepare_cached(RELATIONS)?.query_map([], relation)?.collect::<Result<_, _>>()?;
    Ok(KnowledgeGraph { entities, relations })
}

/// The entities that have one of these names, with the relations of either end.
pub(super) fn named(tx: &ReadTx<'_>, names: &[String]) -> Result<KnowledgeGraph> {
    let mut statement =
        tx.prepare_cached("SELECT id FROM entities WHERE name = ?1 AND valid_to_ms IS NULL")?;
    let mut ids = BTreeSet::new();
    for name in names {
        ids.extend(statement.query_row([name], |row| row.get::<_, i64>(0)).optional()?);
    }
    around(tx, &ids)
}

/// The entities of these ids, in the order of their creation, with the relations of either end.
pub(super) fn around(tx: &ReadTx<'_>, ids: &BTreeSet<i64>) -> Result<KnowledgeGraph> {
    if is_dense(tx, ids)? {
        let entities = entities_where(tx, |id| ids.contains(&id))?;
        return with_relations(tx, entities);
    }
    around_ranked(tx, ids.iter().copied())
}

/// The entities of these ids in that order, with the relations of either end.
pub(super) fn around_ranked(tx: &ReadTx<'_>, ids: impl Iterator<Item = i64>) -> Result<KnowledgeGraph> {
    let entities: Vec<Entity> = ids.filter_map(|id| entity(tx, id).transpose()).collect::<Result<_>>()?;
    let relations = relations_of(tx, &entities)?;
    Ok(KnowledgeGraph { entities, relations })
}

/// Every entity, with the relations that lead to one.
pub(super) fn everything_connected(tx: &ReadTx<'_>) -> Result<KnowledgeGraph> {
    let entities = entities_where(tx, |_| true)?;
    with_relations(tx, entities)
}

/// One entity with its observations, if it stands in the graph.
pub(crate) fn entity(tx: &ReadTx<'_>, id: i64) -> Result<Option<Entity>> {
    let found = "SELECT name, entity_type FROM entities WHERE id = ?1 AND valid_to_ms IS NULL";
    let found = tx.query_row(found, [id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((name, entity_type)) = found else { return Ok(None) };
    let observations =
        "SELECT content FROM observations WHERE entity = ?1 AND valid_to_ms IS NULL ORDER BY id";
    let mut statement = tx.prepare_cached(observations)?;
    let observations = statement.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(Some(Entity { name, entity_type, observations }))
}

pub(crate) fn relation(row: &Row<'_>) -> rusqlite::Result<Relation> {
    Ok(Relation { from: row.get(0)?, to: row.get(1)?, relation_type: row.get(2)? })
}

fn is_dense(tx: &ReadTx<'_>, ids: &BTreeSet<i64>) -> Result<bool> {
    let last: Option<i64> = tx.query_row("SELECT max(id) FROM entities", [], |row| row.get(0))?;
    Ok(i64::try_from(ids.len()).unwrap_or(i64::MAX).saturating_mul(DENSE) > last.unwrap_or(0))
}

/// Goes through all entities, and then once through all observations instead of asking for those of each.
fn entities_where(tx: &ReadTx<'_>, wanted: impl Fn(i64) -> bool) -> Result<Vec<Entity>> {
    let mut ids: Vec<i64> = Vec::new();
    let mut entities = Vec::new();
    let mut statement = tx
        .prepare_cached("SELECT id, name, entity_type FROM entities WHERE valid_to_ms IS NULL ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        if wanted(id) {
            ids.push(id);
            entities.push(Entity { name: row.get(1)?, entity_type: row.get(2)?, observations: Vec::new() });
        }
    }
    let mut statement =
        tx.prepare_cached("SELECT entity, content FROM observations WHERE valid_to_ms IS NULL ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if let Ok(place) = ids.binary_search(&row.get(0)?) {
            entities[place].observations.push(row.get(1)?);
        }
    }
    Ok(entities)
}

/// Goes through all relations.
fn with_relations(tx: &ReadTx<'_>, entities: Vec<Entity>) -> Result<KnowledgeGraph> {
    let names: HashSet<&str> = entities.iter().map(|entity| entity.name.as_str()).collect();
    let mut relations = Vec::new();
    for found in tx.prepare_cached(RELATIONS)?.query_map([], relation)? {
        let found = found?;
        if names.contains(found.from.as_str()) || names.contains(found.to.as_str()) {
            relations.push(found);
        }
    }
    Ok(KnowledgeGraph { entities, relations })
}

/// Looks up the relations of each entity.
fn relations_of(tx: &ReadTx<'_>, entities: &[Entity]) -> Result<Vec<Relation>> {
    let mut relations = BTreeMap::new();
    for end in [
        "SELECT source, target, relation_type, id FROM relations WHERE source = ?1 AND valid_to_ms IS NULL",
        "SELECT source, target, relation_type, id FROM relations WHERE target = ?1 AND valid_to_ms IS NULL",
    ] {
        let mut statement = tx.prepare_cached(end)?;
        for entity in entities {
            let mut rows = statement.query([&entity.name])?;
            while let Some(row) = rows.next()? {
                relations.insert(row.get::<_, i64>(3)?, relation(row)?);
            }
        }
    }
    Ok(relations.into_values().collect())
}
