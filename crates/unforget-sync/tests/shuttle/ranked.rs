//! Ranked locks of three levels under five threads: in order they never deadlock, out of order they are refused.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Once;

use unforget_sync::Contention;
use unforget_sync::primitive::model::draw;
use unforget_sync::primitive::{Arc, thread};
use unforget_sync::ranked::{Mutex, MutexGuard, Order, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::check;

unforget_sync::lock_levels! {
    Turn;
    Contexts: after [Turn];
    Index: after [Turn, Contexts];
}

const THREADS: usize = 5;
const ROUNDS: usize = 2;
const STEPS: usize = 6;
const LEVELS: usize = 3;

/// Each counts its changes.
struct Store {
    turn: Mutex<Turn, usize, Contention>,
    contexts: RwLock<Contexts, usize>,
    index: Mutex<Index, usize>,
}

enum Guard<'a> {
    Turn(MutexGuard<'a, Turn, usize>),
    Reading(RwLockReadGuard<'a, Contexts, usize>),
    Writing(RwLockWriteGuard<'a, Contexts, usize>),
    Index(MutexGuard<'a, Index, usize>),
}

impl Store {
    fn new() -> Self {
        Self {
            turn: Mutex::with_contention(0, Contention::new()),
            contexts: RwLock::new(0),
            index: Mutex::new(0),
        }
    }

    fn lock(&self, level: usize) -> Guard<'_> {
        match level {
            0 => Guard::Turn(self.turn.lock_dynamic()),
            1 if draw(2) == 0 => Guard::Reading(self.contexts.read_dynamic()),
            1 => Guard::Writing(self.contexts.write_dynamic()),
            _ => Guard::Index(self.index.lock_dynamic()),
        }
    }
}

impl Guard<'_> {
    /// Uses the data and says how often it changed them.
    fn work(&mut self) -> usize {
        match self {
            Guard::Turn(data) => change(data),
            Guard::Reading(data) => {
                let before = **data;
                thread::yield_now();
                assert_eq!(**data, before, "someone wrote while someone read");
                0
            }
            Guard::Writing(data) => change(data),
            Guard::Index(data) => change(data),
        }
    }
}

/// In two steps, so that another's step in between would be lost.
fn change(data: &mut usize) -> usize {
    let before = *data;
    thread::yield_now();
    *data = before + 1;
    1
}

/// Which locks a thread holds, and what it has done; what is refused is compared with what it holds.
#[derive(Default)]
struct Walk<'a> {
    held: [Option<Guard<'a>>; LEVELS],
    changes: usize,
    turns: usize,
}

impl<'a> Walk<'a> {
    /// Lets go of a lock it holds, in whatever order, or tries to take one that it does not.
    fn step(&mut self, store: &'a Store, level: usize) {
        if self.held[level].take().is_some() {
            return;
        }
        let in_order = self.held[level..].iter().all(Option::is_none);
        match refusal(|| store.lock(level)) {
            Ok(mut guard) => {
                assert!(in_order, "level {level} was taken after a later one");
                self.changes += guard.work();
                self.turns += usize::from(level == 0);
                self.held[level] = Some(guard);
            }
            Err(message) => assert!(!in_order, "level {level} is in order, but: {message}"),
        }
    }
}

/// Takes all three, with the tokens that let the compiler see the order.
fn climb(store: &Store) -> usize {
    let mut root = Order::root();
    let (mut turn, mut order) = store.turn.lock(&mut root);
    let (mut contexts, mut order) = store.contexts.write(&mut order);
    let done = change(&mut turn);
    drop(turn);
    let (mut index, _) = store.index.lock(&mut order);
    done + change(&mut contexts) + change(&mut index)
}

/// Locks, and says how that was refused if it was.
fn refusal<T>(lock: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(lock)).map_err(|panic| match panic.downcast::<String>() {
        Ok(message) if is_refusal(&*message) => *message,
        Ok(other) => resume_unwind(other),
        Err(other) => resume_unwind(other),
    })
}

/// Refusals are part of this scenario, and shuttle's hook would print a schedule for each as if it had failed.
/// Called inside the scenario, by when that hook is there.
fn keep_refusals_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !is_refusal(panic.payload()) {
                hook(panic);
            }
        }));
    });
}

fn is_refusal(panic: &(dyn Any + Send)) -> bool {
    panic.downcast_ref::<String>().is_some_and(|message| message.starts_with("wrong lock order"))
}

/// Five threads take and drop three levels in any order: what is in order is never refused, what is not always is,
/// before it waits, and nobody waits for ever.
#[test]
fn locks_of_three_levels_are_taken_in_order_or_refused() {
    check(|| {
        keep_refusals_quiet();
        let store = Arc::new(Store::new());
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let store = Arc::clone(&store);
                thread::spawn(move || {
                    let (mut changes, mut turns) = (0, 0);
                    for _ in 0..ROUNDS {
                        let mut walk = Walk::default();
                        (0..STEPS).for_each(|_| walk.step(&store, draw(LEVELS)));
                        (changes, turns) = (changes + walk.changes, turns + walk.turns);
                        drop(walk);
                        (changes, turns) = (changes + climb(&store), turns + 1);
                    }
                    (changes, turns)
                })
            })
            .collect();
        let done: Vec<_> = threads.into_iter().map(|thread| thread.join().expect("does not panic")).collect();
        let (changes, turns) = done.into_iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));

        let counted = store.turn.contention().snapshot();
        assert_eq!(counted.waiting(), 0, "nobody waits any more");
        let acquisitions = usize::try_from(counted.uncontended + counted.contended).expect("a few");
        assert_eq!(acquisitions, turns, "each turn was counted once, and no refusal");
        let Ok(Store { turn, contexts, index }) = Arc::try_unwrap(store) else {
            unreachable!("every thread has let go of it")
        };
        let stored = turn.into_inner() + contexts.into_inner() + index.into_inner();
        assert_eq!(stored, changes, "a change was lost under a lock");
    });
}
