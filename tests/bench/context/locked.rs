//! Maps that people keep shared values in, and contexts in a database, behind one face.

use std::collections::HashMap;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, RwLock};

use arc_swap::ArcSwap;
use dashmap::DashMap;
use tempfile::TempDir;
use unforget_context::Contexts;
use unforget_memory::Memories;
use unforget_sqlite::{Database, Durability, Options};

use crate::maps::{Fold, Papaya, Value, value};

const IDLE: &str = "--idle";

/// Values by key that threads read and replace.
pub(crate) trait Shared: Send + Sync {
    /// By how much a write that is a commit takes longer; a round has so many fewer of them.
    const COMMITS: usize = 1;

    fn of(keys: &[String]) -> Self;
    fn read(&self, key: &str);
    fn write(&self, key: &str, n: u64);
}

fn entries<M: FromIterator<(Arc<str>, Value)>>(keys: &[String]) -> M {
    keys.iter().map(|key| (Arc::from(key.as_str()), value(0))).collect()
}

/// The standard library's map behind its `RwLock`.
pub(crate) struct Guarded(RwLock<HashMap<Arc<str>, Value>>);

impl Shared for Guarded {
    fn of(keys: &[String]) -> Self {
        Self(RwLock::new(entries(keys)))
    }

    fn read(&self, key: &str) {
        drop(black_box(self.0.read().expect("nobody panics").get(key).cloned()));
    }

    fn write(&self, key: &str, n: u64) {
        self.0.write().expect("nobody panics").insert(Arc::from(key), value(n));
    }
}

/// The standard library's map behind its `Mutex`.
pub(crate) struct Locked(Mutex<HashMap<Arc<str>, Value>>);

impl Shared for Locked {
    fn of(keys: &[String]) -> Self {
        Self(Mutex::new(entries(keys)))
    }

    fn read(&self, key: &str) {
        drop(black_box(self.0.lock().expect("nobody panics").get(key).cloned()));
    }

    fn write(&self, key: &str, n: u64) {
        self.0.lock().expect("nobody panics").insert(Arc::from(key), value(n));
    }
}

/// dashmap, as it comes.
pub(crate) struct Dash(DashMap<Arc<str>, Value>);

impl Shared for Dash {
    fn of(keys: &[String]) -> Self {
        Self(entries(keys))
    }

    fn read(&self, key: &str) {
        drop(black_box(self.0.get(key).map(|found| Arc::clone(&found))));
    }

    fn write(&self, key: &str, n: u64) {
        self.0.insert(Arc::from(key), value(n));
    }
}

/// The standard library's map in an `ArcSwap`, copied whole for every change.
pub(crate) struct Copied(ArcSwap<HashMap<Arc<str>, Value>>);

impl Shared for Copied {
    fn of(keys: &[String]) -> Self {
        Self(ArcSwap::from_pointee(entries(keys)))
    }

    fn read(&self, key: &str) {
        drop(black_box(self.0.load().get(key).cloned()));
    }

    fn write(&self, key: &str, n: u64) {
        self.0.rcu(|old| {
            let mut next = HashMap::clone(old);
            next.insert(Arc::from(key), value(n));
            next
        });
    }
}

impl Shared for Papaya<Fold> {
    fn of(keys: &[String]) -> Self {
        crate::maps::Map::of(keys)
    }

    fn read(&self, key: &str) {
        drop(black_box(crate::maps::Map::get(self, key)));
    }

    fn write(&self, key: &str, n: u64) {
        crate::maps::Map::replace(self, key, value(n));
    }
}

/// Contexts in a database that a second process has open as well.
pub(crate) struct Stored {
    contexts: Contexts<[u64; 8]>,
    database: Database,
    idle: Child,
    _directory: TempDir,
}

impl Stored {
    pub(crate) fn open(keys: &[String], durability: Durability) -> Self {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let (database, contexts) = open(directory.path(), durability);
        for key in keys {
            contexts.get_or_create(key, || [0; 8]).expect("it can be created");
        }
        let idle = start_idle(directory.path());
        Self { contexts, database, idle, _directory: directory }
    }

    pub(crate) fn update(&self, key: &str) {
        black_box(self.contexts.update(key, |old| old.map(|n| n + 1)).expect("it is there"));
    }

    /// Operations and commits so far.
    pub(crate) fn counted(&self) -> (u64, u64) {
        let stats = self.database.stats();
        (stats.operations, stats.commits)
    }
}

impl Shared for Stored {
    const COMMITS: usize = 32;

    fn of(keys: &[String]) -> Self {
        Self::open(keys, Durability::Normal)
    }

    fn read(&self, key: &str) {
        drop(black_box(self.contexts.get(key).expect("it can be read")));
    }

    fn write(&self, key: &str, _n: u64) {
        self.update(key);
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        drop(self.idle.stdin.take());
        let _it_ends_with_its_input = self.idle.wait();
    }
}

fn open(directory: &Path, durability: Durability) -> (Database, Contexts<[u64; 8]>) {
    let options = Options::default().durability(durability);
    let database = Database::open(directory.join("contexts.db"), options).expect("a database");
    let memories = Memories::open(database.clone()).expect("a schema");
    (database, Contexts::new(memories.context_store()))
}

fn start_idle(directory: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().expect("it has a path"))
        .arg(IDLE)
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    let output = child.stdout.take().expect("it has an output");
    BufReader::new(output).read_line(&mut line).expect("it tells");
    assert_eq!(line, "open\n");
    child
}

/// Holds the contexts open until its input ends, if that is what the arguments ask for.
pub(crate) fn was_idle(arguments: &[String]) -> bool {
    let [_, role, directory, ..] = arguments else { return false };
    if role != IDLE {
        return false;
    }
    let (_database, contexts) = open(Path::new(directory), Durability::Normal);
    contexts.view().expect("they can be read");
    println!("open");
    std::io::stdin().read_to_end(&mut Vec::new()).expect("it ends");
    true
}
