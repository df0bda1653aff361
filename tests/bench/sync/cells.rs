//! What is had without waiting, on one thread: `InitCell`, `SnapshotCell` and the ranked mutex.

use std::hint::black_box;
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use std::time::Instant;

use arc_swap::{ArcSwap, Cache};
use unforget_sync::ranked::{self, Order};
use unforget_sync::{Contention, InitCell, SnapshotCell};

use crate::Effort;
use crate::table::{Contender, compare};

unforget_sync::lock_levels! { Counter }

/// Calls of one round: well under a millisecond, so that most rounds fit between two interruptions of the thread. One
/// more round instead of a longer one makes an interruption an outlier, which a median leaves out.
const CALLS: u32 = 100_000;

pub(crate) fn run(effort: Effort) {
    initialised(effort);
    snapshots(effort);
    snapshots_by_handle(effort);
    locks(effort);
}

fn initialised(effort: Effort) {
    let cell: InitCell<u64, ()> = InitCell::new();
    cell.get_or_try_init(|| Ok(7)).expect("it does not fail");
    let once = OnceLock::from(7_u64);
    let crated = once_cell::sync::OnceCell::with_value(7_u64);
    compare(
        "reading a value that is there",
        effort.rounds * effort.scale,
        &[
            reader("unforget InitCell::get", move || black_box(&cell).get().copied()),
            reader("std OnceLock::get", move || black_box(&once).get().copied()),
            reader("once_cell OnceCell::get", move || black_box(&crated).get().copied()),
        ],
    );
}

fn snapshots(effort: Effort) {
    let (cell, full) = (SnapshotCell::new(7_u64), SnapshotCell::new(7_u64));
    let (owned, borrowed) = (ArcSwap::from_pointee(7_u64), ArcSwap::from_pointee(7_u64));
    let shared = RwLock::new(Arc::new(7_u64));
    let locked = Mutex::new(Arc::new(7_u64));
    compare(
        "loading a snapshot, nobody writing",
        effort.rounds * effort.scale,
        &[
            reader("unforget SnapshotCell::load", move || **cell.load()),
            reader("arc-swap load (guard)", move || **borrowed.load()),
            reader("unforget SnapshotCell::load_full", move || **full.load_full()),
            reader("arc-swap load_full", move || *owned.load_full()),
            reader("RwLock<Arc>, cloned", move || *Arc::clone(&shared.read().expect("not poisoned"))),
            reader("Mutex<Arc>, cloned", move || *Arc::clone(&locked.lock().expect("not poisoned"))),
        ],
    );
}

fn snapshots_by_handle(effort: Effort) {
    let (cell, swapped) = (SnapshotCell::new(7_u64), ArcSwap::from_pointee(7_u64));
    compare(
        "reading a snapshot by a handle, nobody writing",
        effort.rounds * effort.scale,
        &[
            Contender::new("unforget SnapshotReader::load", move || {
                let mut reader = cell.reader();
                each(|| ***black_box(&mut reader).load())
            }),
            Contender::new("arc-swap Cache::load", move || {
                let mut cache = Cache::new(&swapped);
                each(|| **black_box(&mut cache).load())
            }),
        ],
    );
}

fn locks(effort: Effort) {
    let plain: ranked::Mutex<Counter, u64> = ranked::Mutex::new(0);
    let counted = ranked::Mutex::<Counter, _, _>::with_contention(0_u64, Contention::new());
    let (system, parked) = (Mutex::new(0_u64), parking_lot::Mutex::new(0_u64));
    compare(
        "locking and unlocking a mutex that nobody else wants",
        effort.rounds * effort.scale,
        &[
            reader("unforget ranked::Mutex", move || *plain.lock(&mut Order::root()).0 += 1),
            reader("the same, counting waits", move || *counted.lock(&mut Order::root()).0 += 1),
            reader("std Mutex", move || *system.lock().expect("not poisoned") += 1),
            reader("parking_lot Mutex", move || *parked.lock() += 1),
        ],
    );
}

fn reader<T>(name: &'static str, read: impl Fn() -> T + 'static) -> Contender {
    Contender::new(name, move || each(&read))
}

/// What each of many calls takes, in nanoseconds.
fn each<T>(mut call: impl FnMut() -> T) -> f64 {
    let started = Instant::now();
    for _ in 0..CALLS {
        black_box(call());
    }
    started.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
}
