//! The primitives composed, with more threads than loom can take, in schedules that shuttle draws.
//!
//! Each test is one scenario. It runs 1,000 schedules in which any thread may be next and 1,000 under priorities
//! (PCT), ten times as many when `UNFORGET_SHUTTLE_LONG` is set, and prints how many they were. In all of them waits
//! end spuriously and deadlines come as the schedule draws. A scenario whose threads wait for one another for ever
//! fails: shuttle sees that nobody can go on.
//!
//! Run one with `RUSTFLAGS="--cfg unforget_shuttle" cargo test --release -p unforget-sync --test shuttle -- --exact
//! NAME --nocapture`. A failure prints its schedule; `UNFORGET_SHUTTLE_REPLAY` set to that text runs that schedule
//! alone. The schedules are the same in every run; `UNFORGET_SHUTTLE_SEED` set to a number draws others.

#![cfg(unforget_shuttle)]
#![expect(clippy::expect_used, reason = "a scenario says what cannot fail in it")]

#[path = "shuttle/coalescer.rs"]
mod coalescer;
#[path = "shuttle/coalescer_ledger.rs"]
mod coalescer_ledger;
#[path = "shuttle/engine.rs"]
mod engine;
#[path = "shuttle/queue.rs"]
mod queue;
#[path = "shuttle/queue_lead.rs"]
mod queue_lead;
#[path = "shuttle/queue_ledger.rs"]
mod queue_ledger;
#[path = "shuttle/queue_line.rs"]
mod queue_line;
#[path = "shuttle/ranked.rs"]
mod ranked;
#[path = "shuttle/registry.rs"]
mod registry;
#[path = "shuttle/snapshot_cell.rs"]
mod snapshot_cell;

use std::time::Instant;

use unforget_sync::primitive::model::{self, Mode};
use unforget_sync::primitive::thread;

/// Schedules by each of the two schedulers.
const SCHEDULES: usize = 1_000;
/// The same when there is time.
const LONG_SCHEDULES: usize = 10_000;
/// Of any value, as long as it stays: what was seen to pass is what runs again.
const SEED: u64 = 0x756e_666f_7267_6574;
/// Two changes of priority find what needs a third event between two others; more dilute the choice of places.
const DEPTH: usize = 3;

/// Runs the scenario under both schedulers, or in the one schedule that is to be replayed.
fn check(scenario: fn()) {
    if let Ok(schedule) = std::env::var("UNFORGET_SHUTTLE_REPLAY") {
        model::replay(Mode::Drawn, schedule.trim_matches(|c: char| c == '"' || c.is_whitespace()), scenario);
        return;
    }
    let hint = ReplayHint;
    let long = std::env::var_os("UNFORGET_SHUTTLE_LONG").is_some();
    let schedules = if long { LONG_SCHEDULES } else { SCHEDULES };
    let start = Instant::now();
    report("random", model::run_random(Mode::Drawn, seed(), schedules, scenario), start);
    let start = Instant::now();
    report("pct", model::run_pct(Mode::Drawn, seed(), DEPTH, schedules, scenario), start);
    drop(hint);
}

fn seed() -> u64 {
    std::env::var("UNFORGET_SHUTTLE_SEED")
        .map_or(SEED, |seed| seed.parse().expect("UNFORGET_SHUTTLE_SEED is a number"))
}

#[expect(clippy::print_stdout, reason = "the counts are what the documentation cites")]
fn report(how: &str, schedules: usize, start: Instant) {
    let name = std::thread::current().name().unwrap_or("scenario").to_owned();
    println!("{name} {how}: {schedules} schedules in {} ms", start.elapsed().as_millis());
    assert!(schedules > 1, "one schedule checks nothing");
}

/// Says how to repeat a failure, once the failure is on its way out.
struct ReplayHint;

impl Drop for ReplayHint {
    #[expect(clippy::print_stderr, reason = "whoever sees a failure needs to know how to see it again")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("to repeat it, set UNFORGET_SHUTTLE_REPLAY to the failing schedule printed above");
        }
    }
}

/// Lets others run for a drawn number of steps, so that what follows comes at any time in the scenario.
fn dawdle(most: usize) {
    for _ in 0..model::draw(most + 1) {
        thread::yield_now();
    }
}

/// What a panic on purpose carries.
struct OnPurpose;

/// Runs what may panic on purpose, and lets any other panic on: a failed assertion is no part of a scenario.
fn contained<T>(work: impl FnOnce() -> T) -> Option<T> {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
        Ok(done) => Some(done),
        Err(panic) if panic.is::<OnPurpose>() => None,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Panics on purpose, see [`contained`]. Without the panic hook, which would print a schedule as if it had failed.
fn panic_on_purpose() -> ! {
    std::panic::resume_unwind(Box::new(OnPurpose))
}
