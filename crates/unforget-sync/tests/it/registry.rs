use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use unforget_sync::{InitError, Registry, Shared};

use crate::eventually::{DEADLINE, eventually};
use crate::watchdog::{waiting, watch};

#[test]
fn one_key_is_opened_once_and_shared() {
    static REGISTRY: Registry<String, u8, ()> = Registry::new();
    let _watch = watch();
    let one = REGISTRY.open("a".to_owned(), || Ok(1)).expect("opens");
    let same = REGISTRY.open("a".to_owned(), || Ok(2)).expect("is shared");
    let other = REGISTRY.open("b".to_owned(), || Ok(3)).expect("opens");
    assert_eq!((*one, *same, *other), (1, 1, 3));
    assert!(one.ptr_eq(&same) && one.ptr_eq(&one.clone()) && !one.ptr_eq(&other));
}

#[test]
fn a_value_dies_with_its_last_handle() {
    let _watch = watch();
    let registry = Registry::<u8, u8, ()>::default();
    let first = registry.open(1, || Ok(1)).expect("opens");
    drop(first.clone());
    assert_eq!(*registry.open(1, || Ok(2)).expect("is open"), 1, "a handle was left");
    drop(first);
    assert_eq!(*registry.open(1, || Ok(3)).expect("opens again"), 3);
}

#[test]
fn a_failed_or_panicked_opening_leaves_the_key_usable() {
    let _watch = watch();
    let registry = Registry::<u8, u8, &str>::new();
    let failed = registry.open(1, || Err("no"));
    assert!(matches!(failed, Err(InitError::Failed(error)) if *error == "no"));
    let panicked = catch_unwind(AssertUnwindSafe(|| registry.open(1, || panic!("in the initialiser"))));
    assert!(panicked.is_err(), "the panic was swallowed");
    assert_eq!(*registry.open(1, || Ok(1)).expect("opens"), 1);
}

#[test]
fn a_forgotten_value_is_not_handed_out_again() {
    let _watch = watch();
    let registry = Registry::<u8, u8, ()>::new();
    let closed = registry.open(1, || Ok(1)).expect("opens");
    registry.forget(&1, &closed);
    let reopened = registry.open(1, || Ok(2)).expect("opens");
    registry.forget(&1, &closed);
    let same = registry.open(1, || Ok(3)).expect("is shared");
    assert_eq!((*closed, *reopened, *same), (1, 2, 2), "forgetting twice forgot the new value");
}

#[test]
fn opening_a_key_from_its_own_initialiser_is_an_error() {
    let _watch = watch();
    let registry = Registry::<u8, u8, ()>::new();
    let opened = registry.open(1, || match registry.open(1, || Ok(2)) {
        Err(InitError::Reentrant) => Ok(1),
        _ => Err(()),
    });
    assert_eq!(*opened.expect("re-entry was found"), 1);
}

type Nested = Registry<u8, OpensWhenDropped, ()>;

/// Opens its own key from its destructor and says what came of it.
struct OpensWhenDropped(Arc<Nested>, mpsc::Sender<Result<(), InitError<()>>>);

impl Drop for OpensWhenDropped {
    fn drop(&mut self) {
        let opened = self.0.open(1, || Err(()));
        self.1.send(opened.map(drop)).expect("the test waits for this");
    }
}

#[test]
fn opening_a_key_from_its_own_destructor_is_an_error() {
    let _watch = watch();
    let registry = Arc::new(Nested::new());
    let (told, outcome) = mpsc::channel();
    let opened = registry.open(1, || Ok(OpensWhenDropped(Arc::clone(&registry), told)));
    drop(opened.expect("opens"));
    let outcome = outcome.recv_timeout(DEADLINE).expect("the destructor ran");
    assert!(matches!(outcome, Err(InitError::Reentrant)), "{outcome:?}");
}

/// Holds its destructor up until told to go on.
struct SlowToClose {
    closing: mpsc::Sender<()>,
    go_on: mpsc::Receiver<()>,
    closed: Arc<AtomicUsize>,
}

impl Drop for SlowToClose {
    fn drop(&mut self) {
        self.closing.send(()).expect("the test waits for this");
        self.go_on.recv_timeout(DEADLINE).expect("the test lets it go on");
        self.closed.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn opening_waits_until_the_old_value_is_closed() {
    let _watch = watch();
    let registry = Registry::<u8, Option<SharedSlow>, ()>::new();
    let closed = Arc::new(AtomicUsize::new(0));
    let (closing, is_closing) = mpsc::channel();
    let (let_go, go_on) = mpsc::channel();
    let slow = SharedSlow(std::sync::Mutex::new(SlowToClose { closing, go_on, closed: Arc::clone(&closed) }));
    let first = registry.open(1, || Ok(Some(slow))).expect("opens");
    let opening = AtomicUsize::new(0);
    thread::scope(|threads| {
        threads.spawn(|| drop(first));
        is_closing.recv_timeout(DEADLINE).expect("the destructor began");
        let second = threads.spawn(|| {
            opening.store(1, Ordering::SeqCst);
            let opened = waiting("the end of the first", || registry.open(1, || Ok(None)));
            let opened: Shared<_, _> = opened.expect("opens");
            drop(opened);
            closed.load(Ordering::SeqCst)
        });
        eventually("the second open has begun", || opening.load(Ordering::SeqCst) == 1);
        let_go.send(()).expect("the destructor waits for this");
        assert_eq!(second.join().expect("does not panic"), 1, "opened beside a value still closing");
    });
}

/// Shared between threads although a channel's receiver is not.
struct SharedSlow(#[expect(dead_code, reason = "only its destructor matters")] std::sync::Mutex<SlowToClose>);

#[test]
fn threads_that_open_and_drop_never_meet_two_values() {
    struct Counted<'a>(&'a AtomicUsize);
    impl Drop for Counted<'_> {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
    let _watch = watch();
    let alive = AtomicUsize::new(0);
    let registry = Registry::<u8, Counted<'_>, ()>::new();
    thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                for _ in 0..2_000 {
                    let open = || {
                        assert_eq!(alive.fetch_add(1, Ordering::SeqCst), 0, "two values live at once");
                        Ok(Counted(&alive))
                    };
                    let opened = waiting("the value", || registry.open(1, open));
                    drop(opened.expect("opens"));
                }
            });
        }
    });
    assert_eq!(alive.load(Ordering::SeqCst), 0);
}
