//! arc-swap behind the few operations we use.

use std::ops::Deref;

use arc_swap::{ArcSwap, Cache, Guard};

use crate::primitive::Arc;

/// A shared pointer that is replaced whole while others read it.
pub(crate) struct AtomicSnapshot<T>(ArcSwap<T>);

/// A value that was loaded without counting a reference, as long as the thread has a slot for that.
pub(crate) struct LoadedSnapshot<T>(Guard<Arc<T>>);

/// A reference of one's own and the place to look whether it is still the current one.
pub(crate) struct CachedSnapshot<'a, T>(Cache<&'a ArcSwap<T>, Arc<T>>);

impl<T> AtomicSnapshot<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(ArcSwap::from_pointee(value))
    }

    /// Happens after the `replace` whose value it returns.
    #[inline]
    pub(crate) fn load(&self) -> LoadedSnapshot<T> {
        LoadedSnapshot(self.0.load())
    }

    pub(crate) fn cached(&self) -> CachedSnapshot<'_, T> {
        CachedSnapshot(Cache::new(&self.0))
    }

    /// Returns what it replaced, so that the caller decides where that is dropped.
    pub(crate) fn replace(&self, value: Arc<T>) -> Arc<T> {
        self.0.swap(value)
    }
}

impl<T> LoadedSnapshot<T> {
    #[inline]
    pub(crate) fn into_arc(self) -> Arc<T> {
        Guard::into_inner(self.0)
    }
}

impl<T> Deref for LoadedSnapshot<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> CachedSnapshot<'_, T> {
    /// Happens after the `replace` whose value it returns, and after each that happened before this.
    #[inline]
    pub(crate) fn load(&mut self) -> &Arc<T> {
        self.0.load()
    }
}
