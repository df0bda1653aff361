//! Locking primitives without I/O, each with its contract and its model.
//!
//! A program that remembers for many threads needs the same few things again and again: something that is made
//! once ([`InitCell`], and by key [`Registry`]), something that many read while one replaces it ([`SnapshotCell`]),
//! many who want something written and one who writes ([`WriteQueue`], [`Ticket`]), and a way to wait that does not
//! make matters worse ([`Backoff`]). This crate is those, and nothing that touches a file, a socket or a process.
//!
//! # The model
//! State that changes has one owner and one way to change it. Work for the owner is *submitted* and leaves a
//! *ticket*; the owner takes whatever has gathered as one *batch*, does it, and *completes* each ticket exactly
//! once. What the owner then wants others to see it *publishes* as an immutable *snapshot* with a *revision*.
//! Nobody waits under somebody else's lock: no lock in this crate is held while a caller's code runs.
//!
//! ```
//! use std::num::NonZeroUsize;
//! use unforget_sync::{Limits, Published, SnapshotCell, WriteQueue};
//!
//! let total = std::sync::Arc::new(SnapshotCell::new(0_u64));
//! let limits = Limits { ops: NonZeroUsize::MIN.saturating_add(63), bytes: NonZeroUsize::MAX };
//! let (queue, mut consumer) = WriteQueue::new(limits, |_: &u64| 1);
//!
//! let published = std::sync::Arc::clone(&total);
//! let owner = std::thread::spawn(move || {
//!     while consumer.wait() {
//!         let batch = consumer.take();
//!         let sum: u64 = batch.iter().map(|entry| entry.op).sum();
//!         let revision = published.update(|total| total + sum).revision();
//!         for entry in batch {
//!             entry.completer.complete(revision);
//!         }
//!     }
//! });
//!
//! std::thread::scope(|threads| {
//!     for amount in 1..=4 {
//!         let queue = queue.clone();
//!         threads.spawn(move || queue.submit(amount).expect("open").wait().expect("carried out"));
//!     }
//! });
//! drop(queue);
//! owner.join().expect("ends with the last handle");
//! assert_eq!(**total.load(), 10, "every amount was added exactly once");
//! ```
//!
//! # What each one costs, and who is let in first
//! The uncontended cost; `cargo bench -p unforget-bench --bench sync` measures the queue and the cells beside their
//! peers, and `docs/benchmarks.md` in the repository keeps what it printed.
//!
//! | | cost | fairness |
//! |---|---|---|
//! | [`WriteQueue`], [`Ticket`] | a lock and an allocation to submit, a lock for a whole batch | room in order of arrival |
//! | [`InitCell`] | a load once there is a value | all who wait are released together |
//! | [`Registry`] | a lock and a look at every entry | none |
//! | [`SnapshotCell`] | a load and a count to read; a lock and an allocation to write | readers never wait; writers race |
//! | [`Coalescer`] | a lock and two searches in trees | none |
//! | [`ranked`] locks | that of std's, and an entry on a stack of the thread | the system's |
//! | [`Contention`] | a relaxed addition; the clock only around a wait | a newcomer may overtake |
//! | [`Backoff`], [`retry`] | the waits | whoever tries first |
//!
//! **Poisoning:** none anywhere. A panic in a caller's code is the caller's: an initialiser's leaves its cell empty, a
//! consumer's abandons what it had taken, a delivery's goes back, a lock's unlocks.
//!
//! # What happens if it is used wrongly
//! What can be noticed is refused rather than waited for; `tests/it/misuse.rs` shows it:
//!
//! | who | gets |
//! |---|---|
//! | submits or puts after the end | [`SubmitError::Closed`], [`PutError::Closed`], with what was handed in |
//! | submits what can never fit | [`SubmitError::TooLarge`] |
//! | waits for a ticket that has returned its outcome as a future | a panic that says so |
//! | asks a cell or a registry for what this thread is making, or closing | [`InitError::Reentrant`] |
//! | flushes what nobody will deliver | [`FlushError::Undelivered`] |
//! | takes ranked locks in a wrong order | no program, or a panic that names both locks and all that are held |
//! | wants room for nothing | no program, where its twin has some: |
//!
//! ```
//! use std::num::NonZeroUsize;
//! let limits = unforget_sync::Limits { ops: NonZeroUsize::MIN, bytes: NonZeroUsize::MAX };
//! assert!(NonZeroUsize::try_from(0).is_err(), "a size that is read somewhere is checked there");
//! ```
//! ```compile_fail,E0308
//! use std::num::NonZeroUsize;
//! let limits = unforget_sync::Limits { ops: 0, bytes: NonZeroUsize::MAX };
//! ```
//!
//! # Waiting and time
//! Every wait is on one kind of condition variable, in a loop, and every deadline is asked of a [`Clock`]. Both
//! come from [`primitive`], which a model checker can replace: the schedules of each protocol here are enumerated
//! by loom, with spurious wakeups and with deadlines that come at once, see `tests/loom.rs`.
//!
//! # Limitations
//! Threads of one process only. Futures need no runtime, but everything else blocks the thread. A thread that waits
//! for itself through another thread is not found, and what is forgotten by `mem::forget` stays taken or lost. The checkers cannot see inside arc-swap: its contract is modelled, not its code.

#![forbid(unsafe_code)]

pub mod primitive;
pub mod ranked;

mod backoff;
mod clock;
mod coalescer;
mod contention;
mod init_cell;
mod random;
mod registry;
mod shortcut;
mod snapshot_cell;
mod ticket;
mod write_queue;

pub use backoff::{Backoff, Delays, retry};
pub use clock::{Clock, ManualClock, SystemClock};
pub use coalescer::{Coalescer, Deliverer, Delivery, FlushError, PutError, Window};
pub use contention::{Contention, ContentionSnapshot, Meter, WAIT_CLASSES};
pub use init_cell::{InitCell, InitError};
pub use registry::{Registry, Shared};
pub use snapshot_cell::{Published, SnapshotCell, SnapshotGuard, SnapshotReader};
pub use ticket::{Completer, Ticket, TicketError, WaitError, Wake};
pub use write_queue::{Close, Consumer, Entry, Lead, Limits, SubmitError, WriteQueue};

/// Compiles and runs the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
