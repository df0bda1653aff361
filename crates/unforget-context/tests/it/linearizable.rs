//! What several threads did and saw, explained by one order of their calls.
//!
//! Each key is a register of its own. A history is checked after Wing and Gong: it is linearizable if some order of
//! its calls, in which none comes before one that had ended when it began, gives every answer. What was tried in vain
//! is remembered, so that a history costs at most as many steps as there are sets of calls times states.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use unforget_context::{Contexts, Error, MemoryStore};

const KEYS: [&str; 2] = ["ada", "bob"];

#[derive(Debug, Clone, Copy)]
enum Op {
    Insert,
    Get,
    Add(u32),
    AddIf(u64),
    Remove,
}

/// What a call answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// A value and its revision.
    Found(u32, u64),
    Nothing,
    /// The revision it has.
    Refused(u64),
    Removed(bool),
}

#[derive(Debug, Clone, Copy)]
struct Call {
    op: Op,
    answer: Answer,
    began: u64,
    ended: u64,
}

/// One key as it is when nobody else uses it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Register {
    value: Option<u32>,
    revision: u64,
}

impl Register {
    fn set(self, value: Option<u32>) -> (Self, Answer) {
        let next = Self { value, revision: self.revision + 1 };
        (next, value.map_or(Answer::Removed(true), |value| Answer::Found(value, next.revision)))
    }

    fn shown(self) -> u64 {
        self.value.map_or(0, |_| self.revision)
    }

    fn apply(self, op: Op) -> (Self, Answer) {
        match (op, self.value) {
            (Op::Insert, None) => self.set(Some(0)),
            (Op::Insert, Some(_)) => (self, Answer::Refused(self.revision)),
            (Op::Get, value) => (self, value.map_or(Answer::Nothing, |n| Answer::Found(n, self.revision))),
            (Op::AddIf(revision), _) if revision != self.shown() => (self, Answer::Refused(self.shown())),
            (Op::Add(_) | Op::AddIf(_), None) => (self, Answer::Nothing),
            (Op::Add(n), Some(old)) => self.set(Some(old + n)),
            (Op::AddIf(_), Some(old)) => self.set(Some(old + 1)),
            (Op::Remove, None) => (self, Answer::Removed(false)),
            (Op::Remove, Some(_)) => self.set(None),
        }
    }
}

fn is_linearizable(calls: &[Call]) -> bool {
    assert!(calls.len() <= 64, "a set of calls is a word");
    let mut tried = HashSet::new();
    let mut open = vec![(0_u64, Register::default())];
    while let Some((done, register)) = open.pop() {
        if done.count_ones() as usize == calls.len() {
            return true;
        }
        if !tried.insert((done, register)) {
            continue;
        }
        let left = || calls.iter().enumerate().filter(|(index, _)| done & (1 << index) == 0);
        let first_end = left().map(|(_, call)| call.ended).min().unwrap_or(u64::MAX);
        for (index, call) in left().filter(|(_, call)| call.began < first_end) {
            let (next, answer) = register.apply(call.op);
            if answer == call.answer {
                open.push((done | 1 << index, next));
            }
        }
    }
    false
}

fn carry_out(contexts: &Contexts<u32>, key: &str, op: Op) -> Answer {
    let outcome = match op {
        Op::Insert => contexts.insert_new(key, 0).map(Some),
        Op::Get => contexts.get(key),
        Op::Add(n) => contexts.update(key, move |old| old + n).map(Some),
        Op::AddIf(revision) => contexts.update_if(key, revision, |old| old + 1).map(Some),
        Op::Remove => return Answer::Removed(contexts.remove(key).unwrap()),
    };
    match outcome {
        Ok(Some(snapshot)) => Answer::Found(*snapshot, snapshot.revision()),
        Ok(None) | Err(Error::NotFound { .. }) => Answer::Nothing,
        Err(Error::Conflict { found, .. }) => Answer::Refused(found),
        Err(Error::AlreadyExists { revision, .. }) => Answer::Refused(revision),
        other => other.map(|_| Answer::Nothing).unwrap(),
    }
}

/// Runs each plan in a thread, through its handle, and answers the calls of each key.
fn run(handles: &[Contexts<u32>], plans: &[Vec<(usize, Op)>]) -> BTreeMap<&'static str, Vec<Call>> {
    let time = AtomicU64::new(0);
    let now = || time.fetch_add(1, Ordering::SeqCst);
    let run = |contexts: &Contexts<u32>, plan: &[(usize, Op)]| -> Vec<(&'static str, Call)> {
        let call = |&(key, op): &(usize, Op)| {
            let began = now();
            let answer = carry_out(contexts, KEYS[key], op);
            (KEYS[key], Call { op, answer, began, ended: now() })
        };
        plan.iter().map(call).collect()
    };
    let done: Vec<_> = std::thread::scope(|threads| {
        let threads: Vec<_> = plans
            .iter()
            .enumerate()
            .map(|(n, plan)| threads.spawn(move || run(&handles[n % handles.len()], plan)))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let mut by_key = BTreeMap::<_, Vec<_>>::new();
    for (key, call) in done {
        by_key.entry(key).or_default().push(call);
    }
    by_key
}

fn op() -> impl Strategy<Value = (usize, Op)> {
    let op = prop_oneof![
        2 => Just(Op::Insert),
        6 => Just(Op::Get),
        4 => (1..9_u32).prop_map(Op::Add),
        3 => (0..12_u64).prop_map(Op::AddIf),
        1 => Just(Op::Remove),
    ];
    (0..KEYS.len(), op)
}

proptest! {
    // A run is not repeated by its input alone, so shrinking would look for something else. What failed is printed
    // whole: the plans, and what each call answered when.
    #![proptest_config(ProptestConfig { cases: 200, max_shrink_iters: 0, failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_threads_see_of_each_context_is_explained_by_one_order(
        plans in prop::collection::vec(prop::collection::vec(op(), 4..16), 4),
        bounded in any::<bool>(),
    ) {
        let store = Arc::new(MemoryStore::default());
        let one = std::num::NonZeroUsize::MIN;
        let handle = || if bounded { Contexts::bounded(store.clone(), one) } else { Contexts::new(store.clone()) };
        for (key, calls) in run(&[handle(), handle()], &plans) {
            prop_assert!(is_linearizable(&calls), "{key}: {calls:#?}");
        }
    }
}

fn call(op: Op, answer: Answer, began: u64, ended: u64) -> Call {
    Call { op, answer, began, ended }
}

#[test]
fn the_checker_refuses_what_no_order_explains() {
    let insert = call(Op::Insert, Answer::Found(0, 1), 0, 1);
    let add = call(Op::Add(5), Answer::Found(5, 2), 2, 5);
    let read = |value, revision, began, ended| call(Op::Get, Answer::Found(value, revision), began, ended);
    assert!(is_linearizable(&[insert, add, read(0, 1, 3, 4)]), "a read during a change may see either");
    assert!(is_linearizable(&[insert, add, read(5, 2, 3, 4)]), "a read during a change may see either");
    assert!(!is_linearizable(&[insert, add, read(0, 1, 6, 7)]), "a read after a change sees it");
    assert!(!is_linearizable(&[insert, add, read(5, 2, 3, 4), read(0, 1, 4, 6)]), "reads do not go back");
    let lost = [insert, add, call(Op::Add(1), Answer::Found(1, 2), 2, 5)];
    assert!(!is_linearizable(&lost), "an update was lost");
}
