//! What may happen next.

use std::sync::atomic::AtomicU64;

use super::world::{End, Pending, Process, Reader, Steps, Version, Work, World, Writer};
use crate::generation::commit::{Commit, is_current, is_known, see};

/// What is done wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    NeverOdd,
    OneMore,
    EvenBeforeCommit,
    TagAfterRead,
    AcknowledgeBeforeCommit,
    AcknowledgeWhileOdd,
    UnknownIsKnown,
    FailureHeals,
    EmptyCommitHeals,
    HealWithoutCommit,
    HealWithoutTurn,
    NobodySaysWhatHeSees,
    SaysItBeforeTheSnapshot,
    SaysItAfterAnswering,
    PublishesInSilence,
    TurnSeesInSilence,
}

impl World {
    pub(super) fn steps(&self, flaw: Option<Flaw>) -> Steps {
        let alive = (0..self.processes.len()).filter(|me| self.processes[*me].is_alive);
        let all = alive.flat_map(|me| {
            let mut step = Step { world: self, me, flaw, steps: Vec::new() };
            step.write();
            if self.processes[me].reads {
                step.read();
            }
            step.kill();
            step.steps
        });
        all.collect()
    }
}

struct Step<'a> {
    world: &'a World,
    me: usize,
    flaw: Option<Flaw>,
    steps: Steps,
}

impl Step<'_> {
    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    /// One thing that may happen next.
    fn may(&mut self, what: &'static str, change: impl FnOnce(&mut World, &mut Process)) {
        let mut world = self.world.clone();
        let mut process = world.processes[self.me];
        change(&mut world, &mut process);
        world.processes[self.me] = process;
        self.steps.push(((self.me, what), world.tidied()));
    }

    fn kill(&mut self) {
        self.may("is killed", |world, process| {
            world.turn &= matches!(process.writer, Writer::Idle | Writer::Acknowledging(_));
            *process = Process {
                is_alive: false,
                reads: false,
                writes: 0,
                writer: Writer::Idle,
                reader: Reader::Idle,
                copy: None,
            };
        });
    }

    fn read(&mut self) {
        let process = self.world.processes[self.me];
        match process.reader {
            Reader::Idle => match process.copy {
                Some((tag, version)) if is_current(tag, self.world.counter, || u64::MAX) => {
                    self.may("answers its copy", |world, _| world.answer(version, world.known));
                }
                Some((tag, version)) if is_current(tag, self.world.counter, || 0) => {
                    self.may("finds its copy and a commit under way", |world, process| {
                        process.reader = Reader::Found(world.known, version, world.counter);
                    });
                }
                _ => self.ask(self.world.known),
            },
            Reader::Found(floor, version, now) if is_current(now - 1, now, || self.world.seen) => {
                self.may("answers its copy as nobody has seen the commit", |world, process| {
                    process.reader = Reader::Idle;
                    world.answer(version, floor);
                });
            }
            Reader::Found(floor, ..) => self.ask(floor),
            Reader::Loaded(floor, tag) => self.may("takes a snapshot", |world, process| {
                world.look_at_the_index();
                process.reader = Reader::Snapshot(floor, tag, world.committed);
            }),
            Reader::Snapshot(floor, tag, version) => self.answer(floor, tag, version),
            Reader::Answered(now) => self.may("says what it may have seen", |world, process| {
                world.seen = world.seen.max(now);
                process.reader = Reader::Idle;
            }),
            Reader::Read(floor, version) => self.may("loads the counter", |world, process| {
                process.reader = Reader::Idle;
                let tag = world.tag();
                world.take(process, tag, version, floor);
            }),
        }
    }

    fn ask(&mut self, floor: Version) {
        let says_it_now = self.has(Flaw::SaysItBeforeTheSnapshot);
        self.may("begins to read", |world, process| {
            if says_it_now {
                world.with_commit(see);
            }
            process.reader = Reader::Loaded(floor, world.tag());
        });
    }

    fn answer(&mut self, floor: Version, tag: Option<u64>, version: Version) {
        let flaw = self.flaw;
        self.may("says what it may have seen, and answers", |world, process| {
            process.reader = match flaw {
                Some(Flaw::SaysItAfterAnswering) => Reader::Answered(world.counter),
                Some(Flaw::TagAfterRead) => Reader::Read(floor, version),
                _ => Reader::Idle,
            };
            let is_silent = matches!(
                flaw,
                Some(Flaw::NobodySaysWhatHeSees | Flaw::SaysItBeforeTheSnapshot | Flaw::SaysItAfterAnswering)
            );
            if !is_silent {
                world.with_commit(see);
            }
            if flaw != Some(Flaw::TagAfterRead) {
                world.take(process, tag, version, floor);
            }
        });
    }

    fn write(&mut self) {
        match self.world.processes[self.me].writer {
            Writer::Idle => self.begin(),
            Writer::Began(work) => self.announce(work),
            Writer::Announced(work, pending) => self.fill(work, pending),
            Writer::InFile(work, pending, version) => self.after_the_file(work, pending, version),
            Writer::Torn(work, pending, version) => self.may("ends the index", |world, process| {
                (world.torn, world.left, world.committed) = (false, None, version);
                process.writer = Writer::Committed(work, pending, version);
            }),
            Writer::Committed(work, pending, version) => {
                self.publish(work, pending, version);
                self.even(work, pending, version);
            }
            Writer::Published(work, pending, version) => self.even(work, pending, version),
            Writer::Ended(work, version) => self.may("gives the turn back", |world, process| {
                world.turn = false;
                process.writer = match work {
                    Work::Write => Writer::Acknowledging(version),
                    Work::Heal => Writer::Idle,
                };
            }),
            Writer::Acknowledging(version) => self.may("acknowledges", |world, process| {
                world.known = world.known.max(version);
                process.writer = Writer::Idle;
            }),
            Writer::Resetting => self.may("has cut the log", |world, process| {
                (world.torn, world.left, world.turn) = (false, None, false);
                process.writer = Writer::Idle;
            }),
        }
    }

    fn begin(&mut self) {
        let unknown = !is_known(self.world.counter);
        if self.has(Flaw::HealWithoutTurn) && unknown && self.world.heals > 0 {
            self.may("makes it even without the turn", |world, _| {
                world.heals -= 1;
                world.counter += 1;
            });
        }
        if self.world.turn {
            return;
        }
        if self.world.processes[self.me].writes > 0 {
            let is_silent = self.has(Flaw::TurnSeesInSilence);
            self.may("has the turn to write, and tells what it finds", |world, process| {
                world.look_at_the_index();
                if !is_silent {
                    world.with_commit(see);
                }
                world.answer(world.committed, world.known);
                process.writes -= 1;
                (world.turn, process.writer) = (true, Writer::Began(Work::Write));
            });
        }
        if unknown && self.world.heals > 0 {
            let only_even = self.has(Flaw::HealWithoutCommit);
            self.may("has the turn to heal", |world, process| {
                world.heals -= 1;
                if only_even {
                    world.counter += 1;
                    return;
                }
                world.look_at_the_index();
                (world.turn, process.writer) = (true, Writer::Began(Work::Heal));
            });
        }
        if self.world.resets > 0 {
            self.may("has the turn and begins to cut the log", |world, process| {
                world.look_at_the_index();
                world.resets -= 1;
                world.torn = true;
                (world.turn, process.writer) = (true, Writer::Resetting);
            });
        }
    }

    fn announce(&mut self, work: Work) {
        self.announce_writing(work, "is about to commit", !self.has(Flaw::EmptyCommitHeals));
        if !is_known(self.world.counter) {
            self.announce_writing(work, "is about to commit and cannot write over what is left", false);
        }
    }

    fn announce_writing(&mut self, work: Work, what: &'static str, writes: bool) {
        let flaw = self.flaw;
        self.may(what, |world, process| {
            let pending = match flaw {
                Some(Flaw::NeverOdd) => Pending { was_known: true, overwrites: false },
                Some(Flaw::OneMore) => {
                    world.counter += 1;
                    Pending { was_known: true, overwrites: false }
                }
                _ => world.with_commit(|counter, seen| {
                    let healed = AtomicU64::new(0);
                    let commit = Commit::begin(counter, seen, &healed).overwriting(|| writes);
                    Pending { was_known: commit.was_known, overwrites: commit.overwrites }
                }),
            };
            if flaw == Some(Flaw::EvenBeforeCommit) {
                world.end(pending, End::NothingIsLeft);
            }
            process.writer = Writer::Announced(work, pending);
        });
    }

    /// The transaction gets into the log's file, or fails before that, or has nothing to write.
    fn fill(&mut self, work: Work, pending: Pending) {
        let flaw = self.flaw;
        self.may("writes the log", |world, process| {
            world.last += 1;
            world.left = Some(world.last);
            if flaw == Some(Flaw::AcknowledgeBeforeCommit) && work == Work::Write {
                world.known = world.known.max(world.last);
            }
            process.writer = Writer::InFile(work, pending, world.last);
        });
        self.may("fails to commit", |world, process| {
            let heals = flaw == Some(Flaw::FailureHeals);
            world.end(pending, if heals { End::NothingIsLeft } else { End::Undone });
            process.writer = Writer::Ended(Work::Heal, 0);
        });
        if !pending.overwrites {
            self.may("commits nothing", |world, process| {
                let heals = flaw == Some(Flaw::EmptyCommitHeals);
                world.end(pending, if heals { End::NothingIsLeft } else { End::Committed });
                process.writer = Writer::Ended(Work::Heal, 0);
            });
        }
    }

    fn after_the_file(&mut self, work: Work, pending: Pending, version: Version) {
        let is_told_known = self.has(Flaw::UnknownIsKnown);
        self.may("begins the index", |world, process| {
            world.torn = true;
            process.writer = Writer::Torn(work, pending, version);
        });
        self.may("does not know whether it committed", |world, process| {
            if is_told_known {
                world.end(pending, End::NothingIsLeft);
            }
            process.writer = Writer::Ended(Work::Heal, 0);
        });
    }

    /// Says that its commit may be seen, and makes its copy the one of after it, if it lacks only that.
    fn publish(&mut self, work: Work, pending: Pending, version: Version) {
        let in_silence = self.has(Flaw::PublishesInSilence);
        if self.world.processes[self.me].copy.is_none_or(|(_, known)| known + 1 != version) {
            return;
        }
        self.may("publishes", |world, process| {
            let after = world.with_commit(|counter, seen| {
                let Pending { was_known, overwrites } = pending;
                let commit = Commit { counter, seen, healed: &AtomicU64::new(0), was_known, overwrites };
                let (_, after) = commit.values()?;
                if !in_silence {
                    commit.is_seen();
                }
                Some(after)
            });
            process.copy = after.map(|after| (after, version)).or(process.copy);
            process.writer = Writer::Published(work, pending, version);
        });
    }

    fn even(&mut self, work: Work, pending: Pending, version: Version) {
        let flaw = self.flaw;
        self.may("has committed", |world, process| {
            match flaw {
                Some(Flaw::NeverOdd) => world.counter += 2,
                Some(Flaw::OneMore) => world.counter += 1,
                Some(Flaw::EvenBeforeCommit) => {}
                _ => world.end(pending, End::Committed),
            }
            process.writer = Writer::Ended(work, version);
        });
        if flaw == Some(Flaw::AcknowledgeWhileOdd) && work == Work::Write && self.world.known < version {
            self.may("acknowledges before it is even", |world, _| world.known = version);
        }
    }
}
