//! What the graph holds and what its changes are made of, in the shapes of the official memory server's JSON.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The largest name of an entity, type of an entity and type of a relation, in bytes.
pub const GRAPH_NAME_LIMIT: usize = 4 << 10;

/// The largest observation, in bytes.
pub const OBSERVATION_LIMIT: usize = 1 << 20;

/// How many items a list in one call may have.
pub const ITEM_LIMIT: usize = 10_000;

/// Something the graph knows about: a name, what kind of thing it is, and what was observed of it.
///
/// ```
/// use unforget_memory::Entity;
///
/// let glider = Entity::new("glider", "aircraft").observed("It is in the north hangar.");
/// assert_eq!(serde_json::to_value(&glider).unwrap()["entityType"], "aircraft");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entity {
    /// Its name, by which there is one at a time.
    pub name: String,
    /// What kind of thing it is.
    pub entity_type: String,
    /// What was observed of it, oldest first.
    pub observations: Vec<String>,
}

impl Entity {
    /// An entity of which nothing was observed yet.
    pub fn new(name: impl Into<String>, entity_type: impl Into<String>) -> Self {
        Self { name: name.into(), entity_type: entity_type.into(), observations: Vec::new() }
    }

    /// Adds an observation.
    #[must_use]
    pub fn observed(mut self, content: impl Into<String>) -> Self {
        self.observations.push(content.into());
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        check_name("name", &self.name)?;
        check_name("entityType", &self.entity_type)?;
        check_observations("observations", &self.observations)
    }

    pub(super) fn weight(&self) -> usize {
        self.name.len() + self.entity_type.len() + weigh(&self.observations)
    }
}

/// How one entity stands to another, in active voice; both are named.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Relation {
    /// The name of the entity where it starts.
    pub from: String,
    /// The name of the entity where it ends.
    pub to: String,
    /// What it says.
    pub relation_type: String,
}

impl Relation {
    /// A relation between two entities.
    pub fn new(from: impl Into<String>, relation_type: impl Into<String>, to: impl Into<String>) -> Self {
        Self { from: from.into(), to: to.into(), relation_type: relation_type.into() }
    }

    pub(super) fn check(&self) -> Result<()> {
        check_name("from", &self.from)?;
        check_name("to", &self.to)?;
        check_name("relationType", &self.relation_type)
    }

    pub(super) fn weight(&self) -> usize {
        self.from.len() + self.to.len() + self.relation_type.len()
    }
}

/// Entities and relations as they stood at one moment, each in the order they were created in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnowledgeGraph {
    /// The entities.
    pub entities: Vec<Entity>,
    /// The relations.
    pub relations: Vec<Relation>,
}

/// What is to be added to what was observed of an entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewObservations {
    /// The name of the entity.
    pub entity_name: String,
    /// What was observed.
    pub contents: Vec<String>,
}

impl NewObservations {
    pub(super) fn check(&self) -> Result<()> {
        check_name("entityName", &self.entity_name)?;
        check_observations("contents", &self.contents)
    }

    pub(super) fn weight(&self) -> usize {
        self.entity_name.len() + weigh(&self.contents)
    }
}

/// What was new among the observations of an entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddedObservations {
    /// The name of the entity.
    pub entity_name: String,
    /// Those it did not have.
    pub added_observations: Vec<String>,
}

/// What is no longer to stand among the observations of an entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObservationsToDelete {
    /// The name of the entity.
    pub entity_name: String,
    /// The observations, as they were added.
    pub observations: Vec<String>,
}

impl ObservationsToDelete {
    pub(super) fn check(&self) -> Result<()> {
        check_name("entityName", &self.entity_name)?;
        check_observations("observations", &self.observations)
    }

    pub(super) fn weight(&self) -> usize {
        self.entity_name.len() + weigh(&self.observations)
    }
}

/// What became of a deletion; what is not there is not an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deleted {
    /// How many were named.
    pub asked: usize,
    /// How many there were: of entities as often as they were named, of observations and relations each once.
    pub deleted: usize,
    /// The names that no entity has, in the order they were asked for; always empty for relations.
    pub missing: Vec<String>,
}

pub(super) fn check_name(field: &'static str, name: &str) -> Result<()> {
    check_size(field, name, GRAPH_NAME_LIMIT)
}

pub(super) fn check_count<T>(field: &'static str, items: &[T]) -> Result<()> {
    if items.len() > ITEM_LIMIT {
        return Err(Error::TooMany { field, items: items.len(), limit: ITEM_LIMIT });
    }
    Ok(())
}

fn check_observations(field: &'static str, contents: &[String]) -> Result<()> {
    check_count(field, contents)?;
    contents.iter().try_for_each(|content| check_size(field, content, OBSERVATION_LIMIT))
}

pub(super) fn check_size(field: &'static str, text: &str, limit: usize) -> Result<()> {
    if text.len() > limit {
        return Err(Error::TooLarge { field, bytes: text.len(), limit });
    }
    Ok(())
}

fn weigh(texts: &[String]) -> usize {
    texts.iter().map(String::len).sum()
}
