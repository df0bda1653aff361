//! What may survive of a history when the power fails at one moment.

use std::collections::HashMap;

use crate::sim::log::{Fate, Step};
use crate::sim::profile::{Partial, Profile};
use crate::sim::tree::{Op, Tree};

/// How many subsets are drawn where there are more; the regular ones come on top.
const DRAWN: u64 = 2000;

/// The beginning of a history, up to the first change that a crash may still undo.
pub(super) struct Settled {
    pub(super) tree: Tree,
    /// How many steps it is.
    pub(super) steps: usize,
}

impl Settled {
    /// Takes in what has become certain by the moment; certainty only grows.
    pub(super) fn advance(&mut self, steps: &[Step], fates: &[Fate], moment: usize) {
        for (step, fate) in steps.iter().zip(fates).take(moment).skip(self.steps) {
            match step {
                Step::Born(inode, node) => self.tree.add(*inode, node.clone()),
                Step::Op(op) if Certainty::of(*fate, moment) == Certainty::Durable => self.tree.apply(op),
                Step::Op(_) => return,
                Step::Barrier(_) | Step::Mark(_) => {}
            }
            self.steps += 1;
        }
    }
}

/// A history up to a moment at which the power fails.
#[derive(Clone, Copy)]
pub(super) struct History<'a> {
    pub(super) settled: &'a Settled,
    pub(super) steps: &'a [Step],
    pub(super) fates: &'a [Fate],
    pub(super) moment: usize,
    pub(super) profile: Profile,
}

/// A state, and which of the unsynced changes it lacks, by their number among the unsynced.
pub(super) type Outcome = (Partial, Vec<usize>);

impl<'a> History<'a> {
    /// The steps before the moment that are not settled, each with whether it is certain.
    fn steps(self) -> impl Iterator<Item = (&'a Step, Certainty)> {
        let steps = self.steps.iter().zip(self.fates).take(self.moment).skip(self.settled.steps);
        steps.map(move |(step, fate)| (step, Certainty::of(*fate, self.moment)))
    }

    fn unsynced(self) -> impl Iterator<Item = &'a Op> {
        self.steps().filter_map(|(step, certainty)| match step {
            Step::Op(op) if certainty != Certainty::Durable => Some(op),
            _ => None,
        })
    }

    pub(super) fn pending(self) -> usize {
        self.unsynced().count()
    }

    /// Every state; equal ones are merged as soon as they are equal, and known by the fewest losses. The order
    /// is the same in every run, whatever the names of temporary files are.
    pub(super) fn every(self) -> Vec<Outcome> {
        let start = Partial::new(self.settled.tree.clone(), self.profile);
        let mut front = HashMap::from([(start, Vec::new())]);
        let mut number = 0;
        for (step, certainty) in self.steps() {
            match step {
                Step::Born(inode, node) => {
                    front = map(front, |partial| partial.tree.add(*inode, node.clone()));
                }
                Step::Op(op) if certainty == Certainty::Durable => {
                    front = map(front, |partial| partial.tree.apply(op));
                }
                Step::Op(op) => {
                    front = branch(front, op, certainty, number);
                    number += 1;
                }
                Step::Barrier(_) | Step::Mark(_) => {}
            }
        }
        let mut outcomes: Vec<Outcome> = front.into_iter().collect();
        outcomes.sort_by(|(_, one), (_, other)| rank(one).cmp(&rank(other)));
        outcomes
    }

    /// Some states: the regular subsets, and drawn ones.
    pub(super) fn drawn(self, pending: usize) -> Vec<Outcome> {
        let mut random = Random(DRAWN ^ pending as u64);
        let regular = [Vec::new(), (0..pending).collect()].into_iter();
        let missing = (0..pending).map(|one| vec![one]);
        let alone = (0..pending).map(|one| (0..pending).filter(|other| *other != one).collect());
        let drawn = (0..DRAWN).map(|_| (0..pending).filter(|_| random.bit()).collect());
        regular.chain(missing).chain(alone).chain(drawn).map(|lost: Vec<usize>| self.without(&lost)).collect()
    }

    /// The state without some of the unsynced changes, and without those that cannot survive without them.
    pub(super) fn without(self, chosen: &[usize]) -> Outcome {
        let mut partial = Partial::new(self.settled.tree.clone(), self.profile);
        let (mut number, mut lost) = (0, Vec::new());
        for (step, certainty) in self.steps() {
            match step {
                Step::Born(inode, node) => partial.tree.add(*inode, node.clone()),
                Step::Op(op) if certainty == Certainty::Durable => partial.tree.apply(op),
                Step::Op(op) => {
                    if chosen.contains(&number) || !certainty.admits(&partial, op) {
                        certainty.lose(&mut partial, op);
                        lost.push(number);
                    } else {
                        partial.tree.apply(op);
                    }
                    number += 1;
                }
                Step::Barrier(_) | Step::Mark(_) => {}
            }
        }
        (partial, lost)
    }

    pub(super) fn story(self, lost: &[usize]) -> String {
        let next = match self.steps.get(self.moment) {
            Some(Step::Barrier(barrier)) => format!("before a sync of #{} ends", barrier.on),
            Some(Step::Mark(mark)) => format!("before \"{mark}\""),
            _ => "at the end".into(),
        };
        let name = |(number, op): (usize, &Op)| {
            let fate = if lost.contains(&number) { "lost" } else { "kept" };
            format!("\n  {fate}: {op}")
        };
        let changes: String = self.unsynced().enumerate().map(name).collect();
        format!("power failed {next}; of the unsynced changes:{changes}")
    }
}

/// What is known of a change when the power fails.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Certainty {
    Durable,
    Pending,
    /// It is on its own: nothing waits for it, and it waits for nothing.
    GivenUp,
}

impl Certainty {
    fn of(fate: Fate, moment: usize) -> Self {
        match fate {
            Fate::DurableAt(at) if at < moment => Self::Durable,
            Fate::GivenUpAt(at) if at < moment => Self::GivenUp,
            Fate::Pending | Fate::DurableAt(_) | Fate::GivenUpAt(_) => Self::Pending,
        }
    }

    fn admits(self, partial: &Partial, op: &Op) -> bool {
        self == Self::GivenUp || partial.admits(op)
    }

    fn lose(self, partial: &mut Partial, op: &Op) {
        if self != Self::GivenUp {
            partial.lose(op);
        }
    }
}

type Front = HashMap<Partial, Vec<usize>>;

fn map(front: Front, change: impl Fn(&mut Partial)) -> Front {
    front
        .into_iter()
        .map(|(mut partial, lost)| {
            change(&mut partial);
            (partial, lost)
        })
        .collect()
}

/// Splits every state into the one with the change and the one without it.
fn branch(front: Front, op: &Op, certainty: Certainty, number: usize) -> Front {
    let mut next = Front::with_capacity(front.len() * 2);
    for (partial, lost) in front {
        let mut without = partial.clone();
        certainty.lose(&mut without, op);
        let mut losses = lost.clone();
        losses.push(number);
        merge(&mut next, without, losses);
        if certainty.admits(&partial, op) {
            let mut with = partial;
            with.tree.apply(op);
            merge(&mut next, with, lost);
        }
    }
    next
}

fn merge(front: &mut Front, partial: Partial, lost: Vec<usize>) {
    let known = front.entry(partial).or_insert_with(|| lost.clone());
    if rank(&lost) < rank(known) {
        *known = lost;
    }
}

fn rank(lost: &[usize]) -> (usize, &[usize]) {
    (lost.len(), lost)
}

/// Xorshift (Marsaglia 2003); the subsets are the same in every run.
struct Random(u64);

impl Random {
    fn bit(&mut self) -> bool {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 32 & 1 == 1
    }
}
