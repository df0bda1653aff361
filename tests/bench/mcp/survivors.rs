//! How many acknowledged creates are there afterwards.

use std::collections::HashSet;
use std::thread;
use std::time::Instant;

use crate::server::{Program, Server, names, succeeded};
use crate::{Effort, fresh_dir, graph};

pub(crate) fn run(programs: &[Program], effort: Effort) {
    println!("\nEntities created by several servers on one file, one call each");
    println!(
        "  {:<10} {:<14} {:<9} {:>12} {:>9} {:>9}",
        "", "calls", "server", "acknowledged", "survived", "seconds"
    );
    let sizes: &[(usize, usize)] = if effort.smoke {
        &[(2, 5)]
    } else {
        &[(1, 20), (2, 20), (4, 20), (8, 20), (1, 100), (2, 100), (4, 100), (8, 100)]
    };
    for in_flight in [true, false] {
        for &(servers, calls) in sizes {
            for program in programs {
                row(program, servers, calls, in_flight);
            }
        }
    }
}

fn row(program: &Program, servers: usize, calls: usize, in_flight: bool) {
    let dir = fresh_dir();
    let file = dir.path().join("memory.jsonl");
    let mut running: Vec<Server> = (0..servers).map(|_| Server::start(program, &file)).collect();
    let began = Instant::now();
    let acknowledged: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> = running
            .iter_mut()
            .enumerate()
            .map(|(place, server)| scope.spawn(move || create(server, place, calls, in_flight)))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a client does not panic")).collect()
    });
    let took = began.elapsed();
    running.into_iter().for_each(Server::finish);
    let there: HashSet<String> = names(program, &file).into_iter().collect();
    let survived = acknowledged.iter().filter(|name| there.contains(*name)).count();
    println!(
        "  {:<10} {:<14} {:<9} {:>12} {survived:>9} {:>9.2}",
        format!("{servers} x {calls}"),
        if in_flight { "all in flight" } else { "one at a time" },
        program.name(),
        acknowledged.len(),
        took.as_secs_f64(),
    );
}

/// Creates entities and answers the names of those that were acknowledged.
fn create(server: &mut Server, place: usize, calls: usize, in_flight: bool) -> Vec<String> {
    let names = (0..calls).map(|call| format!("of_{place}_call_{call}"));
    let mut acknowledged = Vec::new();
    if in_flight {
        let asked: Vec<_> =
            names.map(|name| (server.send("create_entities", &graph::create(&name)), name)).collect();
        for (id, name) in asked {
            acknowledged.extend(server.answer(id).filter(succeeded).map(|_| name));
        }
    } else {
        for name in names {
            let answer = server.call("create_entities", &graph::create(&name));
            acknowledged.extend(succeeded(&answer).then_some(name));
        }
    }
    acknowledged
}
