//! What gets past the compiler is refused when the program runs.

use std::any::Any;
use std::thread;

use unforget_sync::ranked::{Before, Level, MAX_HELD, Mutex, Order};

use crate::watchdog::{waiting, watch};

unforget_sync::lock_levels! {
    Turn;
    Contexts: after [Turn];
}

/// Says what nobody declared.
impl Before<Turn> for Contexts {}

/// The message of the panic that `wrong` ends in, on a thread of its own, so that what it forgets it forgets there.
fn refusal(wrong: impl FnOnce() + Send) -> String {
    let outcome = thread::scope(|threads| waiting("the refusal", || threads.spawn(wrong).join()));
    *outcome.expect_err("a wrong order went unnoticed").downcast::<String>().expect("a message")
}

#[test]
fn an_order_by_hand_convinces_the_compiler_only() {
    let _watch = watch();
    let (turn, contexts) = (Mutex::<Turn, _>::new(()), Mutex::<Contexts, _>::new(()));
    let message = refusal(|| {
        let mut root = Order::root();
        let (_contexts, mut order) = contexts.lock(&mut root);
        drop(turn.lock(&mut order));
    });
    assert!(message.contains("`it::ranked_misuse::Turn`") && message.contains("Contexts"), "{message}");
}

#[test]
fn a_forgotten_guard_is_held_until_its_thread_ends() {
    let _watch = watch();
    let (turn, contexts) = (Mutex::<Turn, _>::new(()), Mutex::<Contexts, _>::new(()));
    let message = refusal(|| {
        #[expect(clippy::mem_forget, reason = "nothing keeps a caller from it")]
        std::mem::forget(turn.lock_dynamic());
        drop(contexts.lock_dynamic());
        drop(turn.lock_dynamic());
    });
    assert_eq!(message.lines().count(), 2, "it was refused instead of waiting for itself: {message}");
    assert!(message.contains("`it::ranked_misuse::Turn`"), "{message}");
}

/// Declares each level after all before it, and notes how a lock of it is taken.
macro_rules! chain {
    ($takes:ident; [$($earlier:ident)*]) => {};
    ($takes:ident; [$($earlier:ident)*] $level:ident $($later:ident)*) => {
        unforget_sync::lock_levels! { $level: after [$($earlier),*]; }
        $takes.push(take::<$level>);
        chain!($takes; [$($earlier)* $level] $($later)*);
    };
}

fn take<L: Level>() -> Box<dyn Any> {
    let lock: &'static Mutex<L, ()> = Box::leak(Box::new(Mutex::new(())));
    Box::new(lock.lock_dynamic())
}

#[test]
fn more_locks_than_a_thread_may_hold_are_refused() {
    unforget_sync::lock_levels! { First }
    let _watch = watch();
    let mut takes: Vec<fn() -> Box<dyn Any>> = vec![take::<First>];
    chain!(takes; [First]
        L01 L02 L03 L04 L05 L06 L07 L08 L09 L10 L11 L12 L13 L14 L15 L16 L17 L18 L19 L20 L21 L22 L23 L24 L25 L26
        L27 L28 L29 L30 L31 Last);
    assert_eq!(takes.len(), MAX_HELD + 1);
    let message = refusal(|| {
        let guards: Vec<_> = takes[..MAX_HELD].iter().map(|take| take()).collect();
        assert_eq!(guards.len(), MAX_HELD, "so many are allowed");
        drop(takes[MAX_HELD]());
    });
    let (first, held) = message.split_once('\n').expect("a line for each lock that is held");
    assert!(first.contains("too many locks: `it::ranked_misuse::Last`"), "{message}");
    assert_eq!(held.lines().count(), MAX_HELD, "{message}");
}
