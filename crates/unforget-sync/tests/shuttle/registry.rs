//! `Registry` and the `InitCell` in it: opened, dropped, forgotten, failed and panicked by many at once.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool as StdBool, AtomicUsize as StdUsize};
use std::sync::{Mutex, PoisonError};

use unforget_sync::primitive::atomic::{AtomicUsize, Ordering};
use unforget_sync::primitive::model::draw;
use unforget_sync::primitive::{Arc, thread};
use unforget_sync::{InitError, Registry, Shared};

use crate::{check, contained, dawdle, panic_on_purpose};

const THREADS: usize = 5;
const ROUNDS: usize = 3;

/// Values of a scenario, each with a number of its own.
#[derive(Default)]
struct World {
    registry: Registry<u8, Value, &'static str>,
    alive: Arc<AtomicUsize>,
    /// Of those alive, how many nobody has begun to forget. std's, so that it changes in one step with the flag of
    /// the value.
    kept: Arc<StdUsize>,
    made: AtomicUsize,
    /// std's, see the ledger of the queue.
    forgotten: Mutex<BTreeSet<usize>>,
}

struct Value {
    number: usize,
    alive: Arc<AtomicUsize>,
    kept: Arc<StdUsize>,
    is_kept: StdBool,
}

impl Value {
    fn no_longer_kept(&self) {
        if self.is_kept.swap(false, Ordering::SeqCst) {
            self.kept.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        // Closing takes a while, during which someone else may open.
        thread::yield_now();
        self.no_longer_kept();
        self.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

impl World {
    /// Makes a value, or fails, or panics.
    fn make(&self, most: usize) -> Result<Value, &'static str> {
        match draw(6) {
            0 => return Err("on purpose"),
            1 => panic_on_purpose(),
            _ => {}
        }
        let before = self.alive.fetch_add(1, Ordering::SeqCst);
        let kept_before = self.kept.fetch_add(1, Ordering::SeqCst);
        let value = Value {
            number: self.made.fetch_add(1, Ordering::SeqCst),
            alive: Arc::clone(&self.alive),
            kept: Arc::clone(&self.kept),
            is_kept: StdBool::new(true),
        };
        assert!(before < most, "{before} values live under one key already");
        assert_eq!(kept_before, 0, "a value lives under the key that nobody has forgotten");
        Ok(value)
    }

    /// Opens the key; `None` if its initialisation failed or panicked, here or in the thread that led it.
    fn open(&self, most: usize) -> Option<Shared<Value, &'static str>> {
        let gone = self.forgotten.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match contained(|| self.registry.open(1, || self.make(most)))? {
            Ok(shared) => {
                assert!(!gone.contains(&shared.number), "the forgotten value {} came back", shared.number);
                Some(shared)
            }
            Err(InitError::Failed(_) | InitError::Panicked) => None,
            Err(InitError::Reentrant) => unreachable!("no initialiser or destructor opens"),
        }
    }

    fn forget(&self, shared: &Shared<Value, &'static str>) {
        shared.no_longer_kept();
        self.registry.forget(&1, shared);
        // Read first: a deref is a scheduling point, and no std lock may be held at one.
        let number = shared.number;
        self.forgotten.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
    }
}

/// Opens and drops the key from all threads, with at most `most` values at a time, and `last` before each drop.
fn rounds(most: usize, last: fn(&World, &Shared<Value, &'static str>)) {
    let world = Arc::new(World::default());
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                for _ in 0..ROUNDS {
                    if let Some(shared) = world.open(most) {
                        dawdle(2);
                        last(&world, &shared);
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("nobody panics but on purpose");
    }
    assert_eq!(world.alive.load(Ordering::SeqCst), 0, "the last handle dropped the value");
}

/// Five threads open and drop one key, and initialisers fail and panic: one value at a time, and the key goes on.
#[test]
fn one_value_lives_at_a_time() {
    check(|| rounds(1, |_, _| {}));
}

/// Some of them forget what they opened, some when others have already: it never comes back, only those who had it
/// keep it, and what was opened in its place stays.
#[test]
fn what_was_forgotten_never_comes_back() {
    check(|| {
        rounds(THREADS, |world, shared| {
            if draw(2) == 0 {
                world.forget(shared);
            }
        });
    });
}
