//! A database, its counter, and three processes.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::generation::Moment;
use crate::generation::commit::{Commit, is_current};

/// How often each process writes, and how often something else happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Limits {
    pub(super) writes: u8,
    pub(super) heals: u8,
    pub(super) resets: u8,
}

/// The number of a transaction, in the order of commits; 0 is the beginning.
pub(super) type Version = u8;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) counter: u64,
    /// The last odd value under which somebody may have seen what was being committed.
    pub(super) seen: u64,
    /// Whether somebody has the turn.
    pub(super) turn: bool,
    /// What the log's index knows.
    pub(super) committed: Version,
    /// A transaction that is whole in the log's file, and which the index does not know.
    pub(super) left: Option<Version>,
    /// Whether the index is half written.
    pub(super) torn: bool,
    pub(super) last: Version,
    /// The newest that was acknowledged, or that a read has answered: no later read may be older.
    pub(super) known: Version,
    pub(super) processes: [Process; 3],
    pub(super) heals: u8,
    pub(super) resets: u8,
    wrong: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Process {
    pub(super) is_alive: bool,
    /// Whether it reads: one that writes and publishes does, one that only reads, and not one that only writes.
    pub(super) reads: bool,
    pub(super) writes: u8,
    pub(super) writer: Writer,
    pub(super) reader: Reader,
    /// What it read, and the counter that it is of.
    pub(super) copy: Option<(u64, Version)>,
}

/// What a process does under the turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Writer {
    Idle,
    Began(Work),
    Announced(Work, Pending),
    /// The transaction is in the log's file.
    InFile(Work, Pending, Version),
    Torn(Work, Pending, Version),
    Committed(Work, Pending, Version),
    /// Has said that its commit may be seen, and published it.
    Published(Work, Pending, Version),
    Ended(Work, Version),
    Acknowledging(Version),
    /// Has the turn to shorten the log, and writes its index.
    Resetting,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Work {
    Write,
    Heal,
}

/// A [`Commit`] between two steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Pending {
    pub(super) was_known: bool,
    pub(super) overwrites: bool,
}

/// What a [`Commit`] is told.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    Committed,
    Undone,
    NothingIsLeft,
}

/// A read began when `known` was so, and loaded the counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Reader {
    Idle,
    /// Found this odd value after its copy, which it may answer if the commit was not seen.
    Found(Version, Version, u64),
    Loaded(Version, Option<u64>),
    /// Has a snapshot, with the counter of before it.
    Snapshot(Version, Option<u64>, Version),
    /// Has answered before it says what it may have seen.
    Answered(u64),
    Read(Version, Version),
}

pub(super) type Steps = Vec<(Name, World)>;

/// Which process does what; processes are numbered anew after each step.
pub(super) type Name = (usize, &'static str);

impl World {
    pub(super) fn new(limits: Limits) -> Self {
        let process = Process {
            is_alive: true,
            reads: true,
            writes: limits.writes,
            writer: Writer::Idle,
            reader: Reader::Idle,
            copy: None,
        };
        Self {
            counter: 0,
            seen: 0,
            turn: false,
            committed: 0,
            left: None,
            torn: false,
            last: 0,
            known: 0,
            processes: [process, Process { writes: 0, ..process }, Process { reads: false, ..process }],
            heals: limits.heals,
            resets: limits.resets,
            wrong: false,
        }
    }

    pub(super) fn is_wrong(&self) -> bool {
        self.wrong
    }

    /// The next step of a commit, by the functions of the engine.
    pub(super) fn with_commit<T>(&mut self, step: impl FnOnce(&AtomicU64, &AtomicU64) -> T) -> T {
        let (counter, seen) = (AtomicU64::new(self.counter), AtomicU64::new(self.seen));
        let answer = step(&counter, &seen);
        (self.counter, self.seen) = (counter.load(Ordering::Relaxed), seen.load(Ordering::Relaxed));
        answer
    }

    pub(super) fn end(&mut self, pending: Pending, end: End) {
        let Pending { was_known, overwrites } = pending;
        self.with_commit(|counter, seen| {
            let commit = Commit { counter, seen, healed: &AtomicU64::new(0), was_known, overwrites };
            match end {
                End::Committed => commit.committed(),
                End::Undone => commit.undone(),
                End::NothingIsLeft => commit.nothing_is_left(),
            }
        });
    }

    /// Whoever looks at the index makes it anew if it is half written.
    pub(super) fn look_at_the_index(&mut self) {
        if self.torn {
            self.torn = false;
            self.committed = self.left.take().unwrap_or(self.committed);
        }
    }

    /// The value that a reader may take for the moment of a copy.
    pub(super) fn tag(&self) -> Option<u64> {
        Moment::of(self.counter, 1).map(|_| self.counter)
    }

    /// The same for whoever looks from outside: the counter only grows, so what carries an older value is out of date
    /// for ever; and it does not matter which process is which.
    pub(super) fn tidied(mut self) -> Self {
        // What is never answered again is said by the engine's own function: if that is wrong, the copy is kept here.
        let before = self.counter - self.counter % 2;
        let is_answered = is_current(before, self.counter, || self.seen);
        let oldest = if is_answered { before } else { self.counter };
        for process in &mut self.processes {
            process.copy = process.copy.filter(|(tag, _)| *tag >= oldest);
            if let Reader::Loaded(_, tag) | Reader::Snapshot(_, tag, _) = &mut process.reader {
                *tag = tag.filter(|tag| *tag >= oldest);
            }
        }
        self.processes.sort_unstable();
        self
    }

    /// A read of the database ends, and leaves a copy.
    pub(super) fn take(&mut self, process: &mut Process, tag: Option<u64>, version: Version, floor: Version) {
        // A copy never goes back: what was published meanwhile stays.
        if process.copy.is_none_or(|(_, known)| known <= version) {
            process.copy = tag.map(|tag| (tag, version));
        }
        self.answer(version, floor);
    }

    /// A read ends that began when `floor` was known.
    pub(super) fn answer(&mut self, version: Version, floor: Version) {
        self.wrong |= version < floor;
        self.known = self.known.max(version);
    }
}
