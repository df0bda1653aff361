//! The only module that names `std::sync`, `loom::sync` or `shuttle::sync`.
//!
//! Everything else in this crate is written against these names, so that a model checker can stand in for the
//! operating system: compiled with `--cfg unforget_loom` they are loom's, with `--cfg unforget_shuttle` shuttle's,
//! otherwise they are std's. loom tries every schedule of a few threads, shuttle some thousands of many.
//!
//! Two differences from std, in every back end. Poisoning never surfaces: [`Mutex::lock`] returns the guard,
//! because no lock in this crate is held while foreign code runs, so no panic can leave its data half changed.
//! Time is asked of a [`Clock`](crate::Clock): [`Condvar::wait_until`] is the only timed wait.
//!
//! [`Arc`] is std's in all. Registries need `Weak`, which loom's `Arc` does not have, and a reference count is
//! std's protocol, not ours: modelling it would multiply the schedules without checking anything we wrote.

/// Makes a function `const`, except under loom, whose primitives are not made at compile time.
macro_rules! const_fn {
    ($(#[$attribute:meta])* $visibility:vis fn $($rest:tt)+) => {
        #[cfg(not(unforget_loom))]
        $(#[$attribute])*
        $visibility const fn $($rest)+

        #[cfg(unforget_loom)]
        $(#[$attribute])*
        $visibility fn $($rest)+
    };
}
pub(crate) use const_fn;

mod mutex;
mod rw_lock;

#[cfg(any(unforget_loom, unforget_shuttle))]
mod modelled;
#[cfg(not(any(unforget_loom, unforget_shuttle)))]
mod std;

#[cfg(any(unforget_loom, unforget_shuttle))]
pub mod model;

pub use ::std::sync::{Arc, Weak};

// What differs between the back ends, under the same names in each.
#[cfg(any(unforget_loom, unforget_shuttle))]
use self::modelled as back_end;
#[cfg(not(any(unforget_loom, unforget_shuttle)))]
use self::std as back_end;

pub(crate) use self::back_end::{AtomicSnapshot, CachedSnapshot, LoadedSnapshot, per_thread};
pub use self::back_end::{Condvar, MutexGuard, OnceLock, sync::atomic, thread};
pub use self::mutex::Mutex;
pub use self::rw_lock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
