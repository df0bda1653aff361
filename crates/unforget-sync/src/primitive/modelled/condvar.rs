//! Waits that also end by themselves, as the mode of the model says.

use ::std::sync::PoisonError;
use ::std::sync::atomic::AtomicBool;
use ::std::time::Instant;

use super::{MutexGuard, guard, sync};
use crate::Clock;
use crate::primitive::model;

/// Lets threads of the model wait until another has changed what a mutex protects.
#[derive(Debug, Default)]
pub struct Condvar {
    condvar: sync::Condvar,
    /// Not modelled on purpose: which wait is the spurious one is part of the model, not of the schedule.
    woke_spuriously: AtomicBool,
}

impl Condvar {
    const_fn! {
        /// Creates a condition variable that nobody waits on.
        pub fn new() -> Self {
            Self { condvar: sync::Condvar::new(), woke_spuriously: AtomicBool::new(false) }
        }
    }

    /// Unlocks, waits for a notification, locks again.
    ///
    /// # Blocking
    /// Without limit, and then for the lock.
    pub fn wait<'a, T>(&self, locked: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        if model::mode().wakes_spuriously(&self.woke_spuriously) {
            return locked.relock();
        }
        let MutexGuard { mutex, locked } = locked;
        guard(mutex, self.condvar.wait(locked).unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits like [`wait`](Self::wait); the deadline comes at once, never, or in time, as the mode says.
    ///
    /// A deadline that comes may come late all the same: any number of steps of others can pass before the lock is
    /// had again. What is left out is a waiter that times out *and* was notified.
    ///
    /// # Blocking
    /// As the mode says, and then for the lock.
    pub fn wait_until<'a, T>(
        &self,
        locked: MutexGuard<'a, T>,
        clock: &dyn Clock,
        deadline: Instant,
    ) -> (MutexGuard<'a, T>, bool) {
        if model::mode().leaves_time_to(clock) {
            let locked = locked.relock();
            return (locked, clock.now() >= deadline);
        }
        if model::mode().deadline_has_come() { (locked.relock(), true) } else { (self.wait(locked), false) }
    }

    /// Wakes one waiting thread.
    pub fn notify_one(&self) {
        self.condvar.notify_one();
    }

    /// Wakes every waiting thread.
    pub fn notify_all(&self) {
        self.condvar.notify_all();
    }
}
