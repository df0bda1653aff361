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

#[cfg(unforget_loom)]
mod loom;
#[cfg(any(unforget_loom, unforget_shuttle))]
mod modelled_snapshot;
#[cfg(unforget_shuttle)]
mod shuttle;
#[cfg(not(any(unforget_loom, unforget_shuttle)))]
mod std;

#[cfg(any(unforget_loom, unforget_shuttle))]
pub mod model;

pub use ::std::sync::{Arc, Weak};

#[cfg(unforget_loom)]
pub(crate) use self::loom::per_thread;
#[cfg(unforget_loom)]
pub use self::loom::{
    Condvar, Mutex, MutexGuard, OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic, thread,
};
#[cfg(any(unforget_loom, unforget_shuttle))]
pub(crate) use self::modelled_snapshot::{AtomicSnapshot, CachedSnapshot, LoadedSnapshot};
#[cfg(unforget_shuttle)]
pub use self::shuttle::{Condvar, Mutex, MutexGuard, OnceLock, atomic, thread};
#[cfg(not(any(unforget_loom, unforget_shuttle)))]
pub(crate) use self::std::{AtomicSnapshot, CachedSnapshot, LoadedSnapshot, per_thread};
#[cfg(not(any(unforget_loom, unforget_shuttle)))]
pub use self::std::{
    Condvar, Mutex, MutexGuard, OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic, thread,
};
