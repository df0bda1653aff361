//! What loom leaves out.

use ::loom::cell::UnsafeCell;

use crate::primitive::atomic;

/// Values of one thread of the model, declared as std's are: loom's own macro does not know `const`.
macro_rules! per_thread {
    ($(#[$attribute:meta])* static $name:ident: $type:ty = const { $value:expr };) => {
        ::loom::thread_local! { $(#[$attribute])* static $name: $type = $value; }
    };
}
pub(crate) use per_thread;

/// An atomic whose accesses loom schedules in every order.
///
/// loom 0.7.2 remembers one last access per atomic, and a thread's own load hides another thread's earlier one: a
/// thread that loads and then stores is never run before a load that came first. So every access is preceded by a
/// read-modify-write of a second atomic, which nothing hides. Relaxed, it orders nothing that the first does not.
#[derive(Default)]
pub(super) struct Watched<A> {
    atomic: A,
    accesses: atomic::AtomicUsize,
}

impl<A> Watched<A> {
    pub(super) fn access(&self) -> &A {
        self.accesses.fetch_add(1, atomic::Ordering::Relaxed);
        &self.atomic
    }
}

/// A cell written once, with std's contract: a `get` that finds the value happens after its `set`.
///
/// For one setter at a time, which is how this crate uses it: std would make a second one wait.
pub struct OnceLock<T> {
    value: ::std::sync::OnceLock<T>,
    /// Release after `value` is written, Acquire before it is read; loom fails the model if `written` is reached
    /// on a path without that pair.
    ready: Watched<atomic::AtomicBool>,
    written: UnsafeCell<()>,
}

impl<T> OnceLock<T> {
    /// Creates an empty cell.
    pub fn new() -> Self {
        Self { value: ::std::sync::OnceLock::new(), ready: Watched::default(), written: UnsafeCell::new(()) }
    }

    /// Returns the value, if it has been set.
    pub fn get(&self) -> Option<&T> {
        if !self.ready.access().load(atomic::Ordering::Acquire) {
            return None;
        }
        self.written.with(|_| self.value.get())
    }

    /// Returns the value, setting it first if the cell is empty.
    pub fn get_or_init(&self, init: impl FnOnce() -> T) -> &T {
        let mut set_here = false;
        let value = self.value.get_or_init(|| {
            set_here = true;
            self.written.with_mut(|_| init())
        });
        if set_here {
            self.ready.access().store(true, atomic::Ordering::Release);
        }
        value
    }
}
