//! The memory of a server, from the moment it is asked for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::Memory;

/// A memory that is being opened, so that a client can be greeted meanwhile.
///
/// That others are in the way, such as a process that is stopped while it has the turn, is not the end: the calls that
/// waited are told, and the next one has it tried again. Nobody tries by himself, because each attempt behind a stopped
/// process leaves a thread that waits for it.
///
/// ```text
/// under way ─► open
///     ▲   └──► failed for good: the server ends
///     │   └──► others in the way ─┐
///     └──────── the next call ◄───┘
/// ```
#[derive(Clone)]
pub(crate) struct Opening {
    state: watch::Sender<State>,
    steps: Arc<Steps>,
}

pub(crate) type Outcome = Result<Arc<Memory>, unforget::Error>;

#[derive(Debug, Clone)]
enum State {
    UnderWay,
    Ended(Outcome),
}

type Open = dyn FnMut() -> unforget::Result<Memory> + Send;

/// What each attempt consists of.
struct Steps {
    /// Taken out by the attempt that is under way, of which there is one at a time: nothing is held while it opens.
    open: Mutex<Option<Box<Open>>>,
    ended: Box<dyn Fn(&Outcome) + Send + Sync>,
}

impl Opening {
    /// Opens it on a blocking thread, and calls `ended` there with what came of each attempt. Has to be called on a
    /// runtime.
    pub(crate) fn start(
        open: impl FnMut() -> unforget::Result<Memory> + Send + 'static,
        ended: impl Fn(&Outcome) + Send + Sync + 'static,
    ) -> Self {
        let open: Box<Open> = Box::new(open);
        let steps = Steps { open: Mutex::new(Some(open)), ended: Box::new(ended) };
        let opening = Self { state: watch::Sender::new(State::UnderWay), steps: Arc::new(steps) };
        opening.attempt();
        opening
    }

    /// Makes an attempt; the state says that it is under way, so nobody else makes one.
    fn attempt(&self) {
        let Self { state, steps } = self.clone();
        tokio::task::spawn_blocking(move || {
            let taken = steps.open.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Some(mut open) = taken else { return };
            let memory = catch_unwind(AssertUnwindSafe(&mut open));
            *steps.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(open);
            let outcome = memory.unwrap_or(Err(unforget::Error::Panicked)).map(Arc::new);
            state.send_replace(State::Ended(outcome.clone()));
            (steps.ended)(&outcome);
        });
    }

    /// Waits until it is open or cannot be opened; tries again if others were in the way before.
    pub(crate) async fn opened(&self) -> Outcome {
        let tries = self.state.send_if_modified(|state| {
            let again = matches!(state, State::Ended(Err(error)) if error.is_retryable());
            if again {
                *state = State::UnderWay;
            }
            again
        });
        if tries {
            self.attempt();
        }
        self.settled().await
    }

    /// Waits until no attempt is under way.
    async fn settled(&self) -> Outcome {
        let mut state = self.state.subscribe();
        let settled = state.wait_for(|state| matches!(state, State::Ended(_))).await;
        match settled.map(|state| state.clone()) {
            Ok(State::Ended(outcome)) => outcome,
            // The sender is as old as `self`.
            Ok(State::UnderWay) | Err(_) => Err(unforget::Error::Panicked),
        }
    }

    /// Ends the memory, once it is open.
    ///
    /// It is not waited for longer than `patience`, and that others use it is no failure: whatever was acknowledged is
    /// stored already.
    ///
    /// # Errors
    ///
    /// Why it could not be opened, or ended.
    pub(crate) async fn end(&self, patience: Duration) -> unforget::Result<()> {
        let ending = async {
            let memory = self.settled().await?;
            // The thread has a share of the memory: who drops the last one waits as long as who ends it.
            let ended = tokio::task::spawn_blocking(move || memory.end()).await;
            Ok(ended.unwrap_or(Err(unforget::Error::Panicked)))
        };
        match tokio::time::timeout(patience, ending).await {
            Ok(Err(not_opened)) => Err(not_opened),
            Ok(Ok(Err(error))) if !error.is_retryable() => Err(error),
            Ok(Ok(Ok(()))) => Ok(()),
            // It was busy, or still is.
            Ok(Ok(Err(_))) | Err(_) => {
                crate::log(format_args!(
                    "others use the store, so it was not shut down; all that was acknowledged is in it"
                ));
                Ok(())
            }
        }
    }
}

impl std::fmt::Debug for Opening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opening").field("state", &*self.state.borrow()).finish_non_exhaustive()
    }
}
