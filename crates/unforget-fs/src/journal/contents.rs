//! What a new file of a journal begins with.

use super::frame::{self, Chain};
use super::scan::Line;

/// The bytes of a file, and what the next line continues.
pub(super) struct Contents {
    pub(super) text: String,
    pub(super) chain: Chain,
}

impl Contents {
    /// A first line with a random id, and lines that were in other files.
    ///
    /// The file gets its name only when all of it is durable, so every line may say that: damage to any of
    /// them is told from a torn tail even if nothing is ever appended.
    pub(super) fn new(id: &str, base: u64, lines: &[Line]) -> Self {
        let mut text = String::new();
        let committed = base + lines.len() as u64;
        let mut chain = Chain::begin(&mut text, base, committed, &frame::epoch_json(id));
        for line in lines {
            chain.push(&mut text, committed, &line.json);
        }
        Self { text, chain }
    }
}
