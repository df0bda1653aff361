//! Every context at one point in time.

use std::sync::Arc;

use unforget_sync::Published;

use crate::published::{Found, State};
use crate::{Error, Result, Snapshot};

/// Every context at one point in time.
#[derive(Debug)]
pub struct View<C> {
    state: Whole<C>,
}

#[derive(Debug)]
enum Whole<C> {
    Published(Arc<Published<State<C>>>),
    /// Read for this view, because not all contexts are kept.
    Read(State<C>),
}

impl<C> View<C> {
    pub(crate) fn published(state: Arc<Published<State<C>>>) -> Self {
        Self { state: Whole::Published(state) }
    }

    pub(crate) fn read(state: State<C>) -> Self {
        Self { state: Whole::Read(state) }
    }

    fn state(&self) -> &State<C> {
        match &self.state {
            Whole::Published(state) => state,
            Whole::Read(state) => state,
        }
    }

    /// The context of `key` at that time.
    pub fn get(&self, key: &str) -> Result<Option<Snapshot<C>>> {
        match self.state().find(key) {
            Found::Context(decoded) => decoded.map(Some).map_err(own),
            Found::Nothing | Found::NotKept => Ok(None),
        }
    }

    /// The contexts, in no particular order; an error for each whose value is not of this type.
    pub fn iter(&self) -> impl Iterator<Item = Result<Snapshot<C>>> {
        self.state().iter().map(|decoded| decoded.map_err(own))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.state().len()
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of the last change that is in it, among the changes of all contexts of the store.
    pub fn seq(&self) -> u64 {
        self.state().seq()
    }
}

fn own(error: Arc<Error>) -> Error {
    Arc::unwrap_or_clone(error)
}
