//! How long the write-ahead log is, and when it has to be shortened.
//!
//! The writer learns the length from SQLite's hook after each of its commits and passes it on; that is all a commit
//! pays. Another thread is woken when the log has grown by a share since it was looked at last.

use std::cell::Cell;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use unforget_sync::primitive::{Condvar, Mutex};
use unforget_sync::{Completer, SystemClock, Ticket};

use crate::{Checkpoint, Checkpoints, Error, Result};

/// What the log holds beside each page, in bytes (SQLite's file format, section 4.1).
const FRAME_HEADER: u64 = 24;

/// How long a writer waits at first for a log that is far too long.
const PAUSE: Duration = Duration::from_millis(10);

/// The pause is doubled no more often than this.
const LONGEST_PAUSE: u64 = 6;

thread_local! {
    /// The length of the log after the last commit of this thread, in frames, until it is passed on. The hook is a
    /// plain function and runs inside COMMIT, on the thread that commits.
    static LENGTH: Cell<Option<u64>> = const { Cell::new(None) };
}

/// The log of one database as this process sees it.
#[derive(Debug)]
pub(crate) struct Log {
    state: Mutex<State>,
    wake: Condvar,
    /// Told when a pass has moved something, and when it is over.
    eased: Condvar,
}

#[derive(Debug, Default)]
struct State {
    marks: Marks,
    figures: Figures,
    /// The length at which the checkpointer is woken.
    due: u64,
    wanted: bool,
    /// A reader stays: what it holds back cannot be moved, however long writers wait.
    stuck: bool,
    asked: Vec<Completer<Result<Checkpoint>>>,
    stopped: bool,
}

/// A policy in frames.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Marks {
    pub(crate) every: u64,
    pub(crate) reset_at: u64,
    pub(crate) insist_at: u64,
    pub(crate) wait_at: u64,
}

/// What is known about the log.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Figures {
    pub(crate) frames: u64,
    pub(crate) moved: u64,
    pub(crate) checkpoints: u64,
    pub(crate) resets: u64,
    pub(crate) resets_refused: u64,
    pub(crate) failures: u64,
    /// When a commit of this process last made the log longer.
    pub(crate) written: Option<Instant>,
    /// When a reader was last in the way, until one is not.
    pub(crate) pinned: Option<Instant>,
}

/// What SQLite answers to a checkpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer {
    pub(crate) refused: bool,
    pub(crate) frames: u64,
    pub(crate) moved: u64,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new(State::default()), wake: Condvar::new(), eased: Condvar::new() }
    }

    /// Learns the length after every commit of `conn`, in the place of SQLite's own checkpoints.
    pub(crate) fn follow(&self, conn: &Connection, policy: Checkpoints) -> Result<()> {
        let page: u64 = conn.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let frames = |bytes: u64| (bytes / (page + FRAME_HEADER)).max(1);
        let reset_at = frames(policy.reset_at);
        let marks = Marks {
            every: frames(policy.every),
            reset_at,
            insist_at: reset_at + reset_at / 2,
            wait_at: reset_at.saturating_mul(2),
        };
        let mut state = self.state.lock();
        (state.marks, state.due) = (marks, marks.every);
        drop(state);
        conn.wal_hook(Some(|_, frames| {
            LENGTH.set(u64::try_from(frames).ok());
            Ok(())
        }));
        Ok(())
    }

    /// Passes on what the last commit of this thread left.
    pub(crate) fn committed(&self) {
        let Some(frames) = LENGTH.take() else { return };
        let mut state = self.state.lock();
        if frames < state.figures.frames {
            // All of it was moved, and this commit began it anew; or another process did, meanwhile.
            state.due = state.marks.every;
            state.figures.moved = 0;
            state.figures.resets += 1;
        }
        state.figures.frames = frames;
        state.figures.written = Some(Instant::now());
        if frames >= state.due && !state.wanted {
            state.wanted = true;
            self.wake.notify_one();
        }
    }

    /// Asks for a checkpoint with a reset.
    pub(crate) fn ask(&self) -> Ticket<Result<Checkpoint>> {
        let (ticket, completer) = Ticket::pair();
        let mut state = self.state.lock();
        if state.stopped {
            drop(state);
            completer.complete(Err(Error::Closed));
        } else {
            state.asked.push(completer);
            self.wake.notify_one();
        }
        ticket
    }

    /// Waits until there is something to do and answers who asked for it; `None` once it was stopped.
    pub(crate) fn next(&self) -> Option<Vec<Completer<Result<Checkpoint>>>> {
        let mut state = self.state.lock();
        while !state.wanted && state.asked.is_empty() && !state.stopped {
            state = self.wake.wait(state);
        }
        let asked = std::mem::take(&mut state.asked);
        let stopped = state.stopped;
        drop(state);
        if !stopped {
            return Some(asked);
        }
        for completer in asked {
            completer.complete(Err(Error::Closed));
        }
        None
    }

    pub(crate) fn stop(&self) {
        self.state.lock().stopped = true;
        self.wake.notify_all();
    }

    pub(crate) fn marks(&self) -> Marks {
        self.state.lock().marks
    }

    pub(crate) fn figures(&self) -> Figures {
        self.state.lock().figures
    }

    /// Waits while a log that is far too long is being moved; for a writer, before it takes the turn.
    ///
    /// The wait ends after [`PAUSE`], so that a commit is late and not lost, but the longer the log is the longer it gets:
    /// what is written in a pause is no more than the queue holds.
    pub(crate) fn ease(&self) {
        let mut state = self.state.lock();
        let deadline = Instant::now() + state.pause();
        while !state.pause().is_zero() {
            let timed_out;
            (state, timed_out) = self.eased.wait_until(state, &SystemClock, deadline);
            if timed_out {
                break;
            }
        }
    }

    /// Tells whether writers are to wait.
    pub(crate) fn is_too_long(&self) -> bool {
        !self.state.lock().pause().is_zero()
    }

    /// Remembers what a checkpoint that leaves the log as long as it is has moved. One that was refused, because another
    /// process runs one, tells nothing.
    pub(crate) fn moved(&self, answer: Answer) {
        if answer.refused {
            return;
        }
        let mut state = self.state.lock();
        state.figures.checkpoints += 1;
        state.figures.moved = answer.moved;
        state.figures.pinned = (answer.moved < answer.frames).then(Instant::now);
        drop(state);
        self.eased.notify_all();
    }

    /// Remembers whether the log could be reset, and if not, whether that is for the same reader as the time before.
    pub(crate) fn reset(&self, answer: Answer, same_reader: bool) {
        let mut state = self.state.lock();
        state.figures.frames = answer.frames;
        state.figures.moved = answer.moved;
        state.stuck = answer.refused && same_reader;
        if answer.refused {
            state.figures.resets_refused += 1;
            state.figures.pinned = Some(Instant::now());
        } else {
            state.figures.resets += 1;
            state.figures.pinned = None;
        }
        drop(state);
        self.eased.notify_all();
    }

    pub(crate) fn failed(&self) {
        self.state.lock().figures.failures += 1;
    }

    /// Ends a pass: the next one is due when the log has grown by a share.
    pub(crate) fn looked(&self) {
        let mut state = self.state.lock();
        state.due = state.figures.frames + state.marks.every;
        state.wanted = false;
        drop(state);
        self.eased.notify_all();
    }
}

impl State {
    /// How long a writer is to wait at most: [`PAUSE`] where waiting begins, doubled for each sixteenth of the mark for
    /// resets above that. Only while a pass runs that can help.
    fn pause(&self) -> Duration {
        let over = self.figures.frames.checked_sub(self.marks.wait_at);
        match over {
            Some(over) if self.wanted && !self.stuck => {
                let steps = over / (self.marks.reset_at / 16).max(1);
                PAUSE * (1 << steps.min(LONGEST_PAUSE))
            }
            _ => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(frames: u64) -> State {
        let marks = Marks { every: 8, reset_at: 160, insist_at: 240, wait_at: 320 };
        State { marks, figures: Figures { frames, ..Figures::default() }, wanted: true, ..State::default() }
    }

    #[test]
    fn a_writer_waits_longer_the_longer_the_log_is_and_never_without_end() {
        let pauses: Vec<_> =
            [319, 320, 330, 340, 380, 100_000].map(|frames| state(frames).pause().as_millis()).into();
        assert_eq!(pauses, [0, 10, 20, 40, 640, 640]);
    }

    #[test]
    fn a_writer_waits_for_no_pass_that_does_not_run_or_cannot_help() {
        assert_eq!(State { wanted: false, ..state(1_000) }.pause(), Duration::ZERO);
        assert_eq!(State { stuck: true, ..state(1_000) }.pause(), Duration::ZERO, "a reader stays");
    }
}
