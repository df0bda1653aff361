//! What stands in for arc-swap under a model checker, which cannot see inside it.

use ::std::sync::PoisonError;

use super::Arc;
use super::atomic::{AtomicUsize, Ordering};
#[cfg(unforget_loom)]
use super::loom::Watched;
#[cfg(unforget_shuttle)]
use super::shuttle::Watched;

/// arc-swap's contract, modelled: the pointer is an atomic that a load may see late, never torn, never backwards.
///
/// The pointer is an index into everything published in this execution, so an address is never used twice.
pub(crate) struct AtomicSnapshot<T> {
    /// Release by `replace`, Acquire by `load`: the value is complete before its index can be seen.
    current: Watched<AtomicUsize>,
    published: ::std::sync::Mutex<Vec<Arc<T>>>,
}

impl<T> AtomicSnapshot<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { current: Watched::default(), published: ::std::sync::Mutex::new(vec![Arc::new(value)]) }
    }

    pub(crate) fn load(&self) -> Arc<T> {
        self.at(self.current.access().load(Ordering::Acquire))
    }

    pub(crate) fn replace(&self, value: Arc<T>) -> Arc<T> {
        let index = {
            let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
            published.push(value);
            published.len() - 1
        };
        self.at(self.current.access().swap(index, Ordering::AcqRel))
    }

    fn at(&self, index: usize) -> Arc<T> {
        Arc::clone(&self.published.lock().unwrap_or_else(PoisonError::into_inner)[index])
    }
}
