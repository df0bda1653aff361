//! How long a call takes, by the size of the graph.

use serde_json::{Value, json};

use crate::server::{Program, Server};
use crate::{Effort, fresh_dir, graph, median};

/// What is called, and its arguments for the n-th call on a graph of a size.
type Call = (&'static str, &'static str, fn(usize, usize) -> Value);

const CALLS: [Call; 6] = [
    ("create", "create_entities", |n, _| graph::create(&format!("new_{n}"))),
    (
        "add",
        "add_observations",
        |n, size| json!({ "observations": [{ "entityName": existing(n, size), "contents": [format!("saw lesson {n}")] }] }),
    ),
    ("relation", "create_relations", |n, size| {
        let (from, to) = (existing(n, size), existing(n + 1, size));
        json!({ "relations": [{ "from": from, "to": to, "relationType": format!("helped_{n}") }] })
    }),
    ("search", "search_nodes", |n, _| json!({ "query": format!("hangar {} on", n * 7919 % 100_003) })),
    ("open", "open_nodes", |n, size| json!({ "names": [existing(n, size)] })),
    ("read_graph", "read_graph", |_, _| json!({})),
];

pub(crate) fn run(programs: &[Program], effort: Effort) {
    println!("\nOne call at a time, median in microseconds");
    println!("  {:<10} {:<10} {:>12} {:>12} {:>8}", "entities", "call", "unforget", "official", "ratio");
    let sizes: &[usize] = if effort.smoke { &[0, 100] } else { &[0, 1_000, 10_000, 100_000] };
    for &size in sizes {
        let dirs: Vec<_> = programs.iter().map(|_| fresh_dir()).collect();
        let mut servers: Vec<Server> = Vec::new();
        for (program, dir) in programs.iter().zip(&dirs) {
            let file = dir.path().join("memory.jsonl");
            graph::write(&file, size);
            let mut server = Server::start(program, &file);
            for n in 0..2 {
                server.call("create_entities", &graph::create(&graph::name(n)));
            }
            servers.push(server);
        }
        for call in CALLS {
            row(&mut servers, programs, size, call, effort);
        }
    }
}

fn row(
    servers: &mut [Server],
    programs: &[Program],
    size: usize,
    (name, tool, arguments): Call,
    effort: Effort,
) {
    let calls = if size < 100_000 && name != "read_graph" { 20 } else { 3 };
    let calls = if effort.smoke { 2 } else { calls };
    let mut taken = vec![Vec::new(); servers.len()];
    for round in 0..effort.rounds {
        for (server, taken) in servers.iter_mut().zip(&mut taken) {
            taken.extend((0..calls).map(|call| server.time(tool, &arguments(round * calls + call, size))));
        }
    }
    let medians: Vec<f64> = taken.into_iter().map(median).collect();
    let of = |wanted: &str| {
        let place = programs.iter().position(|program| program.name() == wanted);
        place.and_then(|place| medians.get(place)).copied().unwrap_or(f64::NAN)
    };
    let (ours, theirs) = (of("unforget"), of("official"));
    println!("  {size:<10} {name:<10} {ours:>12.0} {theirs:>12.0} {:>8.1}", theirs / ours);
}

/// An entity that is there, also in a graph that was empty.
fn existing(n: usize, size: usize) -> String {
    graph::name(n * 31 % size.max(2))
}
