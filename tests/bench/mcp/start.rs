//! How long a server takes to its first answer, and how much memory it has then.

use std::time::Instant;

use serde_json::json;

use crate::server::{Program, Server};
use crate::{Effort, fresh_dir, graph, median};

pub(crate) fn run(programs: &[Program], effort: Effort) {
    println!("\nFrom the start to the first answer of a tool, and resident memory");
    println!(
        "  {:<10} {:<9} {:>9} {:>12} {:>14} {:>12}",
        "entities", "server", "start ms", "opened MiB", "100 calls MiB", "highest MiB"
    );
    let sizes: &[usize] = if effort.smoke { &[100] } else { &[0, 1_000, 10_000, 100_000] };
    for &size in sizes {
        for program in programs {
            row(program, size, effort);
        }
    }
}

fn row(program: &Program, size: usize, effort: Effort) {
    let dir = fresh_dir();
    let file = dir.path().join("memory.jsonl");
    graph::write(&file, size);
    // The first start takes the file over, which happens once in its life.
    first_answer(program, &file).1.finish();
    let mut taken = Vec::new();
    for _ in 0..effort.rounds {
        let (milliseconds, server) = first_answer(program, &file);
        taken.push(milliseconds);
        server.finish();
    }
    let (_, mut server) = first_answer(program, &file);
    let (opened, _) = server.resident();
    for n in 0..100 {
        server.call("create_entities", &graph::create(&format!("late_{n}")));
        server.call("search_nodes", &json!({ "query": format!("hangar {n}") }));
    }
    let (worked, _) = server.resident();
    server.call("read_graph", &json!({}));
    let (_, highest) = server.resident();
    println!(
        "  {size:<10} {:<9} {:>9.1} {opened:>12.1} {worked:>14.1} {highest:>12.1}",
        program.name(),
        median(taken)
    );
}

fn first_answer(program: &Program, file: &std::path::Path) -> (f64, Server) {
    let began = Instant::now();
    let mut server = Server::start(program, file);
    server.call("open_nodes", &json!({ "names": [graph::name(1)] }));
    (began.elapsed().as_secs_f64() * 1e3, server)
}
