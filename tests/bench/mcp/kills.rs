//! What is left of acknowledged calls when servers are killed.

use std::collections::HashSet;
use std::path::Path;
use std::time::Instant;

use crate::server::{Program, Server, names, succeeded};
use crate::{Effort, fresh_dir, graph};

const IN_FLIGHT: usize = 8;

pub(crate) fn run(programs: &[Program], effort: Effort) {
    let rounds = if effort.smoke { 2 } else { 25 };
    println!("\n{rounds} servers killed with {IN_FLIGHT} calls in flight, then one of two writers killed");
    println!(
        "  {:<9} {:>12} {:>6} {:>22} {:>16}",
        "server", "acknowledged", "lost", "slowest of the other ms", "lost of the other"
    );
    for program in programs {
        let (acknowledged, lost) = killed(program, rounds);
        let (slowest, lost_of_other) = beside(program, if effort.smoke { 20 } else { 400 });
        println!("  {:<9} {acknowledged:>12} {lost:>6} {slowest:>22.1} {lost_of_other:>16}", program.name());
    }
}

/// Kills a server in every round, after another number of answers, and counts what is missing at the end.
fn killed(program: &Program, rounds: usize) -> (usize, usize) {
    let dir = fresh_dir();
    let file = dir.path().join("memory.jsonl");
    let mut acknowledged = Vec::new();
    for round in 0..rounds {
        let mut server = Server::start(program, &file);
        let send = |server: &mut Server, n: usize| {
            let name = format!("round_{round}_call_{n}");
            (server.send("create_entities", &graph::create(&name)), name)
        };
        let mut asked: Vec<_> = (0..IN_FLIGHT).map(|n| send(&mut server, n)).collect();
        for n in 0..round {
            let (id, name) = asked.remove(0);
            acknowledged.extend(server.answer(id).filter(succeeded).map(|_| name));
            asked.push(send(&mut server, IN_FLIGHT + n));
        }
        acknowledged.extend(server.kill(asked));
    }
    (acknowledged.len(), missing(program, &file, &acknowledged))
}

/// Two servers write, one is killed half way; the slowest call of the other in milliseconds, and what it lost.
fn beside(program: &Program, calls: usize) -> (f64, usize) {
    let dir = fresh_dir();
    let file = dir.path().join("memory.jsonl");
    let (mut stays, mut goes) = (Server::start(program, &file), Some(Server::start(program, &file)));
    let (mut slowest, mut acknowledged) = (0.0_f64, Vec::new());
    for n in 0..calls {
        if let Some(goes) = &mut goes {
            goes.send("create_entities", &graph::create(&format!("goes_{n}")));
        }
        if n == calls / 2 {
            goes.take().expect("it is killed once").kill(Vec::new());
        }
        let name = format!("stays_{n}");
        let began = Instant::now();
        let answer = stays.call("create_entities", &graph::create(&name));
        slowest = slowest.max(began.elapsed().as_secs_f64() * 1e3);
        acknowledged.extend(succeeded(&answer).then_some(name));
    }
    stays.finish();
    (slowest, missing(program, &file, &acknowledged))
}

fn missing(program: &Program, file: &Path, acknowledged: &[String]) -> usize {
    let there: HashSet<String> = names(program, file).into_iter().collect();
    acknowledged.iter().filter(|name| !there.contains(*name)).count()
}
