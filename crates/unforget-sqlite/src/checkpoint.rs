//! Moves the write-ahead log into the file, beside the commits and not in them.
//!
//! A pass, every share of the log:
//!
//! 1. What no reader holds back is moved without the turn (`PASSIVE`). Writers and readers go on. While they do, SQLite
//!    syncs nothing of that, and the log does not begin anew: there is always something new in it.
//! 2. The rest, which is little, is moved **with the turn**: nothing new comes, so SQLite goes on to sync the file. The
//!    turn is had for a moment only ([`moves::HOLD`]): a sync that takes longer goes on without it, beside the writers,
//!    who then added something. This step is repeated, with less to sync each time.
//! 3. When it was done in time, the log is in the file, and the next commit begins it anew if no reader is in it.
//!    **At the mark** that is seen to (`RESTART`): all was moved, so nothing is left to do under SQLite's lock.
//! 4. **At one and a half times the mark** readers that come and go, one always there, may have refused every reset. The
//!    turn is then kept for a moment ([`Checkpoints::patience`]): the readers that hold back the rest end, all of it is
//!    moved, and new readers do not need the log any more. That takes as long as the longest read, which nobody knows,
//!    so every refusal doubles the patience. A reader who stays is not waited for: it shows in that nothing more could
//!    be moved for half a second. It is named ([`Wal::pinned_by`](crate::Wal::pinned_by)).
//! 5. **At twice the mark** writers wait between two batches while a pass runs ([`Log::ease`](crate::wal::Log::ease)).
//!
//! A pass whose disk failed is the last, and ends the engine: see [`Worker::fail`].

mod moves;

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub(crate) use crate::checkpoint::moves::keep_log;
use crate::engine::Shared;
use crate::wal::{Answer, Marks};
use crate::{Error, HeldRead, Options, Result, file};
pub(crate) use moves::Moves;
use moves::{Reset, Settled};

/// Nobody's readers are waited for longer, at once.
const LONGEST_PATIENCE: Duration = Duration::from_mins(1);

/// Decides when the write-ahead log is moved into the file. Sizes are bytes of the log; they are minimums, reached by
/// whole batches.
///
/// ```
/// use unforget_sqlite::{Checkpoints, Options};
///
/// let options = Options::default().checkpoints(Checkpoints::default().every(1 << 20).reset_at(4 << 20));
/// assert_ne!(options, Options::default());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoints {
    pub(crate) every: u64,
    pub(crate) reset_at: u64,
    pub(crate) patience: Duration,
}

impl Default for Checkpoints {
    fn default() -> Self {
        Self { every: 4 << 20, reset_at: 32 << 20, patience: Duration::from_millis(20) }
    }
}

impl Checkpoints {
    /// Sets by how many bytes the log grows between two attempts to move it; 4 MiB unless set.
    #[must_use]
    pub fn every(mut self, bytes: u64) -> Self {
        self.every = bytes;
        self
    }

    /// Sets the length in bytes at which the log is made to begin anew; 32 MiB unless set.
    ///
    /// Before that it does so by itself where no reader is in it. At one and a half times of it, writers wait for
    /// readers, for the patience at most. At twice of it, writers wait between two batches for the log to be moved: 10 ms
    /// at most, and twice as long for every sixteenth of the mark above that, 640 ms at most. They do not wait for a read
    /// that goes on for half a second: while there is one, the log grows without a bound.
    #[must_use]
    pub fn reset_at(mut self, bytes: u64) -> Self {
        self.reset_at = bytes;
        self
    }

    /// Sets how long writers wait for readers to let go of a log that is one and a half times too long; 20 ms unless
    /// set, a minute at most. If that is not enough, the next wait is twice as long, 16 times at most. A read that goes on
    /// for half a second is not waited for any more.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience.min(LONGEST_PATIENCE);
        self
    }
}

/// What came of a checkpoint that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Checkpoint {
    /// Whether the log was emptied: the file alone was complete at that moment.
    pub reset: bool,
    /// Pages that are in the log only, or also, after it.
    pub frames: u64,
    /// The reads of this process that were in the way, longest first. Those of other processes are not known.
    pub pinned_by: Vec<HeldRead>,
}

/// The thread that does it. Dropped, it is stopped and waited for: it takes the turn like a writer, so that may take as
/// long.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub(crate) fn start(shared: &Arc<Shared>, options: &Options) -> Result<Self> {
        let worker = Worker {
            shared: Arc::clone(shared),
            options: *options,
            moves: None,
            refusals: Refusals::default(),
        };
        let thread = thread::Builder::new()
            .name("unforget-checkpointer".to_owned())
            .spawn(|| worker.run())
            .map_err(|source| file::io("start the checkpointer of", &shared.path, source))?;
        Ok(Self { shared: Arc::clone(shared), thread: Some(thread) })
    }

    /// Waits until it has closed its connection.
    pub(crate) fn stop(&mut self) {
        self.shared.log.stop();
        if let Some(thread) = self.thread.take() {
            // It runs nobody's code, and if it did panic, the log is only longer.
            let _ended = thread.join();
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// How often what was written during a sync is moved and synced in turn.
const ROUNDS: u32 = 4;

/// What holds back the same pages for longer is a reader who stays.
const STAYS: Duration = Duration::from_millis(500);

/// The patience is doubled no more often than this.
const LONGEST: u32 = 4;

struct Worker {
    shared: Arc<Shared>,
    options: Options,
    /// Opened when they are first needed: most programs write less than a share.
    moves: Option<Moves>,
    refusals: Refusals,
}

/// The resets that were refused since the last that was not.
#[derive(Debug, Clone, Copy, Default)]
struct Refusals {
    count: u32,
    /// How far the log could be moved the last time.
    moved: u64,
    /// Since when it can be moved no further.
    since: Option<Instant>,
}

impl Refusals {
    fn next(self, answer: Answer) -> Self {
        if !answer.refused {
            return Self::default();
        }
        let since = self.since.filter(|_| answer.moved == self.moved).unwrap_or_else(Instant::now);
        Self { count: self.count.saturating_add(1), moved: answer.moved, since: Some(since) }
    }

    /// How long what refused `answer` may still go on before it is one that stays.
    fn left(self, answer: Answer) -> Duration {
        let since = self.since.filter(|_| answer.moved == self.moved);
        since.map_or(STAYS, |since| STAYS.saturating_sub(since.elapsed()))
    }

    /// How long to wait for readers, with the turn, when `answer` was refused.
    fn patience(self, base: Duration, answer: Answer) -> Duration {
        let Some(doubled) = self.count.checked_sub(1) else {
            return Duration::ZERO;
        };
        (base * (1 << doubled.min(LONGEST))).min(self.left(answer))
    }
}

impl Worker {
    fn run(mut self) {
        while let Some(asked) = self.shared.log.next() {
            let outcome = self.shorten(!asked.is_empty());
            if let Err(error) = &outcome {
                self.fail(error);
            }
            self.shared.log.looked();
            for completer in asked {
                completer.complete(outcome.clone());
            }
        }
    }

    /// Ends the engine if the disk failed.
    ///
    /// SQLite would go on: the next checkpoint moves what is left, and its sync succeeds, because the system tells of a
    /// failure once. It says nothing about the pages that were moved before and given up; the log that has them would
    /// begin anew, and a power cut would leave a damaged file. So this engine moves nothing any more, also when it closes,
    /// and writes nothing, since a commit may begin the log anew. Who opens the file next, with no connection left from
    /// before, makes SQLite read the log from its beginning and move all of it again.
    ///
    /// A full disk has moved less, or nothing, and says so: the next pass tries again.
    fn fail(&mut self, error: &Error) {
        self.shared.log.failed();
        if matches!(error, Error::DiskFailed { .. } | Error::Corrupt { .. } | Error::NotADatabase { .. }) {
            self.shared.distrust();
        }
    }

    fn shorten(&mut self, asked: bool) -> Result<Checkpoint> {
        let shared = Arc::clone(&self.shared);
        let plan = Plan {
            asked,
            marks: shared.log.marks(),
            patience: self.options.checkpoints.patience,
            refusals: self.refusals,
        };
        let moves = self.moves()?;
        let mut answer = moves.beside_writers()?;
        shared.log.moved(answer);
        for _ in 0..ROUNDS {
            match moves.settle(|answer| plan.reset(answer))? {
                Settled::Late(late) => shared.log.moved(late),
                Settled::InTime(settled) => {
                    shared.log.moved(settled);
                    return Ok(outcome(&shared, settled, false));
                }
                Settled::Reset(reset) => return Ok(self.was_reset(reset)),
            }
        }
        if asked {
            answer = moves.insist(plan.reset_by_force())?;
            return Ok(self.was_reset(answer));
        }
        Ok(outcome(&shared, answer, false))
    }

    fn was_reset(&mut self, answer: Answer) -> Checkpoint {
        self.shared.log.reset(answer, self.refusals.left(answer).is_zero());
        self.refusals = self.refusals.next(answer);
        outcome(&self.shared, answer, !answer.refused)
    }

    fn moves(&mut self) -> Result<&mut Moves> {
        if self.shared.is_poisoned() {
            self.moves = None;
            return Err(Error::Poisoned);
        }
        if !self.shared.has_its_name() {
            self.moves = None;
            return Err(Error::Replaced { path: self.shared.path.clone() });
        }
        match &mut self.moves {
            Some(moves) => Ok(moves),
            moves => Ok(moves.insert(Moves::open(&self.shared, &self.options)?)),
        }
    }
}

/// What a pass is to do about the length of the log.
#[derive(Debug, Clone, Copy)]
struct Plan {
    asked: bool,
    marks: Marks,
    patience: Duration,
    refusals: Refusals,
}

impl Plan {
    /// Whether the log is to be reset that was moved with this answer.
    fn reset(self, answer: Answer) -> Option<Reset> {
        if self.asked {
            return Some(self.reset_by_force());
        }
        let is_long = answer.frames >= self.marks.reset_at;
        let insists = answer.frames >= self.marks.insist_at;
        let patience = if insists { self.refusals.patience(self.patience, answer) } else { Duration::ZERO };
        is_long.then_some(Reset { cut: false, patience })
    }

    fn reset_by_force(self) -> Reset {
        Reset { cut: true, patience: self.patience }
    }
}

fn outcome(shared: &Shared, answer: Answer, reset: bool) -> Checkpoint {
    Checkpoint { reset, frames: answer.frames, pinned_by: shared.pinned_by() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_patience_can_be_doubled() {
        let base = Checkpoints::default().patience(Duration::MAX).patience;
        let answer = Answer { refused: true, frames: 9, moved: 8 };
        let refusals = Refusals { count: u32::MAX, moved: 7, since: Some(Instant::now()) };
        assert_eq!(refusals.patience(base, answer), STAYS);
        assert_eq!(refusals.next(answer).count, u32::MAX);
    }

    #[test]
    fn a_reader_that_stays_is_told_from_those_that_come_and_go() {
        let refused = |moved| Answer { refused: true, frames: 9, moved };
        let base = Checkpoints::default().patience;
        assert_eq!(
            Refusals::default().patience(base, refused(8)),
            Duration::ZERO,
            "nothing is known of it yet"
        );
        let long_ago = Instant::now().checked_sub(STAYS);
        let refusals = Refusals { count: 2, moved: 8, since: long_ago };
        assert_eq!(refusals.patience(base, refused(8)), Duration::ZERO, "it stays");
        assert_eq!(refusals.next(refused(8)).since, long_ago, "it is the same");
        assert_eq!(refusals.patience(base, refused(9)), base * 2, "another came");
        assert_ne!(refusals.next(refused(9)).since, long_ago, "another came");
    }
}
