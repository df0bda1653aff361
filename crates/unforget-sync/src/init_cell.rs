//! Initialisation that runs once, however many threads ask for it at the same time.

mod error;

use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use crate::backoff::{Backoff, retry};
use crate::clock::Clock;
use crate::primitive::thread::{self, ThreadId};
use crate::primitive::{Arc, Condvar, Mutex, OnceLock, const_fn};

pub use self::error::InitError;

/// A cell whose value is made by one of its callers, while the others wait for it (single flight).
///
/// **Guarantee:** at most one initialiser runs at a time, and at most one ever succeeds. Everyone who arrived
/// during an attempt gets that attempt's outcome: the value, the same error, or the news that it panicked. An
/// attempt that failed or panicked leaves the cell empty, and the next caller makes a new attempt.
///
/// Unlike `std::sync::OnceLock`, initialisation may fail, and a failure is shared instead of repeated: a hundred
/// threads that find the disk full ask it once, not a hundred times. Those that come a moment later ask again, unless
/// the cell was made [`with_cool_down`](Self::with_cool_down).
///
/// **Fairness:** all waiters of an attempt are released together. **Poisoning:** none.
///
/// Limitations: re-entry is found when the initialiser's own thread comes back; an initialiser that waits for
/// *another* thread which needs the cell deadlocks, as any lock would.
///
/// # Examples
/// ```
/// use unforget_sync::{InitCell, InitError};
///
/// let cell: InitCell<u32, &str> = InitCell::new();
/// assert!(matches!(cell.get_or_try_init(|| Err("not yet")), Err(InitError::Failed(_))));
/// assert_eq!(cell.get_or_try_init(|| Ok(7)).ok(), Some(&7), "a failure leaves the cell usable");
/// assert_eq!(cell.get_or_try_init(|| Ok(8)).ok(), Some(&7), "a success stays");
/// ```
pub struct InitCell<T, E> {
    /// Written by the leader of the successful attempt before it leaves `Running`; from then on one load finds it.
    value: OnceLock<T>,
    /// Whoever is kept from it neither by this *nor by `value`*, under this lock, becomes the leader.
    stage: Mutex<Stage<E>>,
    cool_down: Option<CoolDown>,
}

/// What the next caller meets. The end of an attempt and the failure it leaves behind are one step from one stage to
/// another: as two, a caller between them would find nothing to keep it from a second attempt.
enum Stage<E> {
    Idle,
    Running {
        attempt: Arc<Attempt<E>>,
        leader: ThreadId,
    },
    /// Only in a cell with a cool-down.
    Failed {
        error: Arc<E>,
        at: Instant,
    },
}

/// How long a failure is answered without another attempt.
struct CoolDown {
    length: Duration,
    clock: Arc<dyn Clock>,
}

/// One run of an initialiser. Each has its own outcome, because its waiters may still be reading it when the next
/// attempt has already begun.
struct Attempt<E> {
    outcome: Mutex<Option<Outcome<E>>>,
    finished: Condvar,
}

enum Outcome<E> {
    Ready,
    Failed(Arc<E>),
    Panicked,
}

enum Role<E> {
    /// With the stage before, which is still to be dropped.
    Leader(Arc<Attempt<E>>, Stage<E>),
    Follower(Arc<Attempt<E>>),
}

impl<T, E> InitCell<T, E> {
    const_fn! {
        /// Creates an empty cell.
        pub fn new() -> Self {
            Self { value: OnceLock::new(), stage: Mutex::new(Stage::Idle), cool_down: None }
        }
    }

    /// Creates an empty cell that answers a failure for as long as `cool_down` before it makes another attempt.
    ///
    /// **Guarantee:** no attempt begins within `cool_down` of a failed one; whoever asks then gets its error, at once.
    /// A panic leaves no error, so the call after it makes a new attempt. Time is counted from the end of the attempt,
    /// on `clock`, which is asked while no lock is held.
    ///
    /// **Cost:** [`get`](Self::get) stays one load. The last error is kept until the next attempt begins.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use unforget_sync::{InitCell, InitError, ManualClock};
    ///
    /// let clock = Arc::new(ManualClock::new());
    /// let cell: InitCell<u32, &str> = InitCell::with_cool_down(Duration::from_secs(5), clock.clone());
    /// assert!(cell.get_or_try_init(|| Err("no disk")).is_err());
    /// let cached = cell.get_or_try_init(|| unreachable!("it is not asked again so soon"));
    /// assert!(matches!(cached, Err(InitError::Failed(error)) if *error == "no disk"));
    /// clock.advance(Duration::from_secs(5));
    /// assert_eq!(cell.get_or_try_init(|| Ok(7)).ok(), Some(&7));
    /// ```
    pub fn with_cool_down(cool_down: Duration, clock: Arc<dyn Clock>) -> Self {
        Self { cool_down: Some(CoolDown { length: cool_down, clock }), ..Self::new() }
    }

    /// Returns the value, if an initialisation has succeeded. Costs one load, waits for nothing.
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// Returns the value, making it with `init` or waiting for whoever is making it.
    ///
    /// # Errors
    /// [`InitError::Failed`] with the error of the attempt that this call ran or joined, or that cools down;
    /// [`InitError::Panicked`] if the attempt that it joined panicked; [`InitError::Reentrant`] if this thread is
    /// running it.
    ///
    /// # Panics
    /// When `init` does. Those who waited for it get [`InitError::Panicked`].
    ///
    /// # Blocking
    /// Until the attempt in flight has ended; not at all while a failure cools down. No lock is held while `init`
    /// runs.
    pub fn get_or_try_init(&self, init: impl FnOnce() -> Result<T, E>) -> Result<&T, InitError<E>> {
        loop {
            if let Some(value) = self.get() {
                return Ok(value);
            }
            match self.join()? {
                Some(Role::Leader(attempt, before)) => return self.lead(&attempt, before, init),
                Some(Role::Follower(attempt)) => attempt.wait()?,
                None => {}
            }
        }
    }

    /// Returns the value, making it with up to as many attempts as `backoff` allows.
    ///
    /// All of them are one attempt to those who wait: they get the last outcome, not the first. A cool-down begins
    /// when the last has failed, and is counted on the cell's own clock.
    ///
    /// # Errors
    /// As [`get_or_try_init`](Self::get_or_try_init), with the last error.
    ///
    /// # Panics
    /// When `init` does.
    ///
    /// # Blocking
    /// As [`get_or_try_init`](Self::get_or_try_init); sleeps on `clock` between attempts.
    pub fn get_or_try_init_with_retry(
        &self,
        clock: &dyn Clock,
        backoff: &Backoff,
        is_retryable: impl Fn(&E) -> bool,
        init: impl FnMut() -> Result<T, E>,
    ) -> Result<&T, InitError<E>> {
        self.get_or_try_init(|| retry(clock, backoff, is_retryable, init))
    }

    /// Finds this caller's part in the attempt in flight, beginning one if there is none.
    ///
    /// `None` if the value came in the meantime. It must be asked again *under the lock*: between our first look
    /// and now, a leader may have set it and gone, and a second leader would be a second success.
    fn join(&self) -> Result<Option<Role<E>>, InitError<E>> {
        let this_thread = thread::current().id();
        // Before the lock, because a clock is foreign code. Time that passes until we have it prolongs a cool-down
        // for this caller, and never shortens one.
        let now = self.now();
        let mut stage = self.stage.lock();
        match &*stage {
            Stage::Running { leader, .. } if *leader == this_thread => return Err(InitError::Reentrant),
            Stage::Running { attempt, .. } => return Ok(Some(Role::Follower(Arc::clone(attempt)))),
            Stage::Failed { error, at } if self.cools_down(*at, now) => {
                return Err(InitError::Failed(Arc::clone(error)));
            }
            Stage::Idle if self.value.get().is_some() => return Ok(None),
            Stage::Idle | Stage::Failed { .. } => {}
        }
        let attempt = Arc::new(Attempt::new());
        let running = Stage::Running { attempt: Arc::clone(&attempt), leader: this_thread };
        let before = mem::replace(&mut *stage, running);
        Ok(Some(Role::Leader(attempt, before)))
    }

    /// The time that a cool-down is counted in; `None` without one, which then costs no look at a clock.
    fn now(&self) -> Option<Instant> {
        self.cool_down.as_ref().map(|cool_down| cool_down.clock.now())
    }

    fn cools_down(&self, failed_at: Instant, now: Option<Instant>) -> bool {
        self.cool_down
            .as_ref()
            .zip(now)
            .is_some_and(|(cool_down, now)| now.saturating_duration_since(failed_at) < cool_down.length)
    }

    /// Runs `init` and ends the attempt, whichever way it goes.
    ///
    /// The panic is caught and resumed, rather than ended by a guard's destructor, so that no lock is ever taken
    /// while the thread unwinds. Nothing of ours is half changed then: that makes the assertion true.
    fn lead(
        &self,
        attempt: &Attempt<E>,
        before: Stage<E>,
        init: impl FnOnce() -> Result<T, E>,
    ) -> Result<&T, InitError<E>> {
        // The destructor of the error before runs in here and the clock is asked in here, so that one that panics
        // ends the attempt as an initialiser would.
        let init = || {
            drop(before);
            init().map_err(|error| (Arc::new(error), self.now()))
        };
        match catch_unwind(AssertUnwindSafe(init)) {
            Ok(Ok(value)) => {
                let value = self.value.get_or_init(|| value);
                self.finish(attempt, Stage::Idle, Outcome::Ready);
                Ok(value)
            }
            Ok(Err((error, at))) => {
                let stage = at.map_or(Stage::Idle, |at| Stage::Failed { error: Arc::clone(&error), at });
                self.finish(attempt, stage, Outcome::Failed(Arc::clone(&error)));
                Err(InitError::Failed(error))
            }
            Err(panic) => {
                self.finish(attempt, Stage::Idle, Outcome::Panicked);
                resume_unwind(panic)
            }
        }
    }

    /// Ends the attempt. First it stops being the one in flight, then its outcome is told: in the other order a
    /// waiter that was told of the failure and asked again at once would join the attempt that had just failed.
    fn finish(&self, attempt: &Attempt<E>, stage: Stage<E>, outcome: Outcome<E>) {
        *self.stage.lock() = stage;
        *attempt.outcome.lock() = Some(outcome);
        attempt.finished.notify_all();
    }
}

// As without the clock, which is only ever asked: a panic that passes a cell leaves it whole.
impl<T: UnwindSafe, E> UnwindSafe for InitCell<T, E> {}
impl<T: RefUnwindSafe + UnwindSafe, E> RefUnwindSafe for InitCell<T, E> {}

impl<T, E> Default for InitCell<T, E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug, E> fmt::Debug for InitCell<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InitCell").field("value", &self.get()).finish_non_exhaustive()
    }
}

impl<E> Attempt<E> {
    fn new() -> Self {
        Self { outcome: Mutex::new(None), finished: Condvar::new() }
    }

    /// Waits for the end of this attempt; `Ok` says that the cell now has its value.
    fn wait(&self) -> Result<(), InitError<E>> {
        let mut outcome = self.outcome.lock();
        loop {
            match &*outcome {
                Some(Outcome::Ready) => return Ok(()),
                Some(Outcome::Failed(error)) => return Err(InitError::Failed(Arc::clone(error))),
                Some(Outcome::Panicked) => return Err(InitError::Panicked),
                None => outcome = self.finished.wait(outcome),
            }
        }
    }
}

#[cfg(test)]
#[cfg(not(any(unforget_loom, unforget_shuttle)))]
mod tests {
    use super::*;

    const FOLLOWERS: usize = 3;

    /// Returns once `condition` holds, long before its deadline.
    fn eventually(condition: impl Fn() -> bool) {
        let start = Instant::now();
        while !condition() {
            assert!(start.elapsed() < Duration::from_secs(30), "the attempt did not come to this");
            thread::yield_now();
        }
    }

    /// An attempt is held by its stage, by its leader, and by each who follows.
    fn everybody_follows<E>(cell: &InitCell<u8, E>) -> bool {
        matches!(&*cell.stage.lock(), Stage::Running { attempt, .. } if Arc::strong_count(attempt) == 2 + FOLLOWERS)
    }

    /// Runs `init` as leader with everybody following, and returns what the followers got.
    fn outcomes<E: Send + Sync>(
        cell: &InitCell<u8, E>,
        init: impl FnOnce() -> Result<u8, E> + Send,
    ) -> Vec<Result<u8, InitError<E>>> {
        thread::scope(|threads| {
            let leader = threads.spawn(|| {
                drop(cell.get_or_try_init(|| {
                    eventually(|| everybody_follows(cell));
                    init()
                }));
            });
            eventually(|| matches!(*cell.stage.lock(), Stage::Running { .. }));
            let followers: Vec<_> = (0..FOLLOWERS)
                .map(|_| threads.spawn(|| cell.get_or_try_init(|| unreachable!("it is led")).copied()))
                .collect();
            drop(leader.join());
            followers.into_iter().map(|follower| follower.join().expect("does not panic")).collect()
        })
    }

    #[test]
    fn everybody_in_an_attempt_gets_the_same_error() {
        let cell = InitCell::new();
        let errors: Vec<_> = outcomes(&cell, || Err("no"))
            .into_iter()
            .map(|outcome| match outcome {
                Err(InitError::Failed(error)) => error,
                other => panic!("{other:?} is not the error of the attempt"),
            })
            .collect();
        assert!(errors.iter().all(|error| Arc::ptr_eq(error, &errors[0])), "an error of their own");
    }

    #[test]
    fn everybody_in_an_attempt_gets_its_value() {
        let outcomes = outcomes(&InitCell::<_, ()>::new(), || Ok(7));
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(7))), "{outcomes:?}");
    }

    #[test]
    fn everybody_in_an_attempt_is_told_of_its_panic() {
        let cell = InitCell::<u8, ()>::new();
        let outcomes = outcomes(&cell, || panic!("in the initialiser"));
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(InitError::Panicked))), "{outcomes:?}");
        assert!(cell.get_or_try_init(|| Ok(1)).is_ok(), "the cell was left unusable");
    }
}
