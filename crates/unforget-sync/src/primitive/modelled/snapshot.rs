//! What stands in for arc-swap under a model checker, which cannot see inside it.

use ::std::ops::Deref;
use ::std::sync::PoisonError;

use super::additions::Watched;
use crate::primitive::Arc;
use crate::primitive::atomic::{AtomicUsize, Ordering};

/// arc-swap's contract, modelled: the pointer is an atomic that a load may see late, never torn, never backwards.
///
/// The pointer is an index into everything published in this execution, so an address is never used twice.
pub(crate) struct AtomicSnapshot<T> {
    /// Release by `replace`, Acquire by `load`: the value is complete before its index can be seen.
    current: Watched<AtomicUsize>,
    published: ::std::sync::Mutex<Vec<Arc<T>>>,
}

/// What arc-swap lends is a reference counted here: when it is counted is arc-swap's affair.
pub(crate) struct LoadedSnapshot<T>(Arc<T>);

/// arc-swap's cache, modelled: a look at the pointer that orders nothing, and a load if it is another.
pub(crate) struct CachedSnapshot<'a, T> {
    source: &'a AtomicSnapshot<T>,
    index: usize,
    value: Arc<T>,
}

impl<T> AtomicSnapshot<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { current: Watched::default(), published: ::std::sync::Mutex::new(vec![Arc::new(value)]) }
    }

    pub(crate) fn load(&self) -> LoadedSnapshot<T> {
        LoadedSnapshot(self.indexed().1)
    }

    pub(crate) fn cached(&self) -> CachedSnapshot<'_, T> {
        let (index, value) = self.indexed();
        CachedSnapshot { source: self, index, value }
    }

    pub(crate) fn replace(&self, value: Arc<T>) -> Arc<T> {
        let index = {
            let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
            published.push(value);
            published.len() - 1
        };
        self.at(self.current.access().swap(index, Ordering::AcqRel))
    }

    fn indexed(&self) -> (usize, Arc<T>) {
        let index = self.current.access().load(Ordering::Acquire);
        (index, self.at(index))
    }

    fn at(&self, index: usize) -> Arc<T> {
        Arc::clone(&self.published.lock().unwrap_or_else(PoisonError::into_inner)[index])
    }
}

impl<T> LoadedSnapshot<T> {
    pub(crate) fn into_arc(self) -> Arc<T> {
        self.0
    }
}

impl<T> Deref for LoadedSnapshot<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> CachedSnapshot<'_, T> {
    pub(crate) fn load(&mut self) -> &Arc<T> {
        if self.source.current.access().load(Ordering::Relaxed) != self.index {
            (self.index, self.value) = self.source.indexed();
        }
        &self.value
    }
}
