//! The thread that saves.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use unforget_sync::{Backoff, Deliverer, Delivery};

use super::status::Board;
use super::{Writer, found};
use crate::contexts::encode_value;
use crate::refresh::Shared;
use crate::{ContextStore, Error, Ownership, Result, Saved};

/// The waits after failures: 50 ms, doubling up to 5 s.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

pub(super) struct Saver<C> {
    pub(super) store: Arc<dyn ContextStore>,
    pub(super) shared: Arc<Shared<C>>,
    pub(super) writer: Arc<Writer>,
    pub(super) board: Arc<Board>,
}

impl<C> Saver<C>
where
    C: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    /// Starts the thread. It holds the ownership until it has ended: as long as it may still save.
    pub(super) fn start(
        self,
        mut deliverer: Deliverer<Arc<str>, ()>,
        ownership: Ownership,
    ) -> Result<thread::JoinHandle<()>> {
        let run = move || {
            self.run(&mut deliverer);
            self.board.has_ended();
            drop(ownership);
        };
        thread::Builder::new().name("unforget-saver".to_owned()).spawn(run).map_err(Error::store)
    }

    fn run(&self, deliverer: &mut Deliverer<Arc<str>, ()>) {
        let backoff = || {
            Backoff::default().base(FIRST_WAIT).cap(LONGEST_WAIT).attempts(u32::MAX).deadline(Duration::MAX)
        };
        let mut delays = backoff().delays();
        while let Some(delivery) = deliverer.wait() {
            if self.deliver(delivery) {
                delays = backoff().delays();
            } else if !self.board.wait_after_failure(delays.next().unwrap_or(LONGEST_WAIT)) {
                return;
            }
        }
    }

    /// Saves what is due, but for contexts that cannot be stored, which keep no other from it. False if some are left.
    fn deliver(&self, mut delivery: Delivery<'_, Arc<str>, ()>) -> bool {
        let attempt = self.board.begin(delivery.len());
        let keys = delivery.iter().map(|(key, ())| key);
        let (mut rows, mut refused) = (Vec::new(), Vec::new());
        for key in keys {
            match guarded(|| self.newest(key)) {
                Ok(saved) => rows.push(saved),
                Err(error) => refused.push((Arc::clone(key), error)),
            }
        }
        let stored = self.save(&mut rows, &mut refused);
        let saved_all = stored.is_ok() && refused.is_empty();
        // Told before the delivery ends: whoever waits for that finds out why something was not saved.
        let refusal = || refused.first().map(|(_, error)| error.clone());
        self.board.ended(attempt, rows.len(), stored.as_ref().err().cloned().or_else(refusal));
        if saved_all {
            delivery.done();
        } else if stored.is_ok() {
            delivery.retain(|key, ()| refused.iter().any(|(refused, _)| refused == key));
        }
        saved_all
    }

    /// Saves `rows`, but for those that the store refuses for what they are; then these are in `refused`.
    fn save(&self, rows: &mut Vec<Saved>, refused: &mut Vec<(Arc<str>, Error)>) -> Result<()> {
        while !rows.is_empty() {
            let Err(error) = guarded(|| self.store.save(rows)) else { return Ok(()) };
            let at = error.refused_key().and_then(|key| rows.iter().position(|row| row.key == key));
            let Some(at) = at else { return Err(error) };
            refused.push((Arc::from(rows.remove(at).key), error));
        }
        Ok(())
    }

    /// The context as it is published now. A revision and its value are read from one snapshot, those of a removal
    /// while nobody can publish.
    fn newest(&self, key: &Arc<str>) -> Result<Saved> {
        loop {
            if let Some(snapshot) = found(self.shared.last().find(key))? {
                let value = Some(encode_value::<C>(key, &snapshot)?);
                return Ok(Saved { key: key.to_string(), revision: snapshot.revision(), value });
            }
            // None if it was created again since.
            let removed = self.writer.lock().unshown.get(key).copied();
            if let Some(revision) = removed {
                return Ok(Saved { key: key.to_string(), revision, value: None });
            }
        }
    }
}

/// Makes an error of a panic: this thread is the only one that saves, and goes on whatever a value or a store does.
fn guarded<T>(f: impl FnOnce() -> Result<T>) -> Result<T> {
    let panicked =
        |_| Err(Error::store(std::io::Error::other("a value or the store panicked while it was saved")));
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(panicked)
}
