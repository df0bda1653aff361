//! The check at run time: it panics exactly when it has to, says what it has to, and holds no grudge.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use unforget_sync::Contention;
use unforget_sync::ranked::{Mutex, Order, RwLock};

use crate::eventually::eventually;
use crate::watchdog::{waiting, watch};

unforget_sync::lock_levels! {
    Repository;
    Turn: after [Repository];
    Contexts: after [Repository, Turn];
    Index: after [Repository, Turn, Contexts];
}

/// The message of the panic that `wrong` has to end in.
fn refusal(wrong: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(wrong)).expect_err("a wrong order went unnoticed");
    *panic.downcast::<String>().expect("a message")
}

/// Takes every level, so it panics if anything is left on this thread's stack.
fn assert_nothing_is_held() {
    drop(Mutex::<Repository, _>::new(()).lock_dynamic());
}

#[test]
fn a_wrong_order_panics_and_names_every_lock() {
    let _watch = watch();
    let (repository, turn) = (Mutex::<Repository, _>::new(()), RwLock::<Turn, _>::new(()));
    let contexts = Mutex::<Contexts, _>::new(());
    let message = refusal(|| {
        let _repository = repository.lock_dynamic();
        let _contexts = contexts.lock_dynamic();
        let _turn = turn.read_dynamic();
    });
    let (first, held) = message.split_once('\n').expect("a line for each lock that is held");
    assert!(
        first.contains("ranked::Turn` at") && first.contains("after `it::ranked::Contexts`"),
        "{message}"
    );
    let held: Vec<_> = held.lines().map(|line| line.trim().split(" since ").next()).collect();
    assert_eq!(held, [Some("`it::ranked::Repository`"), Some("`it::ranked::Contexts`")], "{message}");
    assert_eq!(message.matches(file!()).count(), 4, "a place for each lock: {message}");
    assert_nothing_is_held();
}

#[test]
fn a_wrong_order_panics_before_it_waits() {
    let _watch = watch();
    let turn = Mutex::<Turn, _, _>::with_contention((), Contention::new());
    let contexts = Mutex::<Contexts, _>::new(());
    thread::scope(|threads| {
        let turn_is_held = turn.lock_dynamic();
        let refused = threads.spawn(|| {
            refusal(|| {
                let _contexts = contexts.lock_dynamic();
                drop(turn.lock_dynamic());
            })
        });
        let waits = || turn.contention().snapshot().waiting() > 0;
        eventually("it is refused or waits", || refused.is_finished() || waits());
        assert!(!waits(), "it waits for the lock, in an order in which the other may wait for it");
        let refusal = waiting("the refusal", || refused.join()).expect("refused while another has the lock");
        assert!(refusal.contains("Turn"));
        drop(turn_is_held);
    });
}

#[test]
fn a_second_root_does_not_get_around_the_order() {
    let _watch = watch();
    let (turn, contexts) = (Mutex::<Turn, _>::new(()), Mutex::<Contexts, _>::new(()));
    let message = refusal(|| {
        let mut root = Order::root();
        let (_contexts, _) = contexts.lock(&mut root);
        drop(turn.lock(&mut Order::root()));
    });
    assert!(message.contains("Turn") && message.contains("Contexts"), "{message}");
    assert_nothing_is_held();
}

#[test]
fn one_lock_is_not_taken_twice() {
    let _watch = watch();
    let index = RwLock::<Index, _>::new(0);
    assert!(refusal(|| drop((index.read_dynamic(), index.read_dynamic()))).contains("Index"));
    assert!(refusal(|| drop((index.read_dynamic(), index.write_dynamic()))).contains("Index"));
    assert!(refusal(|| drop((index.write_dynamic(), index.write_dynamic()))).contains("Index"));
    *index.write_dynamic() += 1;
    assert_eq!(index.into_inner(), 1);
}

#[test]
fn guards_are_dropped_in_any_order() {
    let _watch = watch();
    let (turn, contexts) = (Mutex::<Turn, _>::new(()), Mutex::<Contexts, _>::new(()));
    let index = Mutex::<Index, _>::new(());
    let turn_held = turn.lock_dynamic();
    let contexts_held = contexts.lock_dynamic();
    let index_held = index.lock_dynamic();
    drop(contexts_held);
    let message = refusal(|| drop(contexts.lock_dynamic()));
    let held: Vec<_> = message.lines().skip(1).map(|line| line.trim().split(" since ").next()).collect();
    assert_eq!(held, [Some("`it::ranked::Turn`"), Some("`it::ranked::Index`")], "{message}");
    drop(index_held);
    let message = refusal(|| drop(turn.lock_dynamic()));
    assert_eq!(message.lines().count(), 2, "only the turn is held: {message}");
    drop((contexts.lock_dynamic(), index.lock_dynamic()));
    drop(turn_held);
    assert_nothing_is_held();
}

#[test]
fn a_panic_lets_go_of_what_is_held() {
    let _watch = watch();
    let (turn, contexts) = (Mutex::<Turn, _>::new(1), RwLock::<Contexts, _>::new(1));
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut root = Order::root();
        let (mut turn, mut order) = turn.lock(&mut root);
        let (_contexts, _) = contexts.write(&mut order);
        *turn = 2;
        panic!("while both are held");
    }));
    assert!(outcome.is_err());
    assert_nothing_is_held();
    assert_eq!((*turn.lock_dynamic(), *contexts.read_dynamic()), (2, 1), "usable, and as they were left");
}

#[test]
fn every_thread_has_a_stack_of_its_own() {
    let _watch = watch();
    let (turn, contexts) = (Mutex::<Turn, _>::new(0), Mutex::<Contexts, _>::new(0));
    let contexts_held = contexts.lock_dynamic();
    thread::scope(|threads| {
        let other = threads.spawn(|| *turn.lock(&mut Order::root()).0 += 1);
        other.join().expect("what this thread holds is not held by the other");
    });
    drop(contexts_held);
    assert_eq!(*turn.lock_dynamic(), 1);
}

#[test]
fn data_are_kept_from_other_threads_in_order() {
    let _watch = watch();
    let from = Mutex::<Turn, _>::new(4_000_u64);
    let to = RwLock::<Contexts, _, Contention>::with_contention(0_u64, Contention::new());
    thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                let mut root = Order::root();
                for _ in 0..1_000 {
                    let (mut from, mut order) = from.lock(&mut root);
                    let (mut to, _) = to.write(&mut order);
                    (*from, *to) = (*from - 1, *to + 1);
                    assert_eq!(*from + *to, 4_000, "somebody else was in between");
                }
            });
        }
    });
    let counted = to.contention().snapshot();
    assert_eq!((counted.uncontended + counted.contended, counted.waiting()), (4_000, 0));
    assert_eq!((from.into_inner(), to.into_inner()), (0, 4_000));
}
