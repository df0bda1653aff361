//! Whether this process is one that opened a database, or a child that inherited it by `fork`.
//!
//! A child has its parent's memory and none of its locks and threads. SQLite keeps one table of locks per file and
//! process; in a child that table says that locks are held which are the parent's alone, for connections opened later
//! too. So a child of a process that had a database open uses none, until it starts a program (`exec`).

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Error, Result};

/// The process that has engines, in the upper half, and how many, in the lower; one word, so that no lock has to be
/// taken that another thread may have had at the moment of the fork.
///
/// Relaxed order suffices: nothing else is read on the strength of it, and a fork copies memory as it is.
static ENGINES: AtomicU64 = AtomicU64::new(0);

/// Counts an engine, from before its first connection is opened until its last one is closed.
#[derive(Debug)]
pub(crate) struct Presence(());

impl Presence {
    pub(crate) fn enter() -> Result<Self> {
        let this = u64::from(std::process::id()) << 32;
        let count_in = |engines| match engines {
            0 => Some(this | 1),
            ours if is_of(this, ours) => Some(ours + 1),
            _ => None,
        };
        let counted = ENGINES.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count_in);
        counted.map(|_| Self(())).map_err(|_| Error::Forked)
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let count_out = |engines: u64| Some(if engines & COUNT == 1 { 0 } else { engines - 1 });
        if check().is_ok() {
            let _always_answers = ENGINES.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count_out);
        }
    }
}

const COUNT: u64 = u32::MAX as u64;

fn is_of(this: u64, engines: u64) -> bool {
    engines & !COUNT == this
}

/// Refuses the child of a process that had a database open.
pub(crate) fn check() -> Result<()> {
    let engines = ENGINES.load(Ordering::Relaxed);
    if engines == 0 || is_of(u64::from(std::process::id()) << 32, engines) {
        Ok(())
    } else {
        Err(Error::Forked)
    }
}
