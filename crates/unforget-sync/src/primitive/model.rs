//! Runs a scenario in many schedules: in all that loom can tell apart, or in thousands that shuttle draws.

#[cfg(unforget_loom)]
mod exhaustive;
#[cfg(unforget_shuttle)]
mod random;

use ::std::cell::Cell;
use ::std::sync::atomic::{AtomicBool, Ordering};
use ::std::time::Duration;

use crate::Clock;

#[cfg(unforget_loom)]
pub use self::exhaustive::{run, run_bounded};
#[cfg(unforget_shuttle)]
pub use self::random::{draw, replay, run_pct, run_random};

/// Says how waits behave in a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Waits end only by notification, and deadlines never come.
    Plain,
    /// The first wait on each condition variable ends by itself: finds `if` where `while` is needed.
    SpuriousOnce,
    /// Every deadline has come by the time it is looked at.
    DeadlineNow,
    /// No deadline ever comes, so a timed wait needs its notification like any other.
    DeadlineNever,
    /// Each wait draws whether it ends by itself, and each look at a deadline whether it has come. Drawn by
    /// shuttle, so that a replayed schedule draws the same. A clock whose waits look at it again and again, such as
    /// a scenario's own, says by itself when its deadlines come: then a wait for one never lasts for ever.
    #[cfg(unforget_shuttle)]
    Drawn,
}

impl Mode {
    /// Says whether a wait ends before it begins. `before` is the condition variable's: whether one has.
    ///
    /// A drawn wait does so one time in four: often enough to meet every other wait in some schedule, and seldom
    /// enough that threads do block.
    pub(super) fn wakes_spuriously(self, before: &AtomicBool) -> bool {
        match self {
            Self::SpuriousOnce => !before.swap(true, Ordering::Relaxed),
            Self::Plain | Self::DeadlineNow | Self::DeadlineNever => false,
            #[cfg(unforget_shuttle)]
            Self::Drawn => draw(4) == 0,
        }
    }

    /// Says whether a timed wait ends each time `clock` is to be looked at, whatever the deadline.
    pub(super) fn leaves_time_to(self, clock: &dyn Clock) -> bool {
        let drawn = match self {
            Self::Plain | Self::SpuriousOnce | Self::DeadlineNow | Self::DeadlineNever => false,
            #[cfg(unforget_shuttle)]
            Self::Drawn => true,
        };
        drawn && clock.recheck_after(Duration::MAX) < Duration::MAX
    }

    /// Says whether a deadline that is looked at has come.
    pub(super) fn deadline_has_come(self) -> bool {
        match self {
            Self::DeadlineNow => true,
            Self::Plain | Self::SpuriousOnce | Self::DeadlineNever => false,
            #[cfg(unforget_shuttle)]
            Self::Drawn => draw(2) == 0,
        }
    }
}

::std::thread_local! {
    /// Both checkers run all threads of a model on the thread that called them, so one cell serves the whole model.
    static MODE: Cell<Mode> = const { Cell::new(Mode::Plain) };
}

/// The mode of the model that is running.
pub(super) fn mode() -> Mode {
    MODE.get()
}
