//! How saving goes.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use unforget_sync::primitive::{Condvar, Mutex};
use unforget_sync::{Clock, Coalescer, SystemClock};

use crate::Error;

/// How saving goes, at one moment.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct SaveStatus {
    /// How many contexts have changes that are not stored.
    pub unsaved: usize,
    /// When the last save that succeeded ended.
    pub last_save: Option<SystemTime>,
    /// How long that took.
    pub last_duration: Option<Duration>,
    /// The time between the ends of the last two saves that succeeded.
    pub interval: Option<Duration>,
    /// How many saves succeeded.
    pub saves: u64,
    /// How many contexts they stored, one that was stored twice counted twice.
    pub contexts: u64,
    /// How many attempts failed since the last save that succeeded.
    pub failures: u64,
    /// Why the last attempt failed; `None` after one that succeeded.
    pub last_error: Option<Arc<Error>>,
    /// Whether it has ended; what is unsaved then is lost with this process.
    pub ended: bool,
}

/// Tells how saving goes, also after the contexts are gone.
#[derive(Debug, Clone)]
pub struct Saves {
    board: Arc<Board>,
}

impl Saves {
    pub(super) fn new(board: Arc<Board>) -> Self {
        Self { board }
    }

    /// How saving goes now.
    pub fn status(&self) -> SaveStatus {
        self.board.status()
    }
}

/// Where the saver writes how it goes, and is told to hurry or to end.
pub(super) struct Board {
    waiting: Coalescer<Arc<str>, ()>,
    state: Mutex<State>,
    /// Notified to hurry and to end.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    told: SaveStatus,
    delivering: usize,
    last_end: Option<Instant>,
    hurried: bool,
    end: bool,
}

impl Board {
    pub(super) fn new(waiting: Coalescer<Arc<str>, ()>) -> Self {
        Self { waiting, state: Mutex::new(State::default()), changed: Condvar::new() }
    }

    fn status(&self) -> SaveStatus {
        let waiting = self.waiting.len();
        let state = self.state.lock();
        SaveStatus { unsaved: waiting + state.delivering, ..state.told.clone() }
    }

    pub(super) fn unsaved(&self) -> Error {
        let SaveStatus { unsaved: keys, last_error: last, .. } = self.status();
        Error::Unsaved { keys, last }
    }

    /// Notes that an attempt began, and when.
    pub(super) fn begin(&self, contexts: usize) -> Instant {
        self.state.lock().delivering = contexts;
        SystemClock.now()
    }

    pub(super) fn ended(&self, began: Instant, contexts: usize, error: Option<Error>) {
        let mut state = self.state.lock();
        state.delivering = 0;
        state.told.last_error = error.map(Arc::new);
        if state.told.last_error.is_some() {
            state.told.failures += 1;
            return;
        }
        let now = SystemClock.now();
        let interval = state.last_end.replace(now).map(|last| now - last);
        let told = &mut state.told;
        told.failures = 0;
        told.saves += 1;
        told.contexts += contexts as u64;
        told.last_save = Some(SystemTime::now());
        told.last_duration = Some(now - began);
        told.interval = interval;
    }

    /// Waits until the next attempt is to be made; false if none is.
    pub(super) fn wait_after_failure(&self, delay: Duration) -> bool {
        let deadline = SystemClock.now() + delay;
        let mut state = self.state.lock();
        let mut timed_out = false;
        while !(timed_out || state.hurried || state.end) {
            (state, timed_out) = self.changed.wait_until(state, &SystemClock, deadline);
        }
        state.hurried = false;
        !state.end
    }

    /// Makes the next attempt come at once. One that is under way may have begun too early, so it is told to the next.
    pub(super) fn hurry(&self) {
        self.state.lock().hurried = true;
        self.changed.notify_all();
    }

    /// Makes the next failure the last.
    pub(super) fn end(&self) {
        self.state.lock().end = true;
        self.changed.notify_all();
    }

    pub(super) fn has_ended(&self) {
        self.state.lock().told.ended = true;
    }
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Board").field("told", &self.state.lock().told).finish_non_exhaustive()
    }
}
