//! The only module that names `std::sync` or `loom::sync`.
//!
//! Everything else in this crate is written against these names, so that a model checker can stand in for the
//! operating system: compiled with `--cfg unforget_loom` they are loom's, otherwise they are std's.
//!
//! Two differences from std, in both back ends. Poisoning never surfaces: [`Mutex::lock`] returns the guard,
//! because no lock in this crate is held while foreign code runs, so no panic can leave its data half changed.
//! Time is asked of a [`Clock`](crate::Clock): [`Condvar::wait_until`] is the only timed wait.
//!
//! [`Arc`] is std's in both. Registries need `Weak`, which loom's `Arc` does not have, and a reference count is
//! std's protocol, not ours: modelling it would multiply the schedules without checking anything we wrote.

#[cfg(unforget_loom)]
mod loom;
#[cfg(not(unforget_loom))]
mod std;

#[cfg(unforget_loom)]
pub mod model;

pub use ::std::sync::{Arc, Weak};

#[cfg(unforget_loom)]
pub(crate) use self::loom::{AtomicSnapshot, per_thread};
#[cfg(unforget_loom)]
pub use self::loom::{
    Condvar, Mutex, MutexGuard, OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic, thread,
};
#[cfg(not(unforget_loom))]
pub(crate) use self::std::{AtomicSnapshot, per_thread};
#[cfg(not(unforget_loom))]
pub use self::std::{
    Condvar, Mutex, MutexGuard, OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic, thread,
};
