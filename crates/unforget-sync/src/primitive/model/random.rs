//! Some thousands of schedules, by shuttle.

use ::shuttle::rand::{Rng, thread_rng};
use ::shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler, Scheduler};
use ::shuttle::{Config, MaxSteps, Runner};

use super::{MODE, Mode};

/// More steps than any scenario here takes in one schedule; beyond it shuttle fails, it does not cut. A scenario
/// in which threads chase each other for ever ends here.
const MAX_STEPS: usize = 200_000;
/// A thread's stack. shuttle's default is 60 KiB, which the formatting of a failed assertion can exceed.
const STACK: usize = 0x4_0000;

/// Runs `scenario` in `schedules` schedules in which any thread that can go on is as likely to be next.
///
/// Finds what many interleavings show. The same `seed` draws the same schedules. Returns how many were run.
///
/// # Panics
/// When `scenario` does, and when its threads wait for one another for ever. shuttle prints the schedule.
pub fn run_random(
    mode: Mode,
    seed: u64,
    schedules: usize,
    scenario: impl Fn() + Send + Sync + 'static,
) -> usize {
    explore(mode, RandomScheduler::new_from_seed(seed, schedules), scenario)
}

/// Runs `scenario` in `schedules` schedules in which threads have priorities that change `depth - 1` times.
///
/// Probabilistic concurrency testing: finds what needs few preemptions in the right places and long runs between
/// them, which uniform choice hardly ever gives. The same `seed` draws the same schedules.
///
/// # Panics
/// As [`run_random`].
pub fn run_pct(
    mode: Mode,
    seed: u64,
    depth: usize,
    schedules: usize,
    scenario: impl Fn() + Send + Sync + 'static,
) -> usize {
    explore(mode, PctScheduler::new_from_seed(seed, depth, schedules), scenario)
}

/// Runs `scenario` once, in the schedule that shuttle printed when it failed.
///
/// # Panics
/// As [`run_random`], and when `schedule` is not one.
pub fn replay(mode: Mode, schedule: &str, scenario: impl Fn() + Send + Sync + 'static) -> usize {
    explore(mode, ReplayScheduler::new_from_encoded(schedule), scenario)
}

/// Draws a number below `bound` as part of the schedule. Only for use inside a scenario.
pub fn draw(bound: usize) -> usize {
    thread_rng().gen_range(0..bound)
}

fn explore(
    mode: Mode,
    scheduler: impl Scheduler + 'static,
    scenario: impl Fn() + Send + Sync + 'static,
) -> usize {
    let mut config = Config::new();
    config.max_steps = MaxSteps::FailAfter(MAX_STEPS);
    config.stack_size = STACK;
    MODE.set(mode);
    let run = Runner::new(scheduler, config).run(scenario);
    MODE.set(Mode::Plain);
    run
}
