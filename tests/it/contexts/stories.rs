//! What several parts of an assistant do with the contexts of its users, whoever plays them.

use std::collections::BTreeMap;

use super::{Profile, added};

/// One thing that an actor does.
#[derive(Clone, Copy)]
pub(super) enum Step {
    Read { key: &'static str },
    Add { key: &'static str, field: &'static str, amount: i64 },
}

/// What each actor does, one after the other; the actors do it at the same time.
pub(super) struct Story {
    pub(super) actors: Vec<Vec<Step>>,
}

impl Story {
    /// What every key holds in the end, whatever the order of the steps.
    pub(super) fn ends(&self) -> BTreeMap<&'static str, Profile> {
        let mut ends = BTreeMap::new();
        for step in self.actors.iter().flatten() {
            let end: &mut Profile = ends.entry(step.key()).or_default();
            if let Step::Add { field, amount, .. } = *step {
                *end = added(end, field, amount);
            }
        }
        ends
    }

    /// How often `key` is changed.
    pub(super) fn changes(&self, key: &str) -> u64 {
        let steps = self.actors.iter().flatten();
        steps.filter(|step| matches!(step, Step::Add { .. }) && step.key() == key).count() as u64
    }
}

impl Step {
    pub(super) fn key(&self) -> &'static str {
        match *self {
            Self::Read { key } | Self::Add { key, .. } => key,
        }
    }
}

/// The story of this name.
pub(super) fn named(name: &str) -> Story {
    let read = |key| Step::Read { key };
    let add = |key, field, amount| Step::Add { key, field, amount };
    let actors = match name {
        "a hundred readers" => vec![vec![read("ada")]; 100],
        "a hundred updates" => vec![vec![add("ada", "count", 1)]; 100],
        "two users in chat and one by voice" => {
            let talk = |key, channel| [add(key, channel, 1), read(key)].repeat(20);
            vec![talk("ada", "chat"), talk("bob", "chat"), talk("cyd", "voice")]
        }
        "five tasks on one trait" => {
            [7, -3, 11, -5, 2].map(|delta| vec![add("ada", "warmth", delta); 20]).to_vec()
        }
        "chat and voice of one user" => {
            let talk = |channel, other| [add("ada", channel, 1), add("ada", other, 2)].repeat(25);
            vec![talk("chat", "chat words"), talk("voice", "voice words")]
        }
        "three readers and three writers" => {
            let keys = ["ada", "bob", "cyd"];
            let reader = |n: usize| (0..30).map(|step| read(keys[(n + step) % 3])).collect();
            let writer = |n: usize| (0..30).map(|step| add(keys[(n * step) % 3], "count", 1)).collect();
            (0..3).map(reader).chain((0..3).map(writer)).collect()
        }
        _ => panic!("there is no story {name:?}"),
    };
    Story { actors }
}
