//! Contexts that are published first and saved to a database soon, and a view of what a database holds.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use unforget_context::{ContextStore, Contexts, MemoryStore, Persistence, SaveWindow};
use unforget_memory::Memories;
use unforget_sqlite::{Database, Options};

use crate::table::{Contender, compare};
use crate::{Effort, contexts};

/// Updates of one round, which ends with a flush.
const CALLS: u32 = 1 << 18;

pub(crate) fn run(effort: Effort, keys: &Rc<[String]>) {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let database = Database::open(directory.path().join("contexts.db"), Options::default()).expect("opens");
    let store = Memories::open(database).expect("a schema").context_store();
    let in_sqlite = opened(store, keys);
    let in_memory = opened(Arc::new(MemoryStore::default()), keys);
    let (view, key) = (in_sqlite.clone(), keys[7].clone());
    let other = key.clone();
    compare(
        &format!("deferred updates of one of {} keys and a flush after {CALLS}, per update", keys.len()),
        effort.rounds,
        &[
            Contender::new("unforget deferred, in SQLite, FULL", move || updates(&in_sqlite, &key)),
            Contender::new("unforget deferred, in memory", move || updates(&in_memory, &other)),
        ],
    );
    compare(
        &format!("a view of {} keys in SQLite", keys.len()),
        effort.rounds,
        &[Contender::new("unforget Contexts::view", move || contexts::views(&view))],
    );
}

fn opened(store: Arc<dyn ContextStore>, keys: &[String]) -> Contexts<[u64; 8]> {
    let window = SaveWindow::default();
    let contexts = Contexts::open(store, Persistence::Deferred { window }).expect("nobody else has it");
    for key in keys {
        contexts.get_or_create(key, || [0; 8]).expect("it can be created");
    }
    contexts.flush().expect("it is saved");
    contexts
}

fn updates(contexts: &Contexts<[u64; 8]>, key: &str) -> f64 {
    let started = Instant::now();
    for _ in 0..CALLS {
        contexts.update(key, |old| old.map(|n| n + 1)).expect("it is there");
    }
    contexts.flush().expect("it is saved");
    started.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
}
