//! Memories in a directory of their own.

use tempfile::TempDir;
use unforget_memory::{Graph, Memories, NewTurn};
use unforget_sqlite::{Database, Options};

pub(crate) struct Store {
    pub(crate) memories: Memories,
    pub(crate) db: Database,
    _directory: TempDir,
}

impl Store {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let db = Database::open(directory.path().join("unforget.db"), Options::default()).unwrap();
        Self { memories: Memories::open(db.clone()).unwrap(), db, _directory: directory }
    }

    pub(crate) fn remember(&self, content: &str) -> String {
        self.memories.remember(NewTurn::new("ada", "monday", content)).unwrap()
    }

    pub(crate) fn graph(&self) -> Graph {
        self.memories.graph()
    }

    pub(crate) fn turns(&self) -> u64 {
        self.memories.stats().unwrap().turns
    }
}
