//! The same calls to both servers, and every answer that differs.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::calls::{Call, drawn, scripted};
use crate::server::{Program, Server};
use crate::{Effort, fresh_dir};

pub(crate) fn run(programs: &[Program], effort: Effort) {
    println!("\nThe same calls to both servers");
    let [ours, theirs] = programs else {
        println!("  it takes both servers");
        return;
    };
    compare("written", ours, theirs, scripted());
    compare("drawn", ours, theirs, drawn(if effort.smoke { 50 } else { 2_000 }));
}

fn compare(name: &str, ours: &Program, theirs: &Program, calls: Vec<Call>) {
    let (here, there) = (fresh_dir(), fresh_dir());
    let mut ours = Server::start(ours, &here.path().join("memory.jsonl"));
    let mut theirs = Server::start(theirs, &there.path().join("memory.jsonl"));
    let (mut alike, mut expected) = (0, BTreeMap::new());
    let (all, mut unexpected) = (calls.len(), 0);
    for call in calls {
        let [one, other] = [&mut ours, &mut theirs].map(|server| {
            let asked = server.ask(call.method, &call.params);
            essence(&server.answer(asked).expect("it answers"))
        });
        if one == other {
            alike += 1;
        } else if let Some(reason) = call.differs {
            *expected.entry(reason).or_insert(0) += 1;
        } else {
            unexpected += 1;
            println!("  {} {}", call.method, call.params);
            println!("    ours:   {}\n    theirs: {}", shortened(&one), shortened(&other));
        }
    }
    println!("  {name}: {alike} of {all} answers are the same, {unexpected} differ without a known reason");
    for (reason, count) in expected {
        println!("    {count} differ: {reason}");
    }
}

/// What of an answer is the contract: everything but its number.
fn essence(answer: &Value) -> Value {
    let mut answer = answer.clone();
    if let Some(answer) = answer.as_object_mut() {
        answer.remove("id");
    }
    answer
}

fn shortened(answer: &Value) -> String {
    answer.to_string().chars().take(600).collect()
}
