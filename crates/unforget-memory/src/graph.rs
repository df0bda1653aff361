//! The entity graph: what is known, by name.

use std::io::BufRead;
use std::sync::Arc;

use unforget_sqlite::Database;

use crate::mirror::Mirrors;
use crate::{Memories, Result};

mod change;
mod history;
mod import;
pub(crate) mod index;
mod knowledge;
mod page;
pub(crate) mod read;
mod search;
mod write;

pub(crate) use self::change::Change as GraphChange;
pub use self::history::{PastEntity, PastObservation, PastRelation};
pub use self::import::{Imported, LINE_LIMIT, Rejected};
pub(crate) use self::import::{Line as GraphLine, has_half_characters};
pub use self::knowledge::{
    AddedObservations, Deleted, Entity, GRAPH_NAME_LIMIT, ITEM_LIMIT, KnowledgeGraph, NewObservations,
    OBSERVATION_LIMIT, ObservationsToDelete, Relation,
};
pub use self::page::{GraphCursor, GraphPage, PAGE_BYTES};
pub use self::search::{QUERY_LIMIT, RANKED_LIMIT};

use self::change::Change;

/// Entities, what was observed of them, and how they stand to each other. Cheap to clone.
///
/// It behaves as the official memory server for the Model Context Protocol: names are compared letter by letter, there
/// is one entity of a name at a time, and every list is in the order in which things were created. Each call is one
/// transaction, and a call that changes something returns after the commit. Each read is of one moment.
///
/// What is deleted no longer stands in the graph and is kept as [`history`](Self::history).
///
/// ```
/// use unforget_memory::{Entity, Memories, Relation};
/// use unforget_sqlite::{Database, Options};
///
/// # let directory = tempfile::tempdir().unwrap();
/// # let path = directory.path().join("unforget.db");
/// let graph = Memories::open(Database::open(&path, Options::default())?)?.graph();
/// graph.create_entities(vec![
///     Entity::new("Ada", "person"),
///     Entity::new("glider", "aircraft").observed("It is in the north hangar."),
/// ])?;
/// graph.create_relations(vec![Relation::new("Ada", "flies", "glider")])?;
///
/// let found = graph.search("NORTH HANGAR")?;
/// assert_eq!(found.entities[0].name, "glider");
/// assert_eq!(found.relations[0].from, "Ada");
/// # Ok::<(), unforget_memory::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Graph {
    db: Database,
    mirrors: Arc<Mirrors>,
}

impl Memories {
    /// The entity graph in the same database.
    pub fn graph(&self) -> Graph {
        Graph { db: self.db().clone(), mirrors: self.mirrors() }
    }
}

impl Graph {
    /// Adds entities and answers those that are new, with their observations.
    ///
    /// An entity whose name is taken is left as it is, also if it is taken by an earlier one of the call.
    ///
    /// # Errors
    ///
    /// Nothing is added then. [`TooLarge`](crate::Error::TooLarge) and [`TooMany`](crate::Error::TooMany) name the field:
    /// names and types have at most [`GRAPH_NAME_LIMIT`] bytes, observations at most [`OBSERVATION_LIMIT`], and every list
    /// at most [`ITEM_LIMIT`] items. A call of more bytes than the database takes in one transaction, 64 MiB unless set, is
    /// refused with [`unforget_sqlite::Error::TooLarge`].
    pub fn create_entities(&self, entities: Vec<Entity>) -> Result<Vec<Entity>> {
        self.create_entities_in(entities)
    }

    /// Adds relations and answers those that are new.
    ///
    /// # Errors
    ///
    /// [`EntityNotFound`](crate::Error::EntityNotFound) if either end of any of them is not in the graph; no relation is
    /// added then. Limits as for [`create_entities`](Self::create_entities).
    pub fn create_relations(&self, relations: Vec<Relation>) -> Result<Vec<Relation>> {
        self.create_relations_in(relations)
    }

    /// Adds observations to entities and answers, for each item, those that the entity did not have.
    ///
    /// # Errors
    ///
    /// [`EntityNotFound`](crate::Error::EntityNotFound) if any of the entities is not in the graph; nothing is added
    /// then. Limits as for [`create_entities`](Self::create_entities).
    pub fn add_observations(&self, observations: Vec<NewObservations>) -> Result<Vec<AddedObservations>> {
        self.add_observations_in(observations)
    }

    /// Deletes entities with what was observed of them, and every relation that names them.
    ///
    /// # Errors
    ///
    /// Limits as for [`create_entities`](Self::create_entities). That there is no such entity is not an error.
    pub fn delete_entities(&self, names: Vec<String>) -> Result<Deleted> {
        self.delete_entities_in(names)
    }

    /// Deletes observations of entities.
    ///
    /// # Errors
    ///
    /// Limits as for [`create_entities`](Self::create_entities). That there is no such entity or observation is not an
    /// error.
    pub fn delete_observations(&self, deletions: Vec<ObservationsToDelete>) -> Result<Deleted> {
        self.delete_observations_in(deletions)
    }

    /// Deletes relations.
    ///
    /// # Errors
    ///
    /// Limits as for [`create_entities`](Self::create_entities). That there is no such relation is not an error.
    pub fn delete_relations(&self, relations: Vec<Relation>) -> Result<Deleted> {
        self.delete_relations_in(relations)
    }

    /// Answers the whole graph; it takes memory for all of it.
    pub fn read(&self) -> Result<KnowledgeGraph> {
        self.db.read(read::all)
    }

    /// Answers a part of the graph, at most `limit` entities and relations: first all entities, then all relations.
    ///
    /// Begins after the part that gave the cursor, or at the beginning. Each part is of its own moment: what stands all
    /// the while that a caller goes from part to part comes once, what is created or deleted meanwhile may come or not.
    /// A part ends early when it has [`PAGE_BYTES`] bytes.
    ///
    /// ```
    /// # use unforget_memory::{Entity, Memories};
    /// # use unforget_sqlite::{Database, Options};
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let path = directory.path().join("unforget.db");
    /// # let graph = Memories::open(Database::open(&path, Options::default())?)?.graph();
    /// graph.create_entities(vec![Entity::new("Ada", "person"), Entity::new("glider", "aircraft")])?;
    /// let first = graph.page(None, 1)?;
    /// let second = graph.page(first.next, 1)?;
    /// assert_eq!((&*first.entities[0].name, &*second.entities[0].name), ("Ada", "glider"));
    /// assert!(first.next.is_some() && second.next.is_none());
    /// # Ok::<(), unforget_memory::Error>(())
    /// ```
    pub fn page(&self, after: Option<GraphCursor>, limit: usize) -> Result<GraphPage> {
        self.db.read(|tx| page::read(tx, after, limit))
    }

    /// Answers the entities that have the query in their name, their type or an observation, and their relations.
    ///
    /// Capital and small letters are the same. An empty query finds every entity. Relations are those of which either
    /// end was found. If nothing has the query as it stands and it holds words, the entities that have all of these words
    /// are answered, or else any of them, best first and at most [`RANKED_LIMIT`].
    ///
    /// # Errors
    ///
    /// [`TooLarge`](crate::Error::TooLarge) if the query has more than [`QUERY_LIMIT`] bytes.
    pub fn search(&self, query: &str) -> Result<KnowledgeGraph> {
        knowledge::check_size("query", query, QUERY_LIMIT)?;
        self.db.read(|tx| search::find(tx, query))
    }

    /// Answers the entities of these names, and the relations of which either end is among them.
    ///
    /// # Errors
    ///
    /// [`TooMany`](crate::Error::TooMany) beyond [`ITEM_LIMIT`] names. A name that no entity has is not an error.
    pub fn open(&self, names: &[String]) -> Result<KnowledgeGraph> {
        knowledge::check_count("names", names)?;
        self.db.read(|tx| read::named(tx, names))
    }

    /// Answers what every entity of a name was and is, oldest first, with all that was ever observed of it.
    pub fn history(&self, name: &str) -> Result<Vec<PastEntity>> {
        self.db.read(|tx| history::entities(tx, name))
    }

    /// Answers every relation that named an entity or does, oldest first.
    pub fn relation_history(&self, name: &str) -> Result<Vec<PastRelation>> {
        self.db.read(|tx| history::relations(tx, name))
    }

    /// Answers how many calls have changed the graph; a call that changed nothing is not counted.
    pub fn revision(&self) -> Result<u64> {
        let revision = "SELECT value FROM meta WHERE key = 'graph_revision'";
        self.db.read(|tx| Ok(tx.query_row(revision, [], |row| row.get(0))?))
    }

    /// Adds what a file of the official server holds, one JSON object a line, in one transaction.
    ///
    /// An entity that is there already gains the observations it does not have and keeps its type. Relations are added
    /// whether or not their ends exist. Blank lines are skipped, and a line that is neither an entity nor a relation is
    /// given back. Half a character, which the official server writes of a text that was cut off within one, becomes U+FFFD.
    ///
    /// # Blocking
    ///
    /// Reads the file to its end, then writes; others wait for their turn meanwhile.
    ///
    /// # Errors
    ///
    /// [`Unreadable`](crate::Error::Unreadable) if the file cannot be read to its end. Nothing is added then.
    pub fn import_lines(&self, file: impl BufRead) -> Result<Imported> {
        let lines = import::Lines::read(file)?;
        let added = self.change(0, {
            let lines = lines.share();
            move |change| lines.add_to(change)
        })?;
        Ok(lines.finish(added))
    }

    /// Runs a change in a transaction of its own. Every change of the graph goes through here.
    pub(crate) fn change<T: Send + 'static>(
        &self,
        bytes: usize,
        mut run: impl FnMut(&mut Change<'_, '_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, position) = self.db.write_sized(bytes, move |tx| -> Result<_> {
            let mut change = Change::begin(tx)?;
            let answer = run(&mut change)?;
            Ok((answer, change.finish()?))
        })?;
        if let Some(position) = position {
            self.mirrors.catch_up(position);
        }
        Ok(answer)
    }

    /// A graph whose changes wait for no mirror.
    pub(crate) fn unmirrored(db: &Database) -> Self {
        Self { db: db.clone(), mirrors: Arc::default() }
    }

    pub(crate) fn db(&self) -> &Database {
        &self.db
    }

    pub(crate) fn mirrors(&self) -> &Mirrors {
        &self.mirrors
    }
}
