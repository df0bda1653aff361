//! Reading what is there: `InitCell` and `SnapshotCell` on one thread.

use std::hint::black_box;
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use std::time::Instant;

use arc_swap::ArcSwap;
use unforget_sync::{InitCell, SnapshotCell};

use crate::Effort;
use crate::table::{Contender, compare};

pub(crate) fn run(effort: Effort) {
    initialised(effort);
    snapshots(effort);
}

fn initialised(effort: Effort) {
    let cell: InitCell<u64, ()> = InitCell::new();
    cell.get_or_try_init(|| Ok(7)).expect("it does not fail");
    let once = OnceLock::from(7_u64);
    let crated = once_cell::sync::OnceCell::with_value(7_u64);
    compare(
        "reading a value that is there",
        effort.rounds,
        &[
            reader("unforget InitCell::get", effort, move || black_box(&cell).get().copied()),
            reader("std OnceLock::get", effort, move || black_box(&once).get().copied()),
            reader("once_cell OnceCell::get", effort, move || black_box(&crated).get().copied()),
        ],
    );
}

fn snapshots(effort: Effort) {
    let cell = SnapshotCell::new(7_u64);
    let (owned, borrowed) = (ArcSwap::from_pointee(7_u64), ArcSwap::from_pointee(7_u64));
    let shared = RwLock::new(Arc::new(7_u64));
    let locked = Mutex::new(Arc::new(7_u64));
    compare(
        "loading a snapshot, nobody writing",
        effort.rounds,
        &[
            reader("unforget SnapshotCell::load", effort, move || cell.load().value().to_owned()),
            reader("arc-swap load_full", effort, move || *owned.load_full()),
            reader("arc-swap load (guard)", effort, move || **borrowed.load()),
            reader("RwLock<Arc>, cloned", effort, move || *Arc::clone(&shared.read().expect("not poisoned"))),
            reader("Mutex<Arc>, cloned", effort, move || *Arc::clone(&locked.lock().expect("not poisoned"))),
        ],
    );
}

#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
fn reader<T>(name: &'static str, effort: Effort, read: impl Fn() -> T + 'static) -> Contender {
    let reads = effort.scale * 100_000;
    Contender::new(name, move || {
        let started = Instant::now();
        for _ in 0..reads {
            black_box(read());
        }
        started.elapsed().as_nanos() as f64 / reads as f64
    })
}
