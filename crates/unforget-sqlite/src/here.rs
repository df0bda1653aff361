//! Whether the current thread is one that writes.
//!
//! An operation that wrote to its own database would wait for itself; one that wrote to another in the same directory
//! would wait for the turn it has.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

thread_local! {
    /// The directory whose turn this thread takes: for ever on a writer's thread, for one operation on a caller's.
    static WRITES_IN: RefCell<Option<PathBuf>> = const { RefCell::new(None) };
}

/// The current thread is the writer of a database in `directory` from now on.
pub(crate) fn stay(directory: &Path) {
    WRITES_IN.with(|own| *own.borrow_mut() = Some(directory.to_path_buf()));
}

/// The current thread writes to a database in `directory` until this is dropped.
#[must_use]
pub(crate) fn enter(directory: &Path) -> Visit {
    stay(directory);
    Visit(())
}

/// The time in which a caller's thread writes.
pub(crate) struct Visit(());

impl Drop for Visit {
    fn drop(&mut self) {
        WRITES_IN.with(|own| *own.borrow_mut() = None);
    }
}

/// Tells whether the current thread writes to some database.
pub(crate) fn is_writing() -> bool {
    WRITES_IN.with(|own| own.borrow().is_some())
}

/// Tells whether the current thread writes to a database in `directory`.
pub(crate) fn is_writing_in(directory: &Path) -> bool {
    WRITES_IN.with(|own| own.borrow().as_deref() == Some(directory))
}
