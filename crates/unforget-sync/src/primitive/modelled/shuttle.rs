//! What shuttle leaves out.
//!
//! Unlike loom, shuttle knows no weak memory: every atomic access is sequentially consistent, whatever ordering it
//! names.

use crate::primitive::{Mutex, atomic};

pub(crate) use ::shuttle::thread_local as per_thread;

/// An atomic for the modelled cell. shuttle schedules every access, so that nothing has to be added.
#[derive(Default)]
pub(super) struct Watched<A>(A);

impl<A> Watched<A> {
    pub(super) fn access(&self) -> &A {
        &self.0
    }
}

/// A cell written once, with std's contract: a second setter waits for the first.
pub struct OnceLock<T> {
    /// std's cell never waits here: it is set under `setting`, and by then the value is made.
    value: ::std::sync::OnceLock<T>,
    /// The scheduling point of a `get`, set once `value` is there.
    ready: atomic::AtomicBool,
    setting: Mutex<()>,
}

impl<T> OnceLock<T> {
    /// Creates an empty cell.
    pub const fn new() -> Self {
        Self {
            value: ::std::sync::OnceLock::new(),
            ready: atomic::AtomicBool::new(false),
            setting: Mutex::new(()),
        }
    }

    /// Returns the value, if it has been set.
    pub fn get(&self) -> Option<&T> {
        if self.ready.load(atomic::Ordering::Acquire) { self.value.get() } else { None }
    }

    /// Returns the value, setting it first if the cell is empty.
    ///
    /// # Blocking
    /// For whoever is setting it.
    pub fn get_or_init(&self, init: impl FnOnce() -> T) -> &T {
        if let Some(value) = self.get() {
            return value;
        }
        let setting = self.setting.lock();
        let value = if let Some(value) = self.value.get() {
            value
        } else {
            let made = init();
            self.value.get_or_init(|| made)
        };
        self.ready.store(true, atomic::Ordering::Release);
        drop(setting);
        value
    }
}
