//! One change of the graph while its transaction is open.

use std::collections::BTreeSet;

use rusqlite::OptionalExtension;
use sha2::{Digest, Sha256};
use unforget_sqlite::WriteTx;

use super::index;
use super::knowledge::{Entity, Relation};
use crate::outbox::{self, Position};
use crate::{Error, Result, turn_id};

/// What a change does row by row. It notes whose lines changed, for the mirrors, and [`finish`](Self::finish) tells
/// them in the same transaction.
pub(crate) struct Change<'tx, 'conn> {
    pub(crate) tx: &'tx WriteTx<'conn>,
    now_ms: i64,
    mirrored: bool,
    changed: bool,
    entities: BTreeSet<i64>,
    relations: BTreeSet<i64>,
}

impl<'tx, 'conn> Change<'tx, 'conn> {
    pub(crate) fn begin(tx: &'tx WriteTx<'conn>) -> Result<Self> {
        Ok(Self {
            tx,
            now_ms: i64::try_from(turn_id::now_ms()).unwrap_or(i64::MAX),
            mirrored: outbox::is_mirrored(tx, outbox::GRAPH)?,
            changed: false,
            entities: BTreeSet::new(),
            relations: BTreeSet::new(),
        })
    }

    /// Ends the change: counts it, and leaves its lines for the mirrors, at the position that is answered.
    pub(crate) fn finish(self) -> Result<Option<Position>> {
        if self.changed {
            self.tx.execute("UPDATE meta SET value = value + 1 WHERE key = 'graph_revision'", [])?;
        }
        let mut last = None;
        for id in self.entities {
            last = Some(outbox::put_entity(self.tx, id)?);
        }
        for id in self.relations {
            last = Some(outbox::put_relation(self.tx, id)?);
        }
        Ok(last)
    }

    /// The entity that has a name now.
    pub(crate) fn find_entity(&self, name: &str) -> Result<Option<i64>> {
        let found = "SELECT id FROM entities WHERE name = ?1 AND valid_to_ms IS NULL";
        Ok(self.tx.query_row(found, [name], |row| row.get(0)).optional()?)
    }

    pub(crate) fn expect_entity(&self, name: &str) -> Result<i64> {
        self.find_entity(name)?.ok_or_else(|| Error::EntityNotFound { name: name.to_owned() })
    }

    /// Adds an entity with its observations as they are; answers its id, or `None` if the name is taken.
    pub(crate) fn add_entity(&mut self, entity: &Entity) -> Result<Option<i64>> {
        let insert = "INSERT INTO entities(name, entity_type, valid_from_ms) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        if self.tx.execute(insert, (&entity.name, &entity.entity_type, self.now_ms))? == 0 {
            return Ok(None);
        }
        let id = self.tx.last_insert_rowid();
        index::pend_entity(self.tx, id)?;
        self.touch_entity(id);
        for content in &entity.observations {
            self.insert_observation(id, content, digest(content))?;
        }
        Ok(Some(id))
    }

    /// Adds an observation to an entity; answers false if it has it already.
    pub(crate) fn add_observation(&mut self, entity: i64, content: &str) -> Result<bool> {
        if self.has_observation(entity, content)? {
            return Ok(false);
        }
        self.insert_observation(entity, content, digest(content))?;
        self.touch_entity(entity);
        Ok(true)
    }

    pub(crate) fn has_observation(&self, entity: i64, content: &str) -> Result<bool> {
        let held = "SELECT 1 FROM observations
            WHERE entity = ?1 AND digest = ?2 AND content = ?3 AND valid_to_ms IS NULL";
        Ok(self.tx.prepare_cached(held)?.exists((entity, digest(content), content))?)
    }

    fn insert_observation(&self, entity: i64, content: &str, digest: i64) -> Result<()> {
        let insert =
            "INSERT INTO observations(entity, digest, content, valid_from_ms) VALUES (?1, ?2, ?3, ?4)";
        self.tx.execute(insert, (entity, digest, content, self.now_ms))?;
        Ok(index::pend_observation(self.tx, self.tx.last_insert_rowid())?)
    }

    /// Adds a relation, whether or not its ends exist; answers false if there is one like it.
    pub(crate) fn add_relation(&mut self, relation: &Relation) -> Result<bool> {
        let insert =
            "INSERT INTO relations(source, target, relation_type, valid_from_ms) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT DO NOTHING";
        let values = (&relation.from, &relation.to, &relation.relation_type, self.now_ms);
        if self.tx.execute(insert, values)? == 0 {
            return Ok(false);
        }
        let id = self.tx.last_insert_rowid();
        self.touch_relation(id);
        Ok(true)
    }

    /// Ends an entity and what was observed of it.
    pub(crate) fn close_entity(&mut self, id: i64) -> Result<()> {
        self.close("entities", id)?;
        index::pend_entity(self.tx, id)?;
        for observation in
            self.ids("SELECT id FROM observations WHERE entity = ?1 AND valid_to_ms IS NULL", [id])?
        {
            self.close_observation(observation)?;
        }
        self.touch_entity(id);
        Ok(())
    }

    /// Ends what an entity has of an observation; answers how often it had it.
    pub(crate) fn close_observations(&mut self, entity: i64, content: &str) -> Result<usize> {
        let held = "SELECT id FROM observations
            WHERE entity = ?1 AND digest = ?2 AND content = ?3 AND valid_to_ms IS NULL";
        let held = self.ids(held, (entity, digest(content), content))?;
        for observation in &held {
            self.close_observation(*observation)?;
            self.touch_entity(entity);
        }
        Ok(held.len())
    }

    fn close_observation(&self, id: i64) -> Result<()> {
        self.close("observations", id)?;
        Ok(index::pend_observation(self.tx, id)?)
    }

    /// Ends the relations that start or end at a name.
    pub(crate) fn close_relations_of(&mut self, name: &str) -> Result<()> {
        for end in ["source", "target"] {
            let ids = self
                .ids(&format!("SELECT id FROM relations WHERE {end} = ?1 AND valid_to_ms IS NULL"), [name])?;
            ids.into_iter().try_for_each(|id| self.close_relation(id))?;
        }
        Ok(())
    }

    /// The relation that is like another.
    pub(crate) fn find_relation(&self, relation: &Relation) -> Result<Option<i64>> {
        let found = "SELECT id FROM relations
            WHERE source = ?1 AND target = ?2 AND relation_type = ?3 AND valid_to_ms IS NULL";
        let values = (&relation.from, &relation.to, &relation.relation_type);
        Ok(self.tx.query_row(found, values, |row| row.get(0)).optional()?)
    }

    /// Ends a relation.
    pub(crate) fn close_relation(&mut self, id: i64) -> Result<()> {
        self.close("relations", id)?;
        self.touch_relation(id);
        Ok(())
    }

    /// A clock that was put back must not end what has not begun.
    fn close(&self, table: &str, id: i64) -> Result<()> {
        let close = format!("UPDATE {table} SET valid_to_ms = max(valid_from_ms, ?2) WHERE id = ?1");
        self.tx.execute(&close, (id, self.now_ms))?;
        Ok(())
    }

    fn ids(&self, sql: &str, values: impl rusqlite::Params) -> Result<Vec<i64>> {
        let mut statement = self.tx.prepare_cached(sql)?;
        let ids = statement.query_map(values, |row| row.get(0))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    fn touch_entity(&mut self, id: i64) {
        self.changed = true;
        if self.mirrored {
            self.entities.insert(id);
        }
    }

    fn touch_relation(&mut self, id: i64) {
        self.changed = true;
        if self.mirrored {
            self.relations.insert(id);
        }
    }
}

/// By which an observation is looked for among those of its entity.
fn digest(content: &str) -> i64 {
    let hash = Sha256::digest(content.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash[..8]);
    i64::from_be_bytes(first)
}
