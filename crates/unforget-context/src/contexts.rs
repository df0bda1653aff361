//! The handle: reading, changing and viewing contexts.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::deferred::{Deferred, Made, PATIENCE};
use crate::published::Found;
use crate::refresh::Shared;
use crate::snapshot::decode_value;
use crate::store::Next;
use crate::{
    ContextStore, Error, Ownership, Persistence, Result, Saves, Snapshot, Stored, Subscription, View, Watch,
    inside,
};

/// The largest key, in bytes.
pub const KEY_LIMIT: usize = 256;

/// Immutable contexts by key, changed inside the transactions of a store.
///
/// Every handle of a process should be a clone of one: each `Contexts` made by [`Contexts::new`] keeps a published
/// state of its own.
///
/// # The tempting wrong use
///
/// Two reads in one unit of work may show two points in time:
///
/// ```no_run
/// # use unforget_context::{Contexts, UserContext, Error};
/// # fn f(contexts: &Contexts<UserContext>) -> Result<(), Error> {
/// // Wrong: the context may change between the two lines.
/// let conversations = contexts.get("ada")?.map(|ada| ada.conversations_count());
/// let topics = contexts.get("ada")?.map(|ada| ada.topics().len());
/// // Right: one snapshot for one unit of work.
/// if let Some(ada) = contexts.get("ada")? {
///     let (conversations, topics) = (ada.conversations_count(), ada.topics().len());
/// }
/// # Ok(())
/// # }
/// ```
///
/// For the same reason a change is made inside [`update`](Contexts::update), from the value it is given, not from one
/// that was read before.
#[derive(Debug)]
pub struct Contexts<C> {
    shared: Arc<Shared<C>>,
    right: Right<C>,
}

/// By which right changes are made.
#[derive(Debug)]
enum Right<C> {
    /// Each in a transaction of the store.
    Committed(Option<Arc<Ownership>>),
    Deferred(Arc<Deferred<C>>),
}

impl<C> Clone for Contexts<C> {
    fn clone(&self) -> Self {
        let right = match &self.right {
            Right::Committed(shared) => Right::Committed(shared.clone()),
            Right::Deferred(deferred) => Right::Deferred(Arc::clone(deferred)),
        };
        Self { shared: Arc::clone(&self.shared), right }
    }
}

impl<C> Contexts<C>
where
    C: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    /// Shows the contexts of a store, and commits each change.
    pub fn new(store: Arc<dyn ContextStore>) -> Self {
        Self { shared: Shared::new(store, None), right: Right::Committed(None) }
    }

    /// Shows the contexts of a store, and stores changes as `persistence` says.
    ///
    /// Whoever commits each change shares the right to write, and whoever defers has it alone, until the last clone
    /// and what it had to save are gone. So a process that defers is overwritten by nobody and overwrites nobody.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`] names who has the contexts open in a way that excludes this one;
    /// [`Error::NotOwnable`] if this store cannot be owned.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use unforget_context::{Contexts, MemoryStore, Persistence, SaveWindow, UserContext};
    ///
    /// let deferred = Persistence::Deferred { window: SaveWindow::default() };
    /// let contexts: Contexts<UserContext> = Contexts::open(Arc::new(MemoryStore::default()), deferred)?;
    /// contexts.get_or_create("ada", || UserContext::new("ada"))?;
    /// contexts.update("ada", |ada| ada.with_topic("gliding"))?; // published, and not stored yet
    /// contexts.flush()?;
    /// assert_eq!(contexts.saves().map(|saves| saves.status().unsaved), Some(0));
    /// # Ok::<(), unforget_context::Error>(())
    /// ```
    pub fn open(store: Arc<dyn ContextStore>, persistence: Persistence) -> Result<Self> {
        match persistence {
            Persistence::Committed => {
                let right = Right::Committed(Some(Arc::new(store.share()?)));
                Ok(Self { shared: Shared::new(store, None), right })
            }
            Persistence::Deferred { window } => {
                let (shared, deferred) = Deferred::open(&store, window)?;
                Ok(Self { shared, right: Right::Deferred(Arc::new(deferred)) })
            }
        }
    }

    /// Waits until every change that was published before is stored. Changes that are committed are.
    ///
    /// # Errors
    ///
    /// [`Error::Unsaved`] if that took longer than 10 s; its source is why the last attempt failed, if one did.
    /// Nothing is lost by it: it is tried again, and [`saves`](Self::saves) tells how it goes. [`Error::Forked`] in a child
    /// of the process that opened the contexts, at once.
    ///
    /// # Blocking
    ///
    /// For one save, or until attempts that fail have failed for 10 s.
    pub fn flush(&self) -> Result<()> {
        self.flush_timeout(PATIENCE)
    }

    /// As [`flush`](Self::flush), with another time than 10 s.
    pub fn flush_timeout(&self, timeout: Duration) -> Result<()> {
        self.deferred().map_or(Ok(()), |deferred| deferred.flush(timeout))
    }

    /// Stores what is not stored and refuses further changes, through every clone. Reads go on, of what was
    /// published last: what others commit thereafter is seen by contexts that are opened again.
    ///
    /// Dropping the last clone does the same without a word. Where changes are committed there is nothing to do.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush), and then it has given up; what it could not store is lost with this process.
    pub fn shutdown(&self) -> Result<()> {
        self.shutdown_timeout(PATIENCE)
    }

    /// As [`shutdown`](Self::shutdown), with another time than 10 s.
    pub fn shutdown_timeout(&self, timeout: Duration) -> Result<()> {
        self.deferred().map_or(Ok(()), |deferred| deferred.close(timeout))
    }

    /// Tells how saving goes; `None` where each change is committed.
    pub fn saves(&self) -> Option<Saves> {
        self.deferred().map(Deferred::saves)
    }

    fn deferred(&self) -> Option<&Deferred<C>> {
        match &self.right {
            Right::Committed(_) => None,
            Right::Deferred(deferred) => Some(deferred),
        }
    }

    /// Shows the contexts of a store, and keeps at most `keys` of them in memory.
    ///
    /// A context that is not kept is read from the store when it is asked for. What was not read for longest goes
    /// first, roughly. A [`view`](Self::view) reads the whole store then, and keeps all of it for as long as it lives.
    pub fn bounded(store: Arc<dyn ContextStore>, keys: NonZeroUsize) -> Self {
        Self { shared: Shared::new(store, Some(keys)), right: Right::Committed(None) }
    }

    /// Answers the context of `key` as of now: whatever any process acknowledged before this call is in it, and
    /// no later call answers an older one.
    ///
    /// # Blocking
    ///
    /// Not at all while the store's [`Generation`](crate::Generation) says that nothing changed. Otherwise asks the
    /// store what did; never waits for writers.
    #[inline]
    pub fn get(&self, key: &str) -> Result<Option<Snapshot<C>>> {
        match self.shared.get(key)? {
            Some(found) => Ok(Some(found)),
            None => check_key(key).map(|()| None),
        }
    }

    /// Answers the context of `key` as last published in this process; `None` also if it is not kept, or was not read
    /// yet.
    ///
    /// Never waits and never touches the store. What other processes acknowledged meanwhile is not in it.
    #[inline]
    pub fn peek(&self, key: &str) -> Result<Option<Snapshot<C>>> {
        match self.shared.last().find(key) {
            Found::Context(decoded) => decoded.map(Some).map_err(Arc::unwrap_or_clone),
            Found::Nothing | Found::NotKept => Ok(None),
        }
    }

    /// Shows every context at one point in time, as of now. Cheap to take and to hold, unless there is a bound.
    ///
    /// # Blocking
    ///
    /// As [`get`](Self::get). With a [bound](Self::bounded) it reads every context from the store.
    pub fn view(&self) -> Result<View<C>> {
        let state = self.shared.refresh()?;
        if state.is_complete() { Ok(View::published(state)) } else { self.shared.whole().map(View::read) }
    }

    /// Watches the context of `key`, whether or not there is one.
    pub fn watch(&self, key: &str) -> Result<Watch<C>> {
        check_key(key)?;
        Watch::new(Arc::clone(&self.shared), key)
    }

    /// Subscribes to all changes from now on.
    pub fn subscribe(&self) -> Result<Subscription<C>> {
        Subscription::new(Arc::clone(&self.shared))
    }

    /// Answers the context of `key`, creating it from `make` if there is none. Of several callers one creates it.
    pub fn get_or_create(
        &self,
        key: &str,
        mut make: impl FnMut() -> C + Send + 'static,
    ) -> Result<Snapshot<C>> {
        if let Some(found) = self.get(key)? {
            return Ok(found);
        }
        if let Some(deferred) = self.deferred() {
            return deferred.answer(key, move |found| match found {
                Some(_) => Ok(Made::Keep),
                None => Ok(Made::Put(make())),
            });
        }
        let name = key.to_owned();
        self.change(key, move |stored| match stored {
            Some(Stored { value: Some(_), .. }) => Ok(Next::Keep),
            _ => encode(&name, &make()),
        })
    }

    /// Creates the context of `key`. Of several callers one creates it.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyExists`] tells the revision of the one there is.
    pub fn insert_new(&self, key: &str, value: C) -> Result<Snapshot<C>> {
        check_key(key)?;
        if let Some(deferred) = self.deferred() {
            return deferred.insert_new(key, value);
        }
        let encoded = encode(key, &value)?;
        let name = key.to_owned();
        self.change(key, move |stored| match stored {
            Some(Stored { value: Some(_), revision, .. }) => {
                Err(Error::AlreadyExists { key: name.clone(), revision: *revision })
            }
            _ => Ok(encoded.clone()),
        })
    }

    /// Replaces the context of `key` by what `change` makes of it, and answers the new one after the commit.
    ///
    /// `change` runs inside the write transaction on the stored value, whichever process wrote that, so no update is
    /// lost. It may run more than once and must have no effects of its own.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is no context of this key; [`Error::Reentrant`] inside the closure of another
    /// change, of whatever context.
    ///
    /// # Blocking
    ///
    /// Waits for the commit, at most for the deadline of the store.
    pub fn update(&self, key: &str, mut change: impl FnMut(&C) -> C + Send + 'static) -> Result<Snapshot<C>> {
        if let Some(deferred) = self.deferred() {
            return deferred.update(key, |old| Ok(change(old)));
        }
        let name = key.to_owned();
        self.change(key, move |stored| {
            let old: C = existing(&name, stored)?;
            encode(&name, &change(&old))
        })
    }

    /// As [`update`](Self::update), but only if the context still has `revision`.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] tells the revision it has.
    pub fn update_if(
        &self,
        key: &str,
        revision: u64,
        mut change: impl FnMut(&C) -> C + Send + 'static,
    ) -> Result<Snapshot<C>> {
        if let Some(deferred) = self.deferred() {
            return deferred.update_if(key, revision, change);
        }
        let name = key.to_owned();
        self.change(key, move |stored| {
            let found = stored.filter(|stored| stored.value.is_some()).map_or(0, |stored| stored.revision);
            if found != revision {
                return Err(Error::Conflict { key: name.clone(), expected: revision, found });
            }
            let old: C = existing(&name, stored)?;
            encode(&name, &change(&old))
        })
    }

    /// Removes the context of `key`; false if there was none. Of several callers one is told true.
    pub fn remove(&self, key: &str) -> Result<bool> {
        check_key(key)?;
        if let Some(deferred) = self.deferred() {
            return deferred.remove(key);
        }
        let name = key.to_owned();
        let removed = self.shared.change(
            key,
            Box::new(move |stored| match stored {
                Some(Stored { value: Some(_), .. }) => Ok(Next::Remove),
                _ => Err(Error::NotFound { key: name.clone() }),
            }),
        );
        match removed {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn change(
        &self,
        key: &str,
        mut change: impl FnMut(Option<&Stored>) -> Result<Next> + Send + 'static,
    ) -> Result<Snapshot<C>> {
        check_key(key)?;
        let change = move |stored: Option<&Stored>| inside::changing(|| change(stored));
        let changed = self.shared.change(key, Box::new(change))?;
        changed.ok_or_else(|| Error::NotFound { key: key.to_owned() })
    }
}

fn existing<C: DeserializeOwned>(key: &str, stored: Option<&Stored>) -> Result<C> {
    match stored {
        Some(Stored { value: Some(json), .. }) => decode_value(key, json),
        _ => Err(Error::NotFound { key: key.to_owned() }),
    }
}

/// Encodes a value and reads it back: what can be written is not always what can be read (a `NaN` becomes `null`), and
/// once it is stored, nothing else could be.
fn encode<C: Serialize + DeserializeOwned>(key: &str, value: &C) -> Result<Next> {
    encode_value(key, value).map(Next::Put)
}

pub(crate) fn encode_value<C: Serialize + DeserializeOwned>(key: &str, value: &C) -> Result<String> {
    let encoded =
        serde_json::to_string(value).and_then(|json| serde_json::from_str::<C>(&json).map(|_| json));
    encoded.map_err(|error| Error::Unencodable { key: key.to_owned(), reason: error.to_string() })
}

pub(crate) fn check_key(key: &str) -> Result<()> {
    let problem = if key.is_empty() {
        "is empty; name one".to_owned()
    } else if key.len() > KEY_LIMIT {
        format!("has {} bytes; at most {KEY_LIMIT} are allowed", key.len())
    } else if key.chars().any(char::is_control) {
        "holds control characters; leave them out".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::InvalidKey { problem })
}
