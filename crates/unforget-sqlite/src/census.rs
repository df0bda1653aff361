//! Who reads: a read that lasts keeps the write-ahead log from being reset, and is to be named.

use std::panic::Location;
use std::thread::Thread;
use std::time::{Duration, Instant};

use unforget_sync::primitive::Mutex;

/// A read of this process that was still running when it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct HeldRead {
    /// The name of the thread that reads, or its number if it has none.
    pub thread: String,
    /// How long its snapshot has been held.
    pub held_for: Duration,
    /// The call that reads, as `file:line:column`.
    pub place: String,
}

impl std::fmt::Display for HeldRead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "thread {} at {} for {:.1?}", self.thread, self.place, self.held_for)
    }
}

/// The reads that run. There are never more than the pool has connections, so a list is searched.
#[derive(Debug)]
pub(crate) struct Census {
    running: Mutex<Running>,
}

#[derive(Debug, Default)]
struct Running {
    reads: Vec<Read>,
    last: u64,
}

#[derive(Debug)]
struct Read {
    number: u64,
    thread: Thread,
    since: Instant,
    place: &'static Location<'static>,
}

impl Census {
    pub(crate) fn new() -> Self {
        Self { running: Mutex::new(Running::default()) }
    }

    /// Counts a read in, before it takes its snapshot, until the answer is dropped.
    pub(crate) fn enter(&self, place: &'static Location<'static>) -> Presence<'_> {
        let (thread, since) = (std::thread::current(), Instant::now());
        let mut running = self.running.lock();
        running.last += 1;
        let number = running.last;
        running.reads.push(Read { number, thread, since, place });
        drop(running);
        Presence { census: self, number }
    }

    /// The reads that began before `moment` and still run, longest first.
    pub(crate) fn since_before(&self, moment: Instant) -> Vec<HeldRead> {
        let running = self.running.lock();
        let mut held: Vec<_> =
            running.reads.iter().filter(|read| read.since <= moment).map(Read::held).collect();
        drop(running);
        held.sort_by_key(|read| std::cmp::Reverse(read.held_for));
        held
    }
}

impl Read {
    fn held(&self) -> HeldRead {
        let thread = self.thread.name().map_or_else(|| format!("{:?}", self.thread.id()), str::to_owned);
        HeldRead { thread, held_for: self.since.elapsed(), place: self.place.to_string() }
    }
}

/// One read that runs.
pub(crate) struct Presence<'a> {
    census: &'a Census,
    number: u64,
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        let mut running = self.census.running.lock();
        if let Some(at) = running.reads.iter().position(|read| read.number == self.number) {
            running.reads.swap_remove(at);
        }
    }
}
