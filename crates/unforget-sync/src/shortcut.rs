//! Ways to the same answer that wait less.
//!
//! None of them decides anything: whoever has taken one asks under the lock, or owns what it would have locked. The
//! model checkers are spared them, because all they add there are schedules in which nothing happens.

#[cfg(any(unforget_loom, unforget_shuttle))]
mod spared;
#[cfg(not(any(unforget_loom, unforget_shuttle)))]
mod taken;

#[cfg(any(unforget_loom, unforget_shuttle))]
pub(crate) use self::spared::{Hint, lock, unshare};
#[cfg(not(any(unforget_loom, unforget_shuttle)))]
pub(crate) use self::taken::{Hint, lock, unshare};
