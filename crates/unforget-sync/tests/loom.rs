//! Every schedule of the protocols in this crate, as far as loom can tell schedules apart.
//!
//! Each test is one model and runs alone in its own process: loom aborts on a failure. Run one with
//! `RUSTFLAGS="--cfg unforget_loom" cargo test --release -p unforget-sync --test loom -- --exact NAME --nocapture`;
//! it prints how many executions it took in each wait mode.
//!
//! A model without a stated bound is exhaustive: `model::run` returns only when no schedule is left. Those with a
//! bound explore one preemption more when `UNFORGET_LOOM_LONG` is set.
//! Wait modes: `Plain` and `SpuriousOnce` for every model that waits, `DeadlineNow` and `DeadlineNever` for those
//! with a deadline (without a deadline they are `Plain`).

#![cfg(unforget_loom)]
#![expect(
    clippy::arc_with_non_send_sync,
    reason = "loom's cells are not Sync, and its threads do not ask for it"
)]
#![expect(clippy::expect_used, reason = "a model says what cannot fail in it")]

#[path = "loom/coalescer.rs"]
mod coalescer;
#[path = "loom/contention.rs"]
mod contention;
#[path = "loom/init_cell.rs"]
mod init_cell;
#[path = "loom/registry.rs"]
mod registry;
#[path = "loom/snapshot_cell.rs"]
mod snapshot_cell;
#[path = "loom/ticket.rs"]
mod ticket;
#[path = "loom/write_queue.rs"]
mod write_queue;
#[path = "loom/write_queue_close.rs"]
mod write_queue_close;
#[path = "loom/write_queue_lead.rs"]
mod write_queue_lead;

use std::time::Instant;

use unforget_sync::primitive::model::{self, Mode};

/// For models whose waits have no deadline.
const WAITS: &[Mode] = &[Mode::Plain, Mode::SpuriousOnce];

/// For models with a deadline: it comes at once, or never.
const DEADLINES: &[Mode] = &[Mode::DeadlineNow, Mode::DeadlineNever, Mode::SpuriousOnce];

/// Checks every schedule in each of `modes`.
fn check(modes: &[Mode], scenario: fn()) {
    for &mode in modes {
        let start = Instant::now();
        report(mode, model::run(mode, scenario), start);
    }
}

/// Checks every schedule with at most `preemptions` preemptions in each of `modes`; one more on request.
fn check_bounded(preemptions: usize, modes: &[Mode], scenario: fn()) {
    let preemptions = preemptions + usize::from(std::env::var_os("UNFORGET_LOOM_LONG").is_some());
    for &mode in modes {
        let start = Instant::now();
        report(mode, model::run_bounded(mode, preemptions, scenario), start);
    }
}

#[expect(clippy::print_stdout, reason = "the counts are what the documentation cites")]
fn report(mode: Mode, executions: usize, start: Instant) {
    let name = std::thread::current().name().unwrap_or("model").to_owned();
    println!("{name} {mode:?}: {executions} executions in {} ms", start.elapsed().as_millis());
    assert!(executions > 1, "a model with one schedule checks nothing");
}
