//! What a mirror adds to a change, in small graphs and large ones: `cargo run --release --example mirror_cost`.

#![expect(clippy::print_stdout, reason = "a program that measures prints")]

use std::time::{Duration, Instant};

use unforget_memory::{Entity, Graph, Memories, MirrorOptions, NewObservations};
use unforget_sqlite::{Database, Options};

const CALLS: usize = 1000;

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    println!(
        "{:>9} {:>9} {:>10} {:>10} {:>10} {:>10}",
        "entities", "mirror", "create p50", "p99", "add p50", "p99"
    );
    for entities in [0, 10_000, 100_000] {
        for mirrored in [false, true] {
            let root = tempfile::tempdir()?;
            let graph =
                Memories::open(Database::open(root.path().join("unforget.db"), Options::default())?)?.graph();
            for first in (0..entities).step_by(5_000) {
                graph.create_entities(
                    (first..first + 5_000).map(|n| entity(&format!("entity {n}"))).collect(),
                )?;
            }
            if mirrored {
                let began = Instant::now();
                graph.mirror(&root.path().join("memory.jsonl"), MirrorOptions::new())?;
                println!("attached to {entities} entities in {:.0?}", began.elapsed());
            }
            let created = measure(|n| {
                graph.create_entities(vec![entity(&format!("new {n}"))])?;
                Ok(())
            })?;
            let added = measure(|n| add(&graph, n))?;
            println!(
                "{entities:>9} {mirrored:>9} {:>10.0?} {:>10.0?} {:>10.0?} {:>10.0?}",
                created.0, created.1, added.0, added.1
            );
        }
    }
    Ok(())
}

fn entity(name: &str) -> Entity {
    Entity::new(name, "thing")
        .observed("It is about as long as what people note down.")
        .observed("And another.")
}

fn add(graph: &Graph, n: usize) -> Result<(), Error> {
    let contents = vec!["Something else was seen later on.".to_owned()];
    graph.add_observations(vec![NewObservations { entity_name: format!("new {n}"), contents }])?;
    Ok(())
}

/// The median and the 99th percentile of a call.
fn measure(mut call: impl FnMut(usize) -> Result<(), Error>) -> Result<(Duration, Duration), Error> {
    let mut times = Vec::with_capacity(CALLS);
    for n in 0..CALLS {
        let began = Instant::now();
        call(n)?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    Ok((times[CALLS / 2], times[CALLS * 99 / 100]))
}
