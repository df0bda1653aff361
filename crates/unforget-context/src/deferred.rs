//! Changes that are published first and saved soon.

mod saver;
mod status;
mod still;
mod verbs;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use std::{process, thread};

use serde::Serialize;
use serde::de::DeserializeOwned;
use unforget_sync::primitive::{Mutex, MutexGuard};
use unforget_sync::{Clock, Coalescer, FlushError, SystemClock, Window};

use self::saver::Saver;
use self::status::Board;
use crate::published::Found;
use crate::refresh::Shared;
use crate::{ContextStore, Error, Result, SaveWindow, Snapshot, inside};

pub use self::status::{SaveStatus, Saves};

/// How long a flush waits, and the end for what is not saved yet.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// What a change makes of a context.
pub(crate) enum Made<C> {
    Keep,
    Put(C),
    Remove,
}

/// The one writer of a store that it owns.
///
/// ```text
/// update: look ─► make the value ─► lock: still what was looked at? ─► publish ─► say that the key waits ─► unlock
/// saver:  take the keys that are due ─► look up their newest values ─► one transaction ─► done, or all wait again
/// flush:  lock and unlock ─► all that waits is due ─► wait until it has been delivered
/// ```
///
/// The lock makes publishing and saying so one step, so that whoever has *seen* a change and then flushes waits for it.
/// What the saver saves for a key is at least as new as what made the key wait: it looks after it took the key.
#[derive(Debug)]
pub(crate) struct Deferred<C> {
    shared: Arc<Shared<C>>,
    /// Bounded by the keys in memory: each waits once.
    waiting: Coalescer<Arc<str>, ()>,
    writer: Arc<Writer>,
    board: Arc<Board>,
    clock: Arc<dyn Clock>,
    saver: Mutex<Option<thread::JoinHandle<()>>>,
    opened_by: u32,
}

/// Held to publish. No caller's code runs under it, not even a destructor.
#[derive(Debug, Default)]
struct Writer {
    state: Mutex<Publishing>,
}

#[derive(Debug, Default)]
struct Publishing {
    closed: bool,
    /// The last revisions of contexts that were removed or cannot be read, which no snapshot tells.
    unshown: HashMap<Arc<str>, u64>,
}

impl<C> Deferred<C>
where
    C: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    /// Owns the store, loads it, and starts to save.
    pub(crate) fn open(store: &Arc<dyn ContextStore>, window: SaveWindow) -> Result<(Arc<Shared<C>>, Self)> {
        Self::open_on(store, window, Arc::new(SystemClock))
    }

    fn open_on(
        store: &Arc<dyn ContextStore>,
        window: SaveWindow,
        clock: Arc<dyn Clock>,
    ) -> Result<(Arc<Shared<C>>, Self)> {
        let ownership = store.own()?;
        let shared = Shared::new(Arc::new(still::Still::of(Arc::clone(store))), None);
        // Before anything is changed: what others read of the store is what it holds.
        let state = shared.refresh()?;
        let unshown = still::unshown(&**store, &state)?;
        let SaveWindow { quiet, max_delay } = window;
        let window = Window { quiet, max_delay, keys: std::num::NonZeroUsize::MAX };
        let (waiting, deliverer) = Coalescer::new(window, Arc::clone(&clock));
        let board = Arc::new(Board::new(waiting.clone()));
        let writer = Arc::new(Writer { state: Mutex::new(Publishing { closed: false, unshown }) });
        let saver = Saver {
            store: Arc::clone(store),
            shared: Arc::clone(&shared),
            writer: Arc::clone(&writer),
            board: Arc::clone(&board),
        };
        let saver = saver.start(deliverer, ownership)?;
        let saver = Mutex::new(Some(saver));
        Ok((
            Arc::clone(&shared),
            Self { shared, waiting, writer, board, clock, saver, opened_by: process::id() },
        ))
    }

    /// Publishes what `change` makes of the context of `key`; it runs again if another thread was faster.
    pub(crate) fn change(
        &self,
        key: &str,
        mut change: impl FnMut(Option<&Snapshot<C>>) -> Result<Made<C>>,
    ) -> Result<Option<Snapshot<C>>> {
        loop {
            let seen = self.find(key)?;
            let made = inside::changing(|| change(seen.as_ref()))?;
            if matches!(made, Made::Keep) {
                return Ok(seen);
            }
            match self.publish(key, seen.as_ref(), made)? {
                Published::As(snapshot) => return Ok(snapshot),
                Published::No(_) => {}
            }
        }
    }

    fn find(&self, key: &str) -> Result<Option<Snapshot<C>>> {
        found(self.shared.last().find(key))
    }

    /// Publishes if the context still has the revision that was `seen`; a revision never means two values.
    fn publish(&self, key: &str, seen: Option<&Snapshot<C>>, made: Made<C>) -> Result<Published<C>> {
        let shared_key = seen.map_or_else(|| Arc::from(key), Snapshot::shared_key);
        inside::check()?;
        let mut writer = self.writer.lock();
        if writer.closed {
            return Err(Error::Closed);
        }
        // Kept until after the unlock, or values would be dropped under it, and a destructor may be anything.
        let before = self.shared.last().into_arc();
        let now = found(before.find(key))?;
        if now.as_ref().map(Snapshot::revision) != seen.map(Snapshot::revision) {
            return Ok(Published::No(made));
        }
        let last = seen.map(Snapshot::revision).or_else(|| writer.unshown.get(key).copied()).unwrap_or(0);
        let revision = last + 1;
        let snapshot = match made {
            Made::Put(value) => Some(Snapshot::new(Arc::clone(&shared_key), revision, value)),
            Made::Keep | Made::Remove => None,
        };
        let next = match &snapshot {
            Some(snapshot) => before.with_changed(snapshot.clone()),
            None => before.with_removed(&shared_key, revision),
        };
        if snapshot.is_some() {
            if seen.is_none() {
                writer.unshown.remove(key);
            }
        } else {
            writer.unshown.insert(Arc::clone(&shared_key), revision);
        }
        self.shared.put(next);
        let put = self.waiting.put(shared_key, ());
        drop(writer);
        drop((before, now));
        self.shared.bell().ring();
        // The saver is gone without having been told to end.
        put.map_err(|_| Error::Closed)?;
        Ok(Published::As(snapshot))
    }
}

impl<C> Deferred<C> {
    /// Waits until everything that was published before is stored.
    pub(crate) fn flush(&self, patience: Duration) -> Result<()> {
        self.refuse_fork()?;
        let deadline = self.clock.now() + patience;
        // Whoever has published by now has said so after this.
        drop(self.writer.lock());
        self.board.hurry();
        match self.waiting.flush_until(deadline) {
            Ok(()) => Ok(()),
            Err(FlushError::TimedOut | FlushError::Undelivered) => Err(self.board.unsaved()),
        }
    }

    /// Saves everything and ends; gives up at the deadline.
    pub(crate) fn close(&self, patience: Duration) -> Result<()> {
        self.refuse_fork()?;
        self.writer.lock().closed = true;
        let flushed = self.flush(patience);
        self.board.end();
        self.waiting.close();
        if flushed.is_ok()
            && let Some(saver) = self.saver.lock().take()
        {
            let _it_has_nothing_to_tell = saver.join();
        }
        flushed
    }

    /// A child has neither the thread that saves nor whoever had a lock at the moment of the fork: it would wait for ever.
    fn refuse_fork(&self) -> Result<()> {
        let opened_by = self.opened_by;
        if opened_by == process::id() { Ok(()) } else { Err(Error::Forked { opened_by }) }
    }

    pub(crate) fn saves(&self) -> Saves {
        Saves::new(Arc::clone(&self.board))
    }
}

impl Writer {
    fn lock(&self) -> MutexGuard<'_, Publishing> {
        self.state.lock()
    }
}

impl<C> Drop for Deferred<C> {
    /// What is left is told by [`Saves`].
    fn drop(&mut self) {
        let _nobody_is_left_to_tell = self.close(PATIENCE);
    }
}

enum Published<C> {
    As(Option<Snapshot<C>>),
    /// Somebody else changed it meanwhile.
    No(Made<C>),
}

fn found<C>(found: Found<C>) -> Result<Option<Snapshot<C>>> {
    match found {
        Found::Context(decoded) => decoded.map(Some).map_err(Arc::unwrap_or_clone),
        Found::Nothing | Found::NotKept => Ok(None),
    }
}
