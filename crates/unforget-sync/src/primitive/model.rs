//! Runs a scenario in every schedule that loom can tell apart.

use ::std::cell::Cell;
use ::std::sync::atomic::{AtomicUsize, Ordering};

use super::Arc;

/// More scheduling points than any model here reaches in one execution; loom panics beyond it, it does not cut.
const MAX_BRANCHES: usize = 20_000;

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
}

::std::thread_local! {
    /// loom runs all threads of a model on the thread that called it, so one cell serves the whole model.
    static MODE: Cell<Mode> = const { Cell::new(Mode::Plain) };
}

/// The mode of the model that is running.
pub(super) fn mode() -> Mode {
    MODE.get()
}

/// Checks every schedule of `scenario` and returns how many there were.
pub fn run(mode: Mode, scenario: impl Fn() + Send + Sync + 'static) -> usize {
    explore(mode, None, scenario)
}

/// Checks every schedule of `scenario` with at most `preemptions` preemptions and returns how many there were.
///
/// A preemption is a switch away from a thread that could have gone on.
pub fn run_bounded(mode: Mode, preemptions: usize, scenario: impl Fn() + Send + Sync + 'static) -> usize {
    explore(mode, Some(preemptions), scenario)
}

/// loom's limits on time and on permutations end a check *silently*, so they are off whatever the environment
/// says: `check` then returns only when no schedule within the bound is left.
fn explore(mode: Mode, preemptions: Option<usize>, scenario: impl Fn() + Send + Sync + 'static) -> usize {
    let mut builder = ::loom::model::Builder::new();
    builder.max_branches = MAX_BRANCHES;
    builder.max_duration = None;
    builder.max_permutations = None;
    builder.checkpoint_file = None;
    builder.preemption_bound = preemptions;

    let executions = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&executions);
    MODE.set(mode);
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        scenario();
    });
    MODE.set(Mode::Plain);
    executions.load(Ordering::Relaxed)
}
