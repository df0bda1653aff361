//! Every state that can be reached, each once.

use std::collections::HashMap;

use super::world::{Protocol, World};

/// More states than any of these models has; a model that grew past it has lost its bound.
const STATES_AT_MOST: usize = 4_000_000;

pub(super) enum Found {
    /// The shortest way there.
    TwoHolders { states: usize, trace: Vec<String> },
    Nothing {
        states: usize,
        /// States from which no living process can get the lock any more.
        stuck: usize,
        /// States in which somebody holds the lock after a holder died.
        takeovers: usize,
    },
}

/// The states by number, in the order they were found.
#[derive(Default)]
struct Seen {
    numbers: HashMap<World, usize>,
    /// Who found each state, by what.
    origins: Vec<(usize, usize, &'static str)>,
    /// Which states each can come from.
    before: Vec<Vec<usize>>,
    has_holder: Vec<bool>,
    is_over: Vec<bool>,
    takeovers: usize,
}

impl Seen {
    /// Notes a state; true if it is new.
    fn note(&mut self, world: &World, origin: (usize, usize, &'static str)) -> bool {
        if let Some(number) = self.numbers.get(world) {
            self.before[*number].push(origin.0);
            return false;
        }
        self.numbers.insert(world.clone(), self.origins.len());
        self.origins.push(origin);
        self.before.push(vec![origin.0]);
        self.has_holder.push(world.has_holder());
        self.is_over.push(world.processes.iter().all(|process| !process.is_alive));
        self.takeovers += usize::from(world.a_holder_died && world.has_holder());
        assert!(self.origins.len() < STATES_AT_MOST, "the model has a bound");
        true
    }

    fn trace(&self, world: &World) -> Vec<String> {
        let mut number = self.numbers[world];
        let mut steps = Vec::new();
        while number != 0 {
            let (from, process, what) = self.origins[number];
            steps.push(format!("process {process}: {what}"));
            number = from;
        }
        steps.reverse();
        steps
    }

    /// How many states there are with somebody alive and no way to a holder.
    fn stuck(&self) -> usize {
        let mut can = self.has_holder.clone();
        let mut queue: Vec<usize> = (0..can.len()).filter(|number| can[*number]).collect();
        while let Some(number) = queue.pop() {
            for from in &self.before[number] {
                if !std::mem::replace(&mut can[*from], true) {
                    queue.push(*from);
                }
            }
        }
        (0..can.len()).filter(|number| !can[*number] && !self.is_over[*number]).count()
    }
}

pub(super) fn search(protocol: &impl Protocol) -> Found {
    let mut seen = Seen::default();
    let begin = protocol.begin().tidied();
    seen.note(&begin, (0, 0, "begins"));
    let mut level = vec![begin];
    while !level.is_empty() {
        let mut next = Vec::new();
        for world in &level {
            let number = seen.numbers[world];
            for (process, what, after) in successors(protocol, world) {
                if seen.note(&after, (number, process, what)) {
                    if after.has_two_holders() {
                        return Found::TwoHolders { states: seen.origins.len(), trace: seen.trace(&after) };
                    }
                    next.push(after);
                }
            }
        }
        level = next;
    }
    Found::Nothing { states: seen.origins.len(), stuck: seen.stuck(), takeovers: seen.takeovers }
}

fn successors(protocol: &impl Protocol, world: &World) -> Vec<(usize, &'static str, World)> {
    let alive = (0..world.processes.len()).filter(|index| world.processes[*index].is_alive);
    alive
        .flat_map(|me| {
            let steps = protocol.step(world, me).into_iter().map(|(what, after)| (what, after.tidied()));
            steps.chain([("is killed", world.kill(me))]).map(move |(what, after)| (me, what, after))
        })
        .collect()
}
