//! The store of an owner, as its readers see it: nothing changes there that they have not got.

use std::collections::HashMap;
use std::sync::Arc;

use crate::published::{Found, State};
use crate::store::Generation;
use crate::{Change, Changes, ContextStore, Error, Moment, Result, Stored};

/// A store that is asked once. From then on its owner publishes every change itself, so the one moment lasts.
#[derive(Debug)]
pub(super) struct Still {
    store: Arc<dyn ContextStore>,
}

impl Still {
    pub(super) fn of(store: Arc<dyn ContextStore>) -> Self {
        Self { store }
    }
}

impl ContextStore for Still {
    fn changes_since(&self, seq: u64) -> Result<Changes> {
        self.store.changes_since(seq)
    }

    fn read(&self, key: &str) -> Result<Option<Stored>> {
        self.store.read(key)
    }

    fn update(&self, _: &str, _: Change) -> Result<Option<Stored>> {
        Err(Error::NotOwnable)
    }

    fn generation(&self) -> Option<Arc<dyn Generation>> {
        Some(Arc::new(Moment::new(0, 0)))
    }
}

impl Generation for Moment {
    fn now(&self) -> Option<Moment> {
        Some(*self)
    }
}

/// The revisions of what is stored and has no snapshot in `state`.
pub(super) fn unshown<C>(store: &dyn ContextStore, state: &State<C>) -> Result<HashMap<Arc<str>, u64>> {
    let rows = store.changes_since(0)?.rows;
    let unshown = rows.into_iter().filter(|row| !matches!(state.find(&row.key), Found::Context(Ok(_))));
    Ok(unshown.map(|row| (Arc::from(row.key.as_str()), row.revision)).collect())
}
