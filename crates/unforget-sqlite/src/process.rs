//! Whether this process is one that opened a database, or a child that inherited it by `fork`.
//!
//! A child has its parent's memory and none of its locks and threads. SQLite keeps one table of locks per file and
//! process; in a child that table says that locks are held which are the parent's alone, for connections opened later
//! too. And the threads of an engine may have had locks of libraries at the moment of the fork, which nobody is left to
//! release; those of the pool end some time after the engine. So a child of a process that ever opened a database uses
//! none, until it starts a program (`exec`).

use std::sync::atomic::{AtomicU32, Ordering};

use crate::{Error, Result};

/// The process that opened a database; 0 until one did.
///
/// Not a lock, because another thread may have that at the moment of the fork. Relaxed order suffices: nothing else is
/// read on the strength of it, and a fork copies memory as it is.
static OPENER: AtomicU32 = AtomicU32::new(0);

/// Notes that this process opens a database.
pub(crate) fn opens() -> Result<()> {
    // If it is refused, somebody was first: another thread of this process, or a parent.
    let _first = OPENER.compare_exchange(0, std::process::id(), Ordering::Relaxed, Ordering::Relaxed);
    check()
}

/// Refuses the child of a process that opened a database.
pub(crate) fn check() -> Result<()> {
    let opener = OPENER.load(Ordering::Relaxed);
    if opener == 0 || opener == std::process::id() { Ok(()) } else { Err(Error::Forked) }
}
