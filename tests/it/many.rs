//! Many threads of many processes on one store.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Barrier};

use unforget::unforget_sqlite::rusqlite::Connection;
use unforget::{DEFAULT_LAYER, NewTurn, Unforget, UserContext};

use crate::child::{Child, kills, say, wait_for_parent};

const THREADS: usize = 4;
const TURNS: usize = 100;

/// Role: several threads remember, and say each id when it is acknowledged.
pub(crate) fn remember(directory: &Path, process: usize) {
    let store = Unforget::open(directory).expect("the store opens");
    say("ready");
    wait_for_parent();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let memories = store.memories();
            scope.spawn(move || {
                for n in 0..TURNS {
                    let text = format!("process {process} thread {thread} turn {n}");
                    say(&memories
                        .remember(NewTurn::new("ada", "monday", text))
                        .expect("no caller sees busy"));
                }
            });
        }
    });
}

/// Role: many threads open a store at the same time.
pub(crate) fn open(directory: &Path) {
    let together = Arc::new(Barrier::new(32));
    say("ready");
    wait_for_parent();
    let threads: Vec<_> = (0..32)
        .map(|_| {
            let (together, directory) = (Arc::clone(&together), directory.to_path_buf());
            std::thread::spawn(move || {
                together.wait();
                Unforget::open(directory).expect("the store opens")
            })
        })
        .collect();
    let handles: Vec<Unforget> = threads.into_iter().map(|thread| thread.join().expect("no panic")).collect();
    handles[0].contexts().get_or_create("all", || UserContext::new("all")).expect("the schema is there");
    let operations = handles[0].stats().expect("it counts").engine.operations;
    let same = |store: &Unforget| store.stats().expect("it counts").engine.operations == operations;
    say(if handles.iter().all(same) { "one engine" } else { "several engines" });
}

/// Role: remembers turns with ids of its own until it is killed.
pub(crate) fn write_on(directory: &Path, run: usize) {
    let store = Unforget::open(directory).expect("the store opens");
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let memories = store.memories();
            scope.spawn(move || {
                for n in 0.. {
                    let id = format!("{run}-{thread}-{n}");
                    let turn = NewTurn::new("ada", "monday", id.clone()).turn_id(id);
                    say(&memories.remember(turn).expect("no caller sees busy"));
                }
            });
        }
    });
}

/// Role: counts in one context, and says each revision when it is acknowledged.
pub(crate) fn count(directory: &Path, times: usize) {
    let store = Unforget::open(directory).expect("the store opens");
    let contexts = store.contexts();
    contexts.get_or_create("ada", || UserContext::new("ada")).expect("it can be created");
    say("ready");
    wait_for_parent();
    for _ in 0..times {
        let before = contexts.get("ada").expect("it can be read").expect("it exists").revision();
        let after =
            contexts.update("ada", |ada| ada.with_conversation(1)).expect("no caller sees busy").revision();
        assert!(after > before, "a context went back in time");
        say(&after.to_string());
    }
}

fn start_together(roles: &[String], directory: &Path) -> Vec<Child> {
    let mut children: Vec<Child> = roles.iter().map(|role| Child::start(role, directory)).collect();
    for child in &children {
        assert_eq!(child.hear().as_deref(), Some("ready"));
    }
    children.iter_mut().for_each(Child::wake);
    children
}

#[test]
fn four_processes_of_four_threads_lose_nothing_and_store_nothing_twice() {
    let root = tempfile::tempdir().expect("a directory");
    let directory = root.path().join("store");
    let roles: Vec<String> = (0..4).map(|process| format!("remember {process}")).collect();
    let children = start_together(&roles, &directory);
    let ids: Vec<String> = children.into_iter().flat_map(Child::finish).collect();
    let acknowledged: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(
        acknowledged.len(),
        4 * THREADS * TURNS,
        "every write was acknowledged, under an id of its own"
    );
    let store = Unforget::open(&directory).expect("the store opens");
    for id in acknowledged {
        let content = store.memories().content(id, DEFAULT_LAYER).expect("it can be read");
        assert!(content.is_some(), "{id} was acknowledged and is lost");
    }
    assert_eq!(store.stats().expect("it counts").memory.turns, 1_600);
    let texts = "SELECT count(DISTINCT content) FROM memory_nodes";
    assert_eq!(ask(&directory, texts), 1_600, "no turn is stored twice");
    assert!(store.check().expect("it can be checked").is_ok());
}

#[test]
fn four_processes_of_many_threads_create_one_store() {
    let root = tempfile::tempdir().expect("a directory");
    let directory = root.path().join("parents/and/store");
    let roles = vec!["open".to_owned(); 4];
    let said: Vec<String> = start_together(&roles, &directory).into_iter().flat_map(Child::finish).collect();
    assert_eq!(said, ["one engine"; 4]);
    let alone = root.path().join("alone");
    Unforget::open(&alone).expect("a store that one process creates");
    for what in ["SELECT count(*) FROM sqlite_schema", "PRAGMA user_version"] {
        assert_eq!(ask(&directory, what), ask(&alone, what), "one schema: {what}");
    }
    assert_eq!(ask(&directory, "SELECT revision FROM contexts WHERE key = 'all'"), 1, "created once");
}

#[test]
fn what_a_killed_process_acknowledged_is_there() {
    let root = tempfile::tempdir().expect("a directory");
    let directory = root.path().join("store");
    let mut acknowledged = Vec::new();
    for run in 0..kills() {
        let child = Child::start(&format!("write-on {run}"), &directory);
        // Another number of turns each time, so that the kill falls into another moment of a commit.
        for _ in 0..=(run * 7) % 23 {
            acknowledged.push(child.hear().expect("it writes"));
        }
        acknowledged.extend(child.kill());
    }
    let store = Unforget::open(&directory).expect("the store opens after all kills");
    for id in &acknowledged {
        let content = store.memories().content(id, DEFAULT_LAYER).expect("it can be read");
        assert_eq!(content.as_ref(), Some(id), "it was acknowledged before its process was killed");
    }
    assert!(store.check().expect("it can be checked").is_ok());
}

#[test]
fn a_context_counts_every_acknowledged_update_of_every_process() {
    let root = tempfile::tempdir().expect("a directory");
    let directory = root.path().join("store");
    let mut children = start_together(&vec!["count 150".to_owned(); 4], &directory);
    let victim = children.remove(0);
    let mut revisions: Vec<String> = (0..40).map(|_| victim.hear().expect("it counts")).collect();
    revisions.extend(victim.kill());
    revisions.extend(children.into_iter().flat_map(Child::finish));
    let distinct: BTreeSet<&String> = revisions.iter().collect();
    assert_eq!(distinct.len(), revisions.len(), "two updates were made from one value");
    let store = Unforget::open(&directory).expect("the store opens");
    let counted =
        store.contexts().get("ada").expect("it can be read").expect("it exists").conversations_count();
    let acknowledged = revisions.len() as u64;
    let in_flight = acknowledged..=acknowledged + 1;
    assert!(
        in_flight.contains(&counted),
        "{acknowledged} acknowledged and one under way at the kill: {counted}"
    );
}

/// Asks the database behind the library's back.
fn ask(directory: &Path, sql: &str) -> i64 {
    let conn = Connection::open(directory.join("unforget.db")).expect("it is a database");
    conn.query_row(sql, [], |row| row.get(0)).expect("it answers")
}
