//! What stands in for the shortcuts under a model checker: the way to the lock.

use crate::primitive::{Arc, Mutex, MutexGuard};

/// Nobody looks here.
#[derive(Default)]
pub(crate) struct Hint;

#[expect(clippy::unused_self, reason = "stands in for the hint that is not modelled")]
impl Hint {
    pub(crate) fn new() -> Self {
        Self
    }

    pub(crate) fn set(&self, _come: bool) {}

    pub(crate) fn wait_a_moment(&self) {}
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}

/// Reference counts are not modelled, so that nothing would order what the other sharer did before it let go.
pub(crate) fn unshare<T>(shared: Arc<T>) -> Result<T, Arc<T>> {
    Err(shared)
}
