//! Changes inside of changes, which are refused.
//!
//! In a store that decides again when somebody was faster, a change that changes its own context would never end; in
//! one that has one writer, it would wait for itself. Whatever the store, it is refused before anything is tried.

use std::cell::Cell;

use crate::{Error, Result};

// The threads of a loom model share it, which is no harm: no switch of theirs is inside of `changing`.
thread_local! {
    static CHANGING: Cell<bool> = const { Cell::new(false) };
}

/// Runs what a caller makes of a context. Meanwhile this thread changes no other.
pub(crate) fn changing<R>(change: impl FnOnce() -> R) -> R {
    let before = CHANGING.replace(true);
    let _end = End(before);
    change()
}

/// Puts back what was before, also when the caller's code panics.
struct End(bool);

impl Drop for End {
    fn drop(&mut self) {
        CHANGING.set(self.0);
    }
}

/// Refuses a change inside a change.
pub(crate) fn check() -> Result<()> {
    if CHANGING.get() { Err(Error::Reentrant) } else { Ok(()) }
}
