//! Who wants to know of every commit of this process.

use std::sync::{Arc, Weak};

use unforget_sync::primitive::Mutex;

use crate::told::{contain, discard};

type Observer = Arc<dyn Fn(usize) + Send + Sync>;

#[derive(Default)]
pub(crate) struct Observers {
    registered: Mutex<Registered>,
}

#[derive(Default)]
struct Registered {
    next: u64,
    /// Replaced as a whole, so that nothing is held while they run.
    observers: Arc<[(u64, Observer)]>,
}

impl Observers {
    /// Tells of a batch of which `kept` operations are in the file now.
    pub(crate) fn tell(&self, kept: usize) {
        if kept == 0 {
            return;
        }
        let observers = Arc::clone(&self.registered.lock().observers);
        for (_, observer) in observers.iter() {
            contain(|| observer(kept));
        }
        // One that was unregistered meanwhile is dropped here.
        discard(observers);
    }

    pub(crate) fn register(self: &Arc<Self>, observer: Observer) -> OnCommit {
        let mut registered = self.registered.lock();
        let number = registered.next;
        registered.next += 1;
        let others = registered.observers.iter().cloned();
        registered.observers = others.chain([(number, observer)]).collect();
        OnCommit { observers: Arc::downgrade(self), number }
    }

    fn unregister(&self, number: u64) {
        let mut registered = self.registered.lock();
        let others: Arc<[_]> =
            registered.observers.iter().filter(|(other, _)| *other != number).cloned().collect();
        let before = std::mem::replace(&mut registered.observers, others);
        drop(registered);
        // Its destructor is the caller's, and may ask for this very lock.
        drop(before);
    }
}

impl std::fmt::Debug for Observers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observers").field("registered", &self.registered.lock().observers.len()).finish()
    }
}

/// Keeps a function registered that [`Database::on_commit`](crate::Database::on_commit) was given, until it is dropped.
///
/// A call that has begun when this is dropped is not waited for.
#[derive(Debug)]
#[must_use = "the function is not called any more once this is dropped"]
pub struct OnCommit {
    observers: Weak<Observers>,
    number: u64,
}

impl Drop for OnCommit {
    fn drop(&mut self) {
        if let Some(observers) = self.observers.upgrade() {
            observers.unregister(self.number);
        }
    }
}
