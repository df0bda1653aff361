//! Producers on a lane.

use std::collections::VecDeque;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use crate::lanes::Lane;

/// How many submit, how many operations each keeps in flight, and how many all of them submit together.
#[derive(Clone, Copy)]
pub(crate) struct Workload {
    pub(crate) producers: usize,
    pub(crate) in_flight: usize,
    pub(crate) operations: usize,
}

/// Runs the workload on a fresh lane and returns how long it took, without starting and ending its threads.
pub(crate) fn drive<L: Lane>(workload: Workload) -> Duration {
    let (lane, consumer) = L::start();
    let each = workload.operations / workload.producers;
    let start = Barrier::new(workload.producers + 1);
    let end = Barrier::new(workload.producers + 1);
    let took = thread::scope(|threads| {
        for _ in 0..workload.producers {
            let lane = lane.clone();
            let (start, end) = (&start, &end);
            threads.spawn(move || {
                start.wait();
                produce(&lane, workload.in_flight, each);
                end.wait();
            });
        }
        start.wait();
        let started = Instant::now();
        end.wait();
        started.elapsed()
    });
    drop(lane);
    consumer.join().expect("the consumer does not panic");
    took
}

/// Submits `operations`, waiting for the oldest whenever `in_flight` are out.
fn produce<L: Lane>(lane: &L, in_flight: usize, operations: usize) {
    let mut out = VecDeque::with_capacity(in_flight);
    for op in 0..operations as u64 {
        if out.len() == in_flight {
            settle::<L>(out.pop_front());
        }
        out.push_back((op, lane.submit(op)));
    }
    while !out.is_empty() {
        settle::<L>(out.pop_front());
    }
}

fn settle<L: Lane>(oldest: Option<(u64, L::Reply)>) {
    if let Some((op, reply)) = oldest {
        assert_eq!(L::wait(reply), op, "someone else's reply");
    }
}
