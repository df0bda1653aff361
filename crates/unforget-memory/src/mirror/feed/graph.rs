//! The entity graph as what a mirror is fed from.

use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::OptionalExtension;
use unforget_sqlite::{Database, ReadTx};

use super::{Change, Changes, Feed, Item, Merged, Snapshot};
use crate::graph::{Graph, GraphChange};
use crate::outbox::{self, Line};
use crate::{Entity, Error, Relation, Result, turn_id};

/// How many bytes of lines are taken at once.
const BYTES: usize = 8 << 20;

/// So many rows of the outbox go at once: each time is a transaction that somebody waits for.
const PRUNED_ROWS: u64 = 1024;

/// The graph in a database, as one mirror sees it.
#[derive(Debug)]
pub(crate) struct GraphFeed {
    db: Database,
    /// The name of the mirror.
    mirror: String,
    /// Rows up to this one are gone, or were not worth a transaction.
    pruned: AtomicU64,
}

impl GraphFeed {
    /// Has the changes of the graph kept for a mirror of that name from now on.
    pub(crate) fn register(db: &Database, mirror: &str) -> Result<Self> {
        let known = "SELECT 1 FROM mirrors WHERE name = ?1";
        if !db.read(|tx| -> Result<_> { Ok(tx.prepare_cached(known)?.exists([mirror])?) })? {
            let name = mirror.to_owned();
            db.write(move |tx| -> Result<()> {
                let add = "INSERT OR IGNORE INTO mirrors(name, topic, durable_seq) VALUES (?1, ?2, ?3)";
                tx.execute(add, (&name, outbox::GRAPH, last_seq(tx)?))?;
                Ok(())
            })?;
        }
        let pruned = "SELECT coalesce(min(seq), 1) - 1 FROM outbox";
        let pruned = db.read(|tx| -> Result<_> { Ok(tx.query_row(pruned, [], |row| row.get(0))?) })?;
        Ok(Self { db: db.clone(), mirror: mirror.to_owned(), pruned: AtomicU64::new(pruned) })
    }

    /// The number of the last change.
    pub(crate) fn last(&self) -> Result<u64> {
        self.db.read(last_seq)
    }
}

impl Feed for GraphFeed {
    fn changes(&self, after: u64, limit: usize) -> Result<Changes> {
        self.db.read(|tx| {
            let rows = "SELECT seq, mark, slot, line FROM outbox WHERE seq > ?1 ORDER BY seq LIMIT ?2";
            let mut statement = tx.prepare_cached(rows)?;
            let mut found = statement.query((after, limit))?;
            let mut changes = Changes { rows: Vec::new(), last: last_seq(tx)?, mark: mark_of(tx, after)? };
            let mut bytes = 0;
            while let Some(row) = found.next()?.filter(|_| bytes < BYTES) {
                let change =
                    Change { seq: row.get(0)?, mark: row.get(1)?, slot: row.get(2)?, line: row.get(3)? };
                bytes += change.line.as_ref().map_or(0, String::len);
                changes.rows.push(change);
            }
            Ok(changes)
        })
    }

    fn snapshot(&self) -> Result<Snapshot> {
        self.db.read(|tx| {
            let mut lines = Vec::new();
            entity_lines(tx, &mut lines)?;
            relation_lines(tx, &mut lines)?;
            let seq = last_seq(tx)?;
            Ok(Snapshot { seq, mark: mark_of(tx, seq)?, lines })
        })
    }

    fn merge(&self, items: Vec<Item>, deleted_since_ms: u64, shown_ms: u64) -> Result<Merged> {
        // A graph of its own: a merge is part of a drain, and does not wait for one.
        let moments = Moments { since: deleted_since_ms, shown: shown_ms };
        Graph::unmirrored(&self.db).change(0, move |change| {
            let mut merged = Merged::default();
            for item in &items {
                match item {
                    Item::Entity(entity) => merge_entity(change, entity, moments, &mut merged)?,
                    Item::Relation(relation) => merge_relation(change, relation, moments, &mut merged)?,
                }
            }
            Ok(merged)
        })
    }

    fn durable(&self, seq: u64) -> Result<()> {
        if seq < self.pruned.load(Ordering::Relaxed).saturating_add(PRUNED_ROWS) {
            return Ok(());
        }
        let name = self.mirror.clone();
        self.db.write(move |tx| -> Result<()> {
            tx.execute(
                "UPDATE mirrors SET durable_seq = max(durable_seq, ?2) WHERE name = ?1",
                (&name, seq),
            )?;
            // The last one stays: by its mark the next drain knows that the database was not set back.
            tx.execute("DELETE FROM outbox WHERE seq < (SELECT min(durable_seq) FROM mirrors)", [])?;
            Ok(())
        })?;
        self.pruned.store(seq, Ordering::Relaxed);
        Ok(())
    }

    fn now_ms(&self) -> u64 {
        turn_id::now_ms()
    }
}

/// The number of the last row that there ever was.
fn last_seq(tx: &ReadTx<'_>) -> Result<u64> {
    let last = "SELECT seq FROM sqlite_sequence WHERE name = 'outbox'";
    Ok(tx.prepare_cached(last)?.query_row([], |row| row.get(0)).optional()?.unwrap_or(0))
}

/// The mark of a row; 0 if it is not there.
fn mark_of(tx: &ReadTx<'_>, seq: u64) -> Result<i64> {
    let mark = "SELECT mark FROM outbox WHERE seq = ?1";
    Ok(tx.prepare_cached(mark)?.query_row([seq], |row| row.get(0)).optional()?.unwrap_or(0))
}

/// One pass over all entities, each with its observations after it.
fn entity_lines(tx: &ReadTx<'_>, lines: &mut Vec<(u64, String)>) -> Result<()> {
    let all = "SELECT e.id, e.name, e.entity_type, o.content FROM entities AS e
        LEFT JOIN observations AS o ON o.entity = e.id AND o.valid_to_ms IS NULL
        WHERE e.valid_to_ms IS NULL ORDER BY e.id, o.id";
    let mut statement = tx.prepare_cached(all)?;
    let mut rows = statement.query([])?;
    let mut current: Option<(u64, Entity)> = None;
    while let Some(row) = rows.next()? {
        let id: u64 = row.get(0)?;
        if current.as_ref().is_none_or(|(of, _)| *of != id) {
            let next = (id, Entity::new(row.get::<_, String>(1)?, row.get::<_, String>(2)?));
            if let Some((id, entity)) = current.replace(next) {
                lines.push((2 * id, Line::Entity(&entity).to_json()?));
            }
        }
        if let (Some((_, entity)), Some(content)) = (&mut current, row.get(3)?) {
            entity.observations.push(content);
        }
    }
    if let Some((id, entity)) = current {
        lines.push((2 * id, Line::Entity(&entity).to_json()?));
    }
    Ok(())
}

fn relation_lines(tx: &ReadTx<'_>, lines: &mut Vec<(u64, String)>) -> Result<()> {
    let all = "SELECT id, source, target, relation_type FROM relations WHERE valid_to_ms IS NULL ORDER BY id";
    let mut statement = tx.prepare_cached(all)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let relation = Relation { from: row.get(1)?, to: row.get(2)?, relation_type: row.get(3)? };
        lines.push((2 * row.get::<_, u64>(0)? + 1, Line::Relation(&relation).to_json()?));
    }
    Ok(())
}

/// What was deleted since `since` is not taken back; that is worth telling if it was deleted by `shown`.
#[derive(Debug, Clone, Copy)]
struct Moments {
    since: u64,
    shown: u64,
}

impl Moments {
    /// Whether something that ended last at this moment stays deleted.
    fn stays(self, ended_ms: Option<u64>, merged: &mut Merged) -> bool {
        let stays = ended_ms.is_some_and(|ended| ended >= self.since);
        merged.stay_deleted += usize::from(stays && ended_ms.is_some_and(|ended| ended <= self.shown));
        stays
    }
}

fn merge_entity(
    change: &mut GraphChange<'_, '_>,
    entity: &Entity,
    moments: Moments,
    merged: &mut Merged,
) -> Result<()> {
    let Some(id) = change.find_entity(&entity.name)? else {
        return merge_missing(change, entity, moments, merged);
    };
    let same_type = "SELECT 1 FROM entities WHERE id = ?1 AND entity_type = ?2";
    let same_type = change.tx.prepare_cached(same_type)?.exists((id, &entity.entity_type))?;
    merged.other_types += usize::from(!same_type);
    for content in &entity.observations {
        if change.has_observation(id, content)? {
            continue;
        }
        let ended = observation_ended(change, &entity.name, content)?;
        if !moments.stays(ended, merged) {
            merged.observations += usize::from(change.add_observation(id, content)?);
        }
    }
    Ok(())
}

/// An entity that was deleted comes back if there is anything new about it: somebody worked with it.
fn merge_missing(
    change: &mut GraphChange<'_, '_>,
    entity: &Entity,
    moments: Moments,
    merged: &mut Merged,
) -> Result<()> {
    let ended = "SELECT max(valid_to_ms) FROM entities WHERE name = ?1 AND valid_to_ms IS NOT NULL";
    let ended = change.tx.prepare_cached(ended)?.query_row([&entity.name], |row| row.get(0))?;
    let mut is_known = true;
    for content in &entity.observations {
        is_known &= observation_ended(change, &entity.name, content)?.is_some();
    }
    if is_known && moments.stays(ended, merged) {
        return Ok(());
    }
    if change.add_entity(entity)?.is_none() {
        return Err(Error::Invalid { field: "name", problem: format!("{} is taken", entity.name) });
    }
    merged.entities += 1;
    merged.observations += entity.observations.len();
    Ok(())
}

fn observation_ended(change: &GraphChange<'_, '_>, name: &str, content: &str) -> Result<Option<u64>> {
    let ended = "SELECT max(o.valid_to_ms) FROM entities AS e JOIN observations AS o ON o.entity = e.id
        WHERE e.name = ?1 AND o.content = ?2 AND o.valid_to_ms IS NOT NULL";
    Ok(change.tx.prepare_cached(ended)?.query_row((name, content), |row| row.get(0))?)
}

fn merge_relation(
    change: &mut GraphChange<'_, '_>,
    relation: &Relation,
    moments: Moments,
    merged: &mut Merged,
) -> Result<()> {
    if change.find_relation(relation)?.is_some() {
        return Ok(());
    }
    let ended = "SELECT max(valid_to_ms) FROM relations
        WHERE source = ?1 AND target = ?2 AND relation_type = ?3 AND valid_to_ms IS NOT NULL";
    let values = (&relation.from, &relation.to, &relation.relation_type);
    let ended = change.tx.prepare_cached(ended)?.query_row(values, |row| row.get(0))?;
    if !moments.stays(ended, merged) {
        merged.relations += usize::from(change.add_relation(relation)?);
    }
    Ok(())
}
