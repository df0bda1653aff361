//! The graph in a file of JSON lines.

mod edits;
mod following;
mod processes;
mod refusals;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use unforget_memory::{
    Entity, Graph, JsonLines, KnowledgeGraph, Memories, MergeReport, MirrorEvent, MirrorOptions, Relation,
};
use unforget_sqlite::{Database, Options};

/// A store with a file beside it, as the server has them.
pub(crate) struct Mirrored {
    pub(crate) graph: Graph,
    pub(crate) mirror: Option<JsonLines>,
    pub(crate) told: Told,
    pub(crate) root: TempDir,
}

/// What a mirror said.
#[derive(Clone, Default)]
pub(crate) struct Told(Arc<Mutex<Vec<MirrorEvent>>>);

impl Told {
    pub(crate) fn options(&self) -> MirrorOptions {
        let told = self.clone();
        MirrorOptions::new().log(move |event| told.0.lock().unwrap().push(event.clone()))
    }

    pub(crate) fn take(&self) -> Vec<MirrorEvent> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// The only thing that was said since the last time, which was about a merge.
    #[expect(clippy::panic, reason = "a failed expectation")]
    pub(crate) fn one_merge(&self) -> MergeReport {
        match &*self.take() {
            [MirrorEvent::Merged(report)] => report.clone(),
            other => panic!("one merge is told: {other:?}"),
        }
    }
}

impl Mirrored {
    /// Before anything is mirrored.
    pub(crate) fn bare() -> Self {
        let root = tempfile::tempdir().unwrap();
        let graph = open(root.path());
        Self { graph, mirror: None, told: Told::default(), root }
    }

    pub(crate) fn new() -> Self {
        let mut mirrored = Self::bare();
        mirrored.attach();
        mirrored
    }

    pub(crate) fn attach(&mut self) {
        self.mirror = Some(self.graph.mirror(&self.file(), self.told.options()).unwrap());
    }

    pub(crate) fn mirror(&self) -> &JsonLines {
        self.mirror.as_ref().unwrap()
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.root.path().join("memory.jsonl")
    }

    pub(crate) fn text(&self) -> String {
        std::fs::read_to_string(self.file()).unwrap()
    }

    pub(crate) fn create(&self, names: &[&str]) {
        let entities = names.iter().map(|name| Entity::new(*name, "thing").observed(format!("seen {name}")));
        self.graph.create_entities(entities.collect()).unwrap();
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.graph.read().unwrap().entities.into_iter().map(|entity| entity.name).collect()
    }

    /// Asserts that the official server would read what the graph is.
    pub(crate) fn assert_shown(&self) {
        assert_same(&load(&self.file()), &self.graph.read().unwrap());
    }

    /// Replaces the file by renaming another one over it, as the official server does.
    pub(crate) fn rename_over(&self, content: &str) {
        let other = self.root.path().join("memory.jsonl.0123.tmp");
        std::fs::write(&other, content).unwrap();
        std::fs::rename(&other, self.file()).unwrap();
    }
}

/// The graph of the store that has a file beside it in a directory.
pub(crate) fn open(root: &Path) -> Graph {
    let store = root.join("memory.jsonl.unforget");
    std::fs::create_dir_all(&store).unwrap();
    let db = Database::open(store.join("unforget.db"), Options::default()).unwrap();
    Memories::open(db).unwrap().graph()
}

pub(crate) fn entity_line(name: &str, observations: &[&str]) -> String {
    let observations = serde_json::to_string(observations).unwrap();
    format!(r#"{{"type":"entity","name":"{name}","entityType":"thing","observations":{observations}}}"#)
}

/// Reads a file as the official server does: lines that are not blank, each JSON, and an error for any that is not.
#[expect(clippy::panic, reason = "where the official server gives up, a test has failed")]
pub(crate) fn load(file: &Path) -> KnowledgeGraph {
    let mut graph = KnowledgeGraph::default();
    let text = std::fs::read_to_string(file).unwrap();
    for line in text.split('\n').filter(|line| !line.trim().is_empty()) {
        let value: serde_json::Value = serde_json::from_str(line)
            .unwrap_or_else(|error| panic!("the loader would stop here: {error}: {line:?}"));
        match value["type"].as_str() {
            Some("entity") => graph.entities.push(serde_json::from_value::<Entity>(value).unwrap()),
            Some("relation") => graph.relations.push(serde_json::from_value::<Relation>(value).unwrap()),
            _ => {}
        }
    }
    graph
}

/// The same entities with the same observations in the same order, once each, and the same relations.
pub(crate) fn assert_same(shown: &KnowledgeGraph, expected: &KnowledgeGraph) {
    let by_name = |graph: &KnowledgeGraph| -> BTreeMap<String, Entity> {
        graph.entities.iter().map(|entity| (entity.name.clone(), entity.clone())).collect()
    };
    let set = |graph: &KnowledgeGraph| -> BTreeSet<[String; 3]> {
        let parts = |relation: &Relation| {
            [relation.from.clone(), relation.to.clone(), relation.relation_type.clone()]
        };
        graph.relations.iter().map(parts).collect()
    };
    assert_eq!(by_name(shown), by_name(expected), "the file shows the entities of the graph");
    assert_eq!(set(shown), set(expected), "the file shows the relations of the graph");
    let counts = |graph: &KnowledgeGraph| (graph.entities.len(), graph.relations.len());
    assert_eq!(counts(shown), counts(expected), "nothing is in the file twice");
}
