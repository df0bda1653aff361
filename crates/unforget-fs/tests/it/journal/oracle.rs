//! Random sequences of everything that a journal does and that happens to it, against a list.

use std::path::Path;

use proptest::prelude::*;
use unforget_fs::sim::{Failure, Fault, Profile, SimDisk};
use unforget_fs::{Error, Files, Journal, JournalError, JournalOptions};

use super::{PATH, disk, texts};

/// Small, so that the file is lengthened on the way.
const OPTIONS: JournalOptions = JournalOptions::new().preallocate(700).capacity(8000);

#[derive(Debug, Clone)]
enum Op {
    Append(usize),
    Write(usize),
    Sync,
    Rotate,
    /// Forgets so many of the oldest records.
    Compact(usize),
    /// The nth call from now on fails.
    Fail(u64, Failure),
    /// There is no more space on the disk, or there is again.
    Full(bool),
    /// The process ends and another one opens the journal.
    Restart,
    /// The power fails, and of what is not durable some part is lost.
    PowerFailure(prop::sample::Index),
}

fn op() -> impl Strategy<Value = Op> {
    let failure = prop::sample::select(Failure::ALL.to_vec());
    prop_oneof![
        6 => (0..4_usize).prop_map(Op::Append),
        3 => (1..3_usize).prop_map(Op::Write),
        2 => Just(Op::Sync),
        1 => Just(Op::Rotate),
        2 => (0..6_usize).prop_map(Op::Compact),
        2 => (1..20_u64, failure).prop_map(|(nth, failure)| Op::Fail(nth, failure)),
        1 => any::<bool>().prop_map(Op::Full),
        1 => Just(Op::Restart),
        2 => any::<prop::sample::Index>().prop_map(Op::PowerFailure),
    ]
}

/// What the journal may hold.
#[derive(Debug, Default)]
struct Oracle {
    records: Vec<String>,
    /// So many of the records, from the first on, were acknowledged.
    certain: usize,
    /// So many, from the first on, may have been forgotten by a compaction that failed.
    forgettable: usize,
    next: usize,
}

impl Oracle {
    fn entries(&mut self, count: usize) -> Vec<String> {
        let first = self.next;
        self.next += count;
        // Some are longer than a block, so that a part of them can be lost.
        (first..self.next).map(|number| format!("\"{number} {}\"", "x".repeat(number % 5 * 90))).collect()
    }

    /// Takes over what an opening found, which is durable by then.
    fn found(&mut self, found: Vec<String>) {
        let fits = (0..=self.forgettable).any(|forgotten| {
            let rest = self.records.get(forgotten..).unwrap_or_default();
            rest.starts_with(&found) && forgotten + found.len() >= self.certain
        });
        assert!(fits, "{self:?} does not allow {found:?}");
        (self.certain, self.forgettable, self.records) = (found.len(), 0, found);
    }

    /// Notes what became of entries that were written, and of a sync.
    fn appended(&mut self, entries: Vec<String>, is_synced: bool, outcome: &Result<(), Error>) {
        match outcome {
            Ok(()) => self.records.extend(entries),
            Err(Error::Journal(JournalError::DurabilityUnknown { is_rewritten, .. })) => {
                self.records.extend(entries);
                if *is_rewritten {
                    self.rewritten();
                }
                return;
            }
            Err(_) => return,
        }
        if is_synced {
            self.certain = self.records.len();
        }
    }

    fn rewritten(&mut self) {
        (self.certain, self.forgettable) = (self.records.len(), 0);
    }
}

struct World {
    disk: SimDisk,
    journal: Option<Journal<SimDisk>>,
    oracle: Oracle,
    has_failed: bool,
    moment: u32,
}

impl World {
    fn new() -> Self {
        let disk = disk();
        let journal = Some(Files::on(&disk).journal(Path::new(PATH), &OPTIONS).expect("nothing fails"));
        Self { disk, journal, oracle: Oracle::default(), has_failed: false, moment: 0 }
    }

    fn reopen(&mut self) {
        self.disk.heal();
        self.journal = None;
        if self.has_failed {
            // On a full disk a recovery has to trust the syncs of its predecessor.
            self.disk.set_capacity(u64::MAX);
        }
        let journal =
            Files::on(&self.disk).journal(Path::new(PATH), &OPTIONS).expect("nothing fails any more");
        self.oracle.found(texts(&journal));
        self.journal = Some(journal);
    }

    fn lose_power(&mut self, which: prop::sample::Index) {
        self.moment += 1;
        let now = format!("moment {}", self.moment);
        self.disk.mark(&*now);
        let states = self.disk.crash_states(Profile::PosixWeak);
        let now: Vec<_> = states.iter().filter(|state| state.has_mark(&now)).collect();
        let state = which.get(&now);
        self.journal = None;
        self.disk = state.disk();
        self.has_failed = false;
        self.reopen();
    }

    fn used(&self) -> u64 {
        let names = self.disk.names("/store").into_iter();
        names.filter_map(|name| self.disk.entry_at(Path::new("/store").join(name))).map(|it| it.len()).sum()
    }

    fn interpret(&mut self, op: &Op) {
        let oracle = &mut self.oracle;
        let journal = self.journal.as_mut().expect("it is open");
        match op {
            Op::Append(count) => {
                let entries = oracle.entries(*count);
                let outcome = journal.append(&entries).map(drop);
                let is_synced = outcome.is_ok();
                oracle.appended(entries, is_synced, &outcome);
            }
            Op::Write(count) => {
                let entries = oracle.entries(*count);
                let outcome = journal.write(&entries).map(drop);
                oracle.appended(entries, false, &outcome);
            }
            Op::Sync => {
                let outcome = journal.sync();
                oracle.appended(Vec::new(), true, &outcome);
            }
            Op::Rotate => {
                if journal.rotate().is_ok() {
                    oracle.rewritten();
                }
            }
            Op::Compact(count) => {
                let count = (*count).min(oracle.certain);
                let Some(last) = count.checked_sub(1).and_then(|last| journal.records().nth(last)) else {
                    return;
                };
                if journal.compact(last.seq()).is_ok() {
                    oracle.records.drain(..count);
                    oracle.rewritten();
                } else {
                    oracle.forgettable = oracle.forgettable.max(count);
                }
            }
            Op::Fail(nth, failure) => {
                self.disk.fail(Fault::at(*nth, *failure));
                self.has_failed = true;
            }
            Op::Full(is_full) => self.disk.set_capacity(if *is_full { self.used() } else { u64::MAX }),
            Op::Restart => self.reopen(),
            Op::PowerFailure(which) => self.lose_power(*which),
        }
        if let Some(journal) = &self.journal {
            assert!(self.oracle.records.len() >= journal.records().count(), "nothing appears by itself");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_journal_holds_what_was_acknowledged_and_nothing_that_was_not_appended(
        ops in prop::collection::vec(op(), 1..16),
    ) {
        let mut world = World::new();
        for op in &ops {
            world.interpret(op);
        }
        world.reopen();
    }
}
