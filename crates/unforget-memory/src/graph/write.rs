//! The six changes, each one transaction.

use std::collections::HashMap;

use super::Graph;
use super::change::Change;
use super::knowledge::{
    AddedObservations, Deleted, Entity, NewObservations, ObservationsToDelete, Relation, check_count,
    check_name,
};
use crate::Result;

impl Graph {
    pub(super) fn create_entities_in(&self, entities: Vec<Entity>) -> Result<Vec<Entity>> {
        check_count("entities", &entities)?;
        entities.iter().try_for_each(Entity::check)?;
        let bytes = entities.iter().map(Entity::weight).sum();
        self.change(bytes, move |change| {
            let mut new = Vec::new();
            for entity in &entities {
                if change.add_entity(entity)?.is_some() {
                    new.push(entity.clone());
                }
            }
            Ok(new)
        })
    }

    pub(super) fn create_relations_in(&self, relations: Vec<Relation>) -> Result<Vec<Relation>> {
        check_relations(&relations)?;
        let bytes = relations.iter().map(Relation::weight).sum();
        self.change(bytes, move |change| {
            let mut new = Vec::new();
            for relation in &relations {
                change.expect_entity(&relation.from)?;
                change.expect_entity(&relation.to)?;
                if change.add_relation(relation)? {
                    new.push(relation.clone());
                }
            }
            Ok(new)
        })
    }

    pub(super) fn add_observations_in(
        &self,
        observations: Vec<NewObservations>,
    ) -> Result<Vec<AddedObservations>> {
        check_count("observations", &observations)?;
        observations.iter().try_for_each(NewObservations::check)?;
        let bytes = observations.iter().map(NewObservations::weight).sum();
        self.change(bytes, move |change| observations.iter().map(|more| add(change, more)).collect())
    }

    pub(super) fn delete_entities_in(&self, names: Vec<String>) -> Result<Deleted> {
        check_count("entityNames", &names)?;
        names.iter().try_for_each(|name| check_name("entityNames", name))?;
        let bytes = names.iter().map(String::len).sum();
        self.change(bytes, move |change| delete_entities(change, &names))
    }

    pub(super) fn delete_observations_in(&self, deletions: Vec<ObservationsToDelete>) -> Result<Deleted> {
        check_count("deletions", &deletions)?;
        deletions.iter().try_for_each(ObservationsToDelete::check)?;
        let bytes = deletions.iter().map(ObservationsToDelete::weight).sum();
        self.change(bytes, move |change| {
            let mut outcome = Deleted::default();
            for deletion in &deletions {
                outcome.asked += deletion.observations.len();
                let Some(entity) = change.find_entity(&deletion.entity_name)? else {
                    outcome.missing.push(deletion.entity_name.clone());
                    continue;
                };
                for content in &deletion.observations {
                    outcome.deleted += change.close_observations(entity, content)?;
                }
            }
            Ok(outcome)
        })
    }

    pub(super) fn delete_relations_in(&self, relations: Vec<Relation>) -> Result<Deleted> {
        check_relations(&relations)?;
        let bytes = relations.iter().map(Relation::weight).sum();
        self.change(bytes, move |change| {
            let mut outcome = Deleted { asked: relations.len(), ..Deleted::default() };
            for relation in &relations {
                if let Some(id) = change.find_relation(relation)? {
                    change.close_relation(id)?;
                    outcome.deleted += 1;
                }
            }
            Ok(outcome)
        })
    }
}

fn check_relations(relations: &[Relation]) -> Result<()> {
    check_count("relations", relations)?;
    relations.iter().try_for_each(Relation::check)
}

fn add(change: &mut Change<'_, '_>, more: &NewObservations) -> Result<AddedObservations> {
    let entity = change.expect_entity(&more.entity_name)?;
    let mut added_observations = Vec::new();
    for content in &more.contents {
        if change.add_observation(entity, content)? {
            added_observations.push(content.clone());
        }
    }
    Ok(AddedObservations { entity_name: more.entity_name.clone(), added_observations })
}

/// A name that is given twice is deleted once and counted twice, as the official server does. Relations go with a
/// name whether or not an entity has it: an imported file may hold some that lead nowhere.
fn delete_entities(change: &mut Change<'_, '_>, names: &[String]) -> Result<Deleted> {
    let mut outcome = Deleted { asked: names.len(), ..Deleted::default() };
    let mut seen = HashMap::new();
    for name in names {
        let existed = if let Some(existed) = seen.get(name) {
            *existed
        } else {
            let entity = change.find_entity(name)?;
            entity.map(|id| change.close_entity(id)).transpose()?;
            change.close_relations_of(name)?;
            seen.insert(name, entity.is_some());
            entity.is_some()
        };
        if existed {
            outcome.deleted += 1;
        } else {
            outcome.missing.push(name.clone());
        }
    }
    Ok(outcome)
}
