//! Graphs to begin with.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

/// Writes a memory file of `count` entities with two observations each, and half as many relations.
pub(crate) fn write(file: &Path, count: usize) {
    let mut text = String::new();
    for number in 0..count {
        let entity = json!({
            "type": "entity",
            "name": name(number),
            "entityType": if number % 3 == 0 { "project" } else { "person" },
            "observations": [
                format!("{} likes gliding over the hills of county {}", name(number), number % 97),
                format!("was last seen in hangar {} on a quiet morning", number * 7919 % 100_003),
            ],
        });
        writeln!(text, "{entity}").expect("a string takes everything");
    }
    for number in 0..count / 2 {
        let (from, to) = (name(number), name(number * 31 % count));
        let relation = json!({ "type": "relation", "from": from, "to": to, "relationType": "knows" });
        writeln!(text, "{relation}").expect("a string takes everything");
    }
    std::fs::write(file, text).expect("the file can be written");
}

pub(crate) fn name(number: usize) -> String {
    format!("Entity_{number}")
}

/// The arguments that create one entity.
pub(crate) fn create(name: &str) -> Value {
    json!({ "entities": [{ "name": name, "entityType": "person", "observations": [format!("{name} was here")] }] })
}
