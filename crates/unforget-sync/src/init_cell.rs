//! Initialisation that runs once, however many threads ask for it at the same time.

use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::backoff::{Backoff, retry};
use crate::clock::Clock;
use crate::primitive::thread::{self, ThreadId};
use crate::primitive::{Arc, Condvar, Mutex, OnceLock};

/// A cell whose value is made by one of its callers, while the others wait for it (single flight).
///
/// **Guarantee:** at most one initialiser runs at a time, and at most one ever succeeds. Everyone who arrived
/// during an attempt gets that attempt's outcome: the value, the same error, or the news that it panicked. An
/// attempt that failed or panicked leaves the cell empty, and the next caller makes a new attempt.
///
/// Unlike `std::sync::OnceLock`, initialisation may fail, and a failure is shared instead of repeated: a hundred
/// threads that find the disk full ask it once, not a hundred times.
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
    /// Written by the leader of the successful attempt before it clears `running`; from then on one load finds it.
    value: OnceLock<T>,
    /// The attempt in flight. Whoever finds it empty, *and `value` too*, under this lock becomes the leader.
    running: Mutex<Option<Running<E>>>,
}

struct Running<E> {
    attempt: Arc<Attempt<E>>,
    leader: ThreadId,
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
    Leader(Arc<Attempt<E>>),
    Follower(Arc<Attempt<E>>),
}

impl<T, E> InitCell<T, E> {
    /// Creates an empty cell.
    #[cfg(not(unforget_loom))]
    pub const fn new() -> Self {
        Self { value: OnceLock::new(), running: Mutex::new(None) }
    }

    /// Creates an empty cell. Not `const` under the model checker, whose primitives are not.
    #[cfg(unforget_loom)]
    pub fn new() -> Self {
        Self { value: OnceLock::new(), running: Mutex::new(None) }
    }

    /// Returns the value, if an initialisation has succeeded. Costs one load, waits for nothing.
    pub fn get(&self) -> Option<&T> {
        self.value.get()
    }

    /// Returns the value, making it with `init` or waiting for whoever is making it.
    ///
    /// # Errors
    /// [`InitError::Failed`] with the error of the attempt that this call ran or joined; [`InitError::Panicked`]
    /// if the attempt that it joined panicked; [`InitError::Reentrant`] if this thread is running it.
    ///
    /// # Panics
    /// When `init` does. Those who waited for it get [`InitError::Panicked`].
    ///
    /// # Blocking
    /// Until the attempt in flight has ended. No lock is held while `init` runs.
    pub fn get_or_try_init(&self, init: impl FnOnce() -> Result<T, E>) -> Result<&T, InitError<E>> {
        loop {
            if let Some(value) = self.get() {
                return Ok(value);
            }
            match self.join()? {
                Some(Role::Leader(attempt)) => return self.lead(&attempt, init),
                Some(Role::Follower(attempt)) => attempt.wait()?,
                None => {}
            }
        }
    }

    /// Returns the value, making it with up to as many attempts as `backoff` allows.
    ///
    /// All of them are one attempt to those who wait: they get the last outcome, not the first.
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
        let mut running = self.running.lock();
        match &*running {
            Some(running) if running.leader == this_thread => Err(InitError::Reentrant),
            Some(running) => Ok(Some(Role::Follower(Arc::clone(&running.attempt)))),
            None if self.value.get().is_some() => Ok(None),
            None => {
                let attempt = Arc::new(Attempt::new());
                *running = Some(Running { attempt: Arc::clone(&attempt), leader: this_thread });
                Ok(Some(Role::Leader(attempt)))
            }
        }
    }

    /// Runs `init` and ends the attempt, whichever way it goes.
    ///
    /// The panic is caught and resumed, rather than ended by a guard's destructor, so that no lock is ever taken
    /// while the thread unwinds. Nothing of ours is half changed then: that makes the assertion true.
    fn lead(&self, attempt: &Attempt<E>, init: impl FnOnce() -> Result<T, E>) -> Result<&T, InitError<E>> {
        match catch_unwind(AssertUnwindSafe(init)) {
            Ok(Ok(value)) => {
                let value = self.value.get_or_init(|| value);
                self.finish(attempt, Outcome::Ready);
                Ok(value)
            }
            Ok(Err(error)) => {
                let error = Arc::new(error);
                self.finish(attempt, Outcome::Failed(Arc::clone(&error)));
                Err(InitError::Failed(error))
            }
            Err(panic) => {
                self.finish(attempt, Outcome::Panicked);
                resume_unwind(panic)
            }
        }
    }

    /// Ends the attempt. First it stops being the one in flight, then its outcome is told: in the other order a
    /// waiter that was told of the failure and asked again at once would join the attempt that had just failed.
    fn finish(&self, attempt: &Attempt<E>, outcome: Outcome<E>) {
        *self.running.lock() = None;
        *attempt.outcome.lock() = Some(outcome);
        attempt.finished.notify_all();
    }
}

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

/// Says why an [`InitCell`] has no value for this caller.
#[derive(Debug)]
pub enum InitError<E> {
    /// The initialiser returned this error. Every caller of the attempt has the same one.
    Failed(Arc<E>),
    /// The initialiser that this caller waited for panicked. The cell is empty, so calling again tries again.
    Panicked,
    /// The initialiser asked its own cell for the value that it is making.
    Reentrant,
}

impl<E> Clone for InitError<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Failed(error) => Self::Failed(Arc::clone(error)),
            Self::Panicked => Self::Panicked,
            Self::Reentrant => Self::Reentrant,
        }
    }
}

impl<E> fmt::Display for InitError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Failed(_) => "initialisation failed",
            Self::Panicked => "initialisation panicked in another thread; calling again tries again",
            Self::Reentrant => "initialisation asked for its own result",
        })
    }
}

impl<E: Error + 'static> Error for InitError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(error) => Some(&**error),
            Self::Panicked | Self::Reentrant => None,
        }
    }
}

#[cfg(test)]
#[cfg(not(any(unforget_loom, unforget_shuttle)))]
mod tests {
    use std::time::{Duration, Instant};

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

    /// An attempt is held by `running`, by its leader, and by each who follows.
    fn everybody_follows<E>(cell: &InitCell<u8, E>) -> bool {
        let running = cell.running.lock();
        running.as_ref().is_some_and(|running| Arc::strong_count(&running.attempt) == 2 + FOLLOWERS)
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
            eventually(|| cell.running.lock().is_some());
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
