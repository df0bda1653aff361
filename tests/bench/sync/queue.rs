//! Round trips: submit, the consumer completes, wait.

use std::hint;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::Effort;
use crate::drive::{Workload, drive};
use crate::lanes::{
    Crossbeam, CrossbeamOneshot, FlumeOneshot, KanalOneshot, Lane, Leading, StdMpsc, Unforget,
};
use crate::table::{Contender, compare};

/// Producers and how many operations each keeps in flight.
const SHAPES: [(usize, usize); 6] = [(1, 1), (4, 1), (16, 1), (64, 1), (4, 256), (16, 256)];

/// The same with a thread on every core that computes. Last, because the queue remembers for a second that it was so.
const CROWDED: [(usize, usize); 3] = [(1, 1), (16, 1), (16, 256)];

/// Measures the workloads with `wanted` in their title.
pub(crate) fn run(effort: Effort, wanted: &str) {
    for shape in SHAPES {
        measure(effort, wanted, shape, "");
    }
    let over = AtomicBool::new(false);
    thread::scope(|threads| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZeroUsize::get) {
            threads.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    hint::spin_loop();
                }
            });
        }
        for shape in CROWDED {
            measure(effort, wanted, shape, ", every core computing");
        }
        over.store(true, Ordering::Relaxed);
    });
}

fn measure(effort: Effort, wanted: &str, (producers, in_flight): (usize, usize), circumstances: &str) {
    let operations = effort.scale * if in_flight == 1 { 2_048 } else { 16_384 };
    let workload = Workload { producers, in_flight, operations };
    let title = format!(
        "round trip, {producers} producers, {in_flight} in flight each, {operations} operations{circumstances}"
    );
    if title.contains(wanted) {
        let contenders = [
            contender::<Unforget>("unforget WriteQueue", workload),
            contender::<Leading>("unforget WriteQueue, leading", workload),
            contender::<CrossbeamOneshot>("crossbeam-channel + oneshot", workload),
            contender::<Crossbeam>("crossbeam-channel + bounded(1)", workload),
            contender::<StdMpsc>("std mpsc + sync_channel(1)", workload),
            contender::<FlumeOneshot>("flume + oneshot", workload),
            contender::<KanalOneshot>("kanal + oneshot", workload),
        ];
        compare(&title, effort.rounds, &contenders);
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
fn contender<L: Lane>(name: &'static str, workload: Workload) -> Contender {
    Contender::new(name, move || drive::<L>(workload).as_nanos() as f64 / workload.operations as f64)
}
