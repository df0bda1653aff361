//! Many at the same time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use unforget_memory::{Entity, Graph};

use super::{entity, relation, texts};
use crate::store::Store;

const THREADS: usize = 8;
const NAMES: usize = 20;

#[test]
fn who_creates_the_same_names_is_told_of_each_exactly_once() {
    let store = Store::new();
    let graph = store.graph();
    let new: Vec<Entity> = thread::scope(|scope| {
        let creating: Vec<_> = (0..THREADS)
            .map(|thread| {
                let graph = &graph;
                scope.spawn(move || create_from(graph, thread))
            })
            .collect();
        creating.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(new.len(), NAMES, "of each name exactly one caller is told that it created it");
    let mut stored = graph.read().unwrap().entities;
    let mut told = new;
    for entities in [&mut stored, &mut told] {
        entities.sort_by(|left, right| left.name.cmp(&right.name));
    }
    assert_eq!(stored, told, "and what stands is what that caller gave");
}

/// Creates every name, each thread from another one on, as its own kind of thing.
fn create_from(graph: &Graph, thread: usize) -> Vec<Entity> {
    let mut new = Vec::new();
    for n in 0..NAMES {
        let name = format!("e{}", (n + thread * 3) % NAMES);
        new.extend(graph.create_entities(vec![Entity::new(name, format!("of {thread}"))]).unwrap());
    }
    new
}

#[test]
fn observations_added_by_all_to_one_entity_are_all_there_once() {
    let store = Store::new();
    let graph = store.graph();
    graph.create_entities(vec![entity("log", &[])]).unwrap();
    let added: usize = thread::scope(|scope| {
        let adding: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    let add =
                        |n| graph.add_observations(vec![super::more("log", &[&format!("o{n}")])]).unwrap();
                    (0..NAMES).map(|n| add(n)[0].added_observations.len()).sum::<usize>()
                })
            })
            .collect();
        adding.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(added, NAMES, "each observation was new to exactly one caller");
    assert_eq!(
        graph.read().unwrap().entities[0].observations.len(),
        NAMES,
        "nothing is lost and nothing doubled"
    );
}

#[test]
fn readers_see_whole_changes_only() {
    let store = Store::new();
    let graph = store.graph();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..3).map(|_| scope.spawn(|| read_until(&graph, &done))).collect();
        let _ended = SetWhenDropped(&done);
        for _ in 0..60 {
            graph.create_entities(vec![entity("a", &["one", "two"]), entity("b", &["one", "two"])]).unwrap();
            graph.create_relations(vec![relation("a", "b"), relation("b", "a")]).unwrap();
            graph.delete_entities(texts(&["a"])).unwrap();
            graph.delete_entities(texts(&["b"])).unwrap();
        }
        done.store(true, Ordering::Release);
        for reader in readers {
            assert!(reader.join().unwrap() > 0, "a reader that read nothing proves nothing");
        }
    });
}

/// Ends the readers also when the writer panics.
struct SetWhenDropped<'a>(&'a AtomicBool);

impl Drop for SetWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn read_until(graph: &Graph, done: &AtomicBool) -> usize {
    let mut reads = 0;
    while !done.load(Ordering::Acquire) {
        let both = texts(&["a", "b"]);
        for seen in [graph.read(), graph.open(&both), graph.search("one"), graph.search("o")] {
            let seen = seen.unwrap();
            for entity in &seen.entities {
                assert_eq!(entity.observations, ["one", "two"], "{} without its observations", entity.name);
            }
            let stands = |name: &str| seen.entities.iter().any(|entity| entity.name == name);
            for relation in &seen.relations {
                assert!(stands(&relation.from) && stands(&relation.to), "{relation:?} leads to what is gone");
            }
            assert_ne!(seen.relations.len(), 1, "two relations that come and go together");
            reads += 1;
        }
    }
    reads
}
