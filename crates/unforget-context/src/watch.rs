//! Waiting for changes: of one context, or of any.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use unforget_sync::{Clock, SystemClock};

use crate::refresh::Shared;
use crate::{Changed, Result, Snapshot, View};

/// How often a waiting thread asks whether another process changed something; threads of this one wake it.
const POLL: Duration = Duration::from_millis(50);

/// The longest wait that is told from waiting for ever.
const FAR: Duration = Duration::from_hours(24 * 365);

/// Waits for changes of one context.
///
/// **Guarantee:** the latest change is never missed: a wait that begins after it, or before it, ends. What happens
/// between two waits is told once.
///
/// A change through a handle that shares this one's state wakes at once; one by another process is found within 50 ms,
/// or what the store's generation needs to tell of it.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use unforget_context::{Contexts, MemoryStore, UserContext};
///
/// let contexts: Contexts<UserContext> = Contexts::new(Arc::new(MemoryStore::default()));
/// let mut watch = contexts.watch("ada")?;
/// contexts.get_or_create("ada", || UserContext::new("ada"))?;
/// assert!(watch.wait_timeout(Duration::from_secs(10))?);
/// assert_eq!(watch.latest().map(|ada| ada.revision()), Some(1));
/// assert!(!watch.wait_timeout(Duration::ZERO)?, "nothing more has changed");
/// # Ok::<(), unforget_context::Error>(())
/// ```
#[derive(Debug)]
pub struct Watch<C> {
    shared: Arc<Shared<C>>,
    key: Arc<str>,
    told: Option<Snapshot<C>>,
}

impl<C: DeserializeOwned> Watch<C> {
    pub(crate) fn new(shared: Arc<Shared<C>>, key: &str) -> Result<Self> {
        let told = shared.get(key)?;
        Ok(Self { shared, key: Arc::from(key), told })
    }

    /// The context as it was when this was made or last told of a change; `None` if there was none.
    pub fn latest(&self) -> Option<&Snapshot<C>> {
        self.told.as_ref()
    }

    /// Waits until the context has changed since it was last told, and tells; false if it has not within `timeout`.
    ///
    /// # Errors
    ///
    /// As [`Contexts::get`](crate::Contexts::get); the change is told again then.
    ///
    /// # Blocking
    ///
    /// At most for `timeout`, apart from asking the store.
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<bool> {
        let Self { shared, key, told } = self;
        let changed = wait(shared, timeout, || {
            let now = shared.get(key)?;
            let revision = |snapshot: &Option<Snapshot<C>>| snapshot.as_ref().map(Snapshot::revision);
            Ok((revision(&now) != revision(told)).then_some(now))
        })?;
        let is_changed = changed.is_some();
        if let Some(now) = changed {
            *told = now;
        }
        Ok(is_changed)
    }
}

/// What a subscriber is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A context changed. Where it changed several times before this process looked, only the last one is told.
    Changed(Changed),
    /// The subscriber was too slow, and so many changes were forgotten. What they left is in the contexts: take a
    /// [`View`], and go on from that ([`Subscription::go_on_from`]).
    Lagged {
        /// How many.
        missed: u64,
    },
}

/// Waits for changes of any context, in the order of their commits.
///
/// **Guarantee:** each change that is published after the subscription is told, or counted as missed. At least the
/// last 512 are remembered, for all subscribers together; nobody waits for a slow one, and it costs the others nothing.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use unforget_context::{Contexts, Event, MemoryStore, UserContext};
///
/// let contexts: Contexts<UserContext> = Contexts::new(Arc::new(MemoryStore::default()));
/// let mut changes = contexts.subscribe()?;
/// contexts.get_or_create("ada", || UserContext::new("ada"))?;
/// match changes.wait_timeout(Duration::from_secs(10))? {
///     Some(Event::Changed(changed)) => assert_eq!((changed.key(), changed.revision()), ("ada", 1)),
///     Some(Event::Lagged { .. }) => changes.go_on_from(&contexts.view()?),
///     other => panic!("{other:?}"),
/// }
/// # Ok::<(), unforget_context::Error>(())
/// ```
#[derive(Debug)]
pub struct Subscription<C> {
    shared: Arc<Shared<C>>,
    /// How many changes of the published state are told, counted as missed, or waiting here.
    taken: u64,
    /// The latest first.
    waiting: Vec<Changed>,
    /// Changes up to this one are not told.
    known: u64,
}

impl<C: DeserializeOwned> Subscription<C> {
    pub(crate) fn new(shared: Arc<Shared<C>>) -> Result<Self> {
        let state = shared.refresh()?;
        let (taken, known) = (state.recent().total(), state.seq());
        Ok(Self { shared, taken, waiting: Vec::new(), known })
    }

    /// Answers the next change if there is one.
    ///
    /// # Errors
    ///
    /// As [`Contexts::get`](crate::Contexts::get); no change is lost by it.
    pub fn try_next(&mut self) -> Result<Option<Event>> {
        loop {
            while let Some(changed) = self.waiting.pop() {
                if changed.seq() > self.known {
                    return Ok(Some(Event::Changed(changed)));
                }
            }
            let state = self.shared.refresh()?;
            let followed = state.recent().after(self.taken);
            self.taken = state.recent().total();
            self.waiting = followed.changes;
            if followed.missed > 0 && state.seq() > self.known {
                return Ok(Some(Event::Lagged { missed: followed.missed }));
            }
            if self.waiting.is_empty() {
                return Ok(None);
            }
        }
    }

    /// Waits for the next change; `None` if there was none within `timeout`.
    ///
    /// # Errors
    ///
    /// As [`try_next`](Self::try_next).
    ///
    /// # Blocking
    ///
    /// At most for `timeout`, apart from asking the store.
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Option<Event>> {
        let shared = Arc::clone(&self.shared);
        wait(&shared, timeout, || self.try_next())
    }

    /// Leaves out the changes that are in `view`.
    pub fn go_on_from(&mut self, view: &View<C>) {
        self.known = self.known.max(view.seq());
    }
}

/// Asks `look` at once, after each publication and every [`POLL`], until it answers something or `timeout` has passed.
fn wait<C, T>(
    shared: &Shared<C>,
    timeout: Duration,
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<Option<T>> {
    let deadline = SystemClock.now() + timeout.min(FAR);
    loop {
        let rung = shared.bell().count();
        if let Some(found) = look()? {
            return Ok(Some(found));
        }
        let (until, is_last) = next_look(deadline);
        if !shared.bell().wait_past(rung, until) && is_last {
            return look();
        }
    }
}

/// When to look again, and whether that is the last time.
fn next_look(deadline: Instant) -> (Instant, bool) {
    let look = SystemClock.now() + POLL;
    if deadline <= look { (deadline, true) } else { (look, false) }
}
