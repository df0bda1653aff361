//! The requests that are in flight: read and not yet answered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rmcp::model::RequestId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many requests are in flight at most; no more is read before one of them is answered.
pub(crate) const REQUESTS: u32 = 256;

/// How many bytes the requests in flight take at most, about. A larger one is alone.
const BYTES: u32 = 64 << 20;

/// How many reads of the graph are in memory at most, from their beginning until their answers are written.
const READS: usize = 4;

/// How many requests listen for changes at most. They are in flight until the end, and if they were all that is, nothing
/// would be read any more, not even the end of the input.
pub(crate) const LISTENERS: usize = 32;

/// Bounds what is in flight, so that a client that sends and does not read fills no memory.
#[derive(Debug)]
pub(crate) struct InFlight {
    requests: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    reads: Arc<Semaphore>,
    listeners: Arc<Semaphore>,
    open: Mutex<HashMap<RequestId, Arc<Slot>>>,
}

/// A request's share of the bounds. It is given back when the answer is written and the request's work is done,
/// whichever is later: the work of a cancelled request, which nobody will answer, counts until it ends.
#[derive(Debug)]
pub(crate) struct Slot {
    _request: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
    read: Mutex<Option<OwnedSemaphorePermit>>,
}

/// The place of a listener, given back with its last clone.
#[derive(Debug, Clone)]
pub(crate) struct Listening {
    _permit: Arc<OwnedSemaphorePermit>,
}

impl InFlight {
    pub(crate) fn new() -> Self {
        Self {
            requests: Arc::new(Semaphore::new(REQUESTS as usize)),
            bytes: Arc::new(Semaphore::new(BYTES as usize)),
            reads: Arc::new(Semaphore::new(READS)),
            listeners: Arc::new(Semaphore::new(LISTENERS)),
            open: Mutex::default(),
        }
    }

    /// Waits until another request of that many bytes may be in flight.
    pub(crate) async fn admit(&self, bytes: usize) -> Option<Slot> {
        let bytes = u32::try_from(bytes).unwrap_or(BYTES).min(BYTES);
        let request = Arc::clone(&self.requests).acquire_owned().await.ok()?;
        let bytes = Arc::clone(&self.bytes).acquire_many_owned(bytes).await.ok()?;
        Some(Slot { _request: request, _bytes: bytes, read: Mutex::new(None) })
    }

    /// Enters a request; `None` if another one with its id has not been answered yet.
    pub(crate) fn enter(&self, id: RequestId, slot: Slot) -> Option<Arc<Slot>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.contains_key(&id) {
            return None;
        }
        let slot = Arc::new(slot);
        open.insert(id, Arc::clone(&slot));
        Some(slot)
    }

    /// Takes out a request that was answered or that nobody waits for any more.
    pub(crate) fn leave(&self, id: &RequestId) -> Option<Arc<Slot>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(id)
    }

    /// Waits until a read of the graph may be in memory, and counts it as `slot`'s.
    pub(crate) async fn admit_read(&self, slot: &Slot) {
        let permit = Arc::clone(&self.reads).acquire_owned().await.ok();
        *slot.read.lock().unwrap_or_else(PoisonError::into_inner) = permit;
    }

    /// The place of one more listener, if there is one.
    pub(crate) fn admit_listener(&self) -> Option<Listening> {
        let permit = Arc::clone(&self.listeners).try_acquire_owned().ok()?;
        Some(Listening { _permit: Arc::new(permit) })
    }

    /// Waits until nothing is in flight; `false` if something still was when `patience` was over. Nothing may be
    /// admitted any more.
    pub(crate) async fn drained(&self, patience: Duration) -> bool {
        tokio::time::timeout(patience, self.requests.acquire_many(REQUESTS)).await.is_ok()
    }
}
