//! `cargo bench -p unforget-bench --bench allocations`: what an operation allocates. `-- --smoke` is quick.
//!
//! A binary of its own, because counting slows every allocation down.

#![expect(clippy::print_stdout, reason = "a table is what it is for")]
#![expect(clippy::expect_used, reason = "a benchmark that fails has nothing to say")]

#[path = "../drive.rs"]
mod drive;
#[path = "../lanes.rs"]
mod lanes;

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use drive::{Workload, drive};
use lanes::{Crossbeam, CrossbeamOneshot, FlumeOneshot, KanalOneshot, Lane, Leading, StdMpsc, Unforget};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    let operations = if std::env::args().any(|argument| argument == "--smoke") { 4_096 } else { 65_536 };
    for (producers, in_flight) in [(1, 1), (16, 1), (16, 256)] {
        let workload = Workload { producers, in_flight, operations };
        println!(
            "\nallocations for each of {operations} operations, {producers} producers, {in_flight} in flight each"
        );
        print::<Unforget>("unforget WriteQueue", workload);
        print::<Leading>("unforget WriteQueue, leading", workload);
        print::<CrossbeamOneshot>("crossbeam-channel + oneshot", workload);
        print::<Crossbeam>("crossbeam-channel + bounded(1)", workload);
        print::<StdMpsc>("std mpsc + sync_channel(1)", workload);
        print::<FlumeOneshot>("flume + oneshot", workload);
        print::<KanalOneshot>("kanal + oneshot", workload);
    }
}

/// What starting and ending the lane allocates is counted by a second run with no more than that, and taken off.
#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
fn print<L: Lane>(name: &str, workload: Workload) {
    let idle = count::<L>(Workload { operations: 0, ..workload });
    let busy = count::<L>(workload);
    let (calls, bytes) = (busy.0.saturating_sub(idle.0), busy.1.saturating_sub(idle.1));
    let each = |total: usize| total as f64 / workload.operations as f64;
    println!("  {name:<34} {:>6.2} calls {:>8.1} bytes", each(calls), each(bytes));
}

/// Calls of the allocator and bytes asked for, growing included.
fn count<L: Lane>(workload: Workload) -> (usize, usize) {
    let region = Region::new(COUNTED);
    drive::<L>(workload);
    let change = region.change();
    (change.allocations + change.reallocations, change.bytes_allocated)
}
