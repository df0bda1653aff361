//! The check at run time against an oracle that knows nothing but the declared order.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::*;
use unforget_sync::Contention;
use unforget_sync::ranked::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Declared as libraries and a program above them would: two levels without an order between two that have one,
/// one level put before those of others, and one that stands alone.
mod library {
    unforget_sync::lock_levels! {
        pub(super) Low;
        pub(super) Left: after [Low];
        pub(super) Right: after [Low];
        pub(super) High: after [Low, Left, Right];
    }
}
use library::{High, Left, Low, Right};

use crate::watchdog::watch;
unforget_sync::lock_levels! {
    Caller: before [Low, Left, Right, High];
    Between: after [Low, Left] before [High];
    Alone;
}

/// The pairs as a person would write them down: the first comes before the second.
const ORDER: [(&str, &str); 12] = [
    ("Low", "Left"),
    ("Low", "Right"),
    ("Low", "High"),
    ("Left", "High"),
    ("Right", "High"),
    ("Caller", "Low"),
    ("Caller", "Left"),
    ("Caller", "Right"),
    ("Caller", "High"),
    ("Low", "Between"),
    ("Left", "Between"),
    ("Between", "High"),
];

/// Levels that exclude each other only because no single crate knows both: `Caller` and `Between` have no declared
/// order, but what lies between them gives them one.
fn comes_before(first: &str, second: &str) -> bool {
    ORDER.iter().any(|&(earlier, later)| earlier == first && (later == second || comes_before(later, second)))
}

/// Everything held, and the one taken last also by its own declaration.
fn may_be_taken(held: &[&str], wanted: &str) -> bool {
    let after_last = held.last().is_none_or(|last| ORDER.contains(&(*last, wanted)));
    after_last && held.iter().all(|held| comes_before(held, wanted))
}

#[derive(Debug, Clone)]
enum Op {
    Take {
        level: usize,
        how: How,
    },
    /// Counted back from the one taken last.
    Drop {
        back: usize,
    },
}

#[derive(Debug, Clone, Copy)]
enum How {
    Mutex,
    Measured,
    Read,
    Write,
}

/// A lock of each kind at one level.
struct Locks<L>(Mutex<L, ()>, Mutex<L, (), Contention>, RwLock<L, ()>);

trait Takes {
    fn take(&self, how: How) -> Box<dyn Guard + '_>;
}

trait Guard {}
impl<L: unforget_sync::ranked::Level> Guard for MutexGuard<'_, L, ()> {}
impl<L: unforget_sync::ranked::Level> Guard for RwLockReadGuard<'_, L, ()> {}
impl<L: unforget_sync::ranked::Level> Guard for RwLockWriteGuard<'_, L, ()> {}

impl<L: unforget_sync::ranked::Level> Takes for Locks<L> {
    fn take(&self, how: How) -> Box<dyn Guard + '_> {
        match how {
            How::Mutex => Box::new(self.0.lock_dynamic()),
            How::Measured => Box::new(self.1.lock_dynamic()),
            How::Read => Box::new(self.2.read_dynamic()),
            How::Write => Box::new(self.2.write_dynamic()),
        }
    }
}

fn locks<L: unforget_sync::ranked::Level>() -> Box<dyn Takes> {
    Box::new(Locks::<L>(Mutex::new(()), Mutex::with_contention((), Contention::new()), RwLock::new(())))
}

/// Returns what the check refused, step by step.
fn run(levels: &[(&'static str, Box<dyn Takes>)], ops: &[Op]) -> Vec<Option<bool>> {
    let mut held: BTreeMap<usize, Box<dyn Guard + '_>> = BTreeMap::new();
    let mut steps = Vec::new();
    for (step, op) in ops.iter().enumerate() {
        steps.push(match *op {
            Op::Take { level, how } => {
                let taken = catch_unwind(AssertUnwindSafe(|| levels[level].1.take(how)));
                let refused = taken.is_err();
                held.extend(taken.ok().map(|guard| (step, guard)));
                Some(refused)
            }
            Op::Drop { back } => {
                let key = held.keys().rev().nth(back).copied();
                drop(key.and_then(|key| held.remove(&key)));
                None
            }
        });
    }
    steps
}

fn oracle(levels: &[(&'static str, Box<dyn Takes>)], ops: &[Op]) -> Vec<Option<bool>> {
    let mut held: Vec<&str> = Vec::new();
    let step = |op: &Op| match *op {
        Op::Take { level, .. } => {
            let refused = !may_be_taken(&held, levels[level].0);
            held.extend((!refused).then_some(levels[level].0));
            Some(refused)
        }
        Op::Drop { back } => {
            held.len().checked_sub(1 + back).map(|index| held.remove(index));
            None
        }
    };
    ops.iter().map(step).collect()
}

fn op() -> impl Strategy<Value = Op> {
    let how = prop_oneof![Just(How::Mutex), Just(How::Measured), Just(How::Read), Just(How::Write)];
    prop_oneof![
        3 => (0..7_usize, how).prop_map(|(level, how)| Op::Take { level, how }),
        2 => (0..4_usize).prop_map(|back| Op::Drop { back }),
    ]
}

proptest! {
    #[test]
    fn the_check_panics_exactly_when_the_oracle_says_so(ops in prop::collection::vec(op(), 1..40)) {
        let _watch = watch();
        let levels = [
            ("Caller", locks::<Caller>()),
            ("Low", locks::<Low>()),
            ("Left", locks::<Left>()),
            ("Right", locks::<Right>()),
            ("Between", locks::<Between>()),
            ("High", locks::<High>()),
            ("Alone", locks::<Alone>()),
        ];
        prop_assert_eq!(run(&levels, &ops), oracle(&levels, &ops), "whether each step is refused");
        prop_assert_eq!(run(&levels, &ops), oracle(&levels, &ops), "nothing is left behind");
    }
}
