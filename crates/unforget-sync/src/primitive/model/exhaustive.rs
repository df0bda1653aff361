//! Every schedule, by loom.

use ::std::sync::atomic::{AtomicUsize, Ordering};

use super::super::Arc;
use super::{MODE, Mode};

/// More scheduling points than any model here reaches in one execution; loom panics beyond it, it does not cut.
const MAX_BRANCHES: usize = 20_000;

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
