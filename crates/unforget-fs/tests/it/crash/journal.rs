//! The journal, with the power failing at every moment and every call failing once and for ever.
//!
//! An entry is its number, who wrote it, and some filling. What is demanded: the numbers that are found follow
//! each other; the acknowledged ones are among them and the forgotten ones are not; nothing of an earlier
//! writer is behind something of a later one.

mod faults;
mod states;

use std::path::Path;

use unforget_fs::sim::SimDisk;
use unforget_fs::{Error, Files, Journal, JournalError, JournalOptions};

const PATH: &str = "/store/journal";

/// Two blocks ahead, so that some appends lengthen the file and some do not.
pub(crate) const OPTIONS: JournalOptions = JournalOptions::new().preallocate(1024);

/// So long that two entries do not fit in a block, and a part of one can be lost.
const FILLING: usize = 260;

/// Something that a writer does.
pub(crate) type Step = fn(&mut Writer) -> Result<(), Error>;

/// A journal whose writer notes in the history what it was told.
pub(crate) struct Writer {
    disk: SimDisk,
    journal: Option<Journal<SimDisk>>,
    next: u64,
    generation: usize,
    notes: Vec<String>,
}

fn entry(number: u64, generation: usize) -> String {
    format!("[{number},{generation},\"{}\"]", "x".repeat(FILLING))
}

/// Number and generation of an entry.
fn parse(text: &str) -> (u64, usize) {
    let mut parts = text.trim_start_matches('[').split(',');
    let mut part = || parts.next().expect("a number");
    (part().parse().expect("a number"), part().parse().expect("a number"))
}

/// What the history says was acknowledged, and what was forgotten.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    pub(crate) certain: u64,
    forgetting: u64,
    forgot: u64,
}

impl Noted {
    pub(crate) fn of<'a>(marks: impl Iterator<Item = &'a str>) -> Self {
        let mut noted = Self::default();
        for mark in marks {
            let Some((name, number)) = mark.split_once(' ') else { continue };
            let number = number.parse().expect("a number");
            match name {
                "certain" => noted.certain = number,
                "forgetting" => noted.forgetting = noted.forgetting.max(number),
                "forgot" => noted.forgot = number,
                "recovered" => {}
                other => panic!("{other} is never noted"),
            }
        }
        noted
    }
}

/// An empty disk; the lock file is there, because it is not what this is about.
pub(crate) fn disk(block_size: usize) -> SimDisk {
    let disk = SimDisk::with_block_size(block_size);
    disk.put_dir("/store");
    disk.put("/store/journal.lock", b"");
    disk
}

impl Writer {
    /// Opens the journal; what it finds is acknowledged by that.
    pub(crate) fn open(disk: &SimDisk, generation: usize) -> Result<Self, Error> {
        let journal = Files::on(disk).journal(Path::new(PATH), &OPTIONS)?;
        let last = journal.records().last().map(|record| parse(record.text()).0);
        let next = last.map_or(1, |last| last + 1);
        let (disk, journal) = (disk.clone(), Some(journal));
        let mut writer = Self { disk, next, journal, generation, notes: Vec::new() };
        if let Some(last) = last {
            writer.mark(format!("certain {last}"));
        }
        Ok(writer)
    }

    fn mark(&mut self, note: String) {
        self.disk.mark(&*note);
        self.notes.push(note);
    }

    fn journal(&mut self) -> &mut Journal<SimDisk> {
        self.journal.as_mut().expect("it is open")
    }

    pub(crate) fn append(&mut self, count: u64) -> Result<(), Error> {
        self.write(count)?;
        self.sync()
    }

    pub(crate) fn write(&mut self, count: u64) -> Result<(), Error> {
        let generation = self.generation;
        let entries: Vec<_> =
            (self.next..self.next + count).map(|number| entry(number, generation)).collect();
        let outcome = self.journal().write(&entries).map(drop);
        if matches!(outcome, Ok(()) | Err(Error::Journal(JournalError::DurabilityUnknown { .. }))) {
            self.next += count;
        }
        self.note(&outcome, false);
        outcome
    }

    pub(crate) fn sync(&mut self) -> Result<(), Error> {
        let outcome = self.journal().sync();
        self.note(&outcome, true);
        outcome
    }

    pub(crate) fn rotate(&mut self) -> Result<(), Error> {
        let outcome = self.journal().rotate();
        self.note(&outcome, true);
        outcome
    }

    /// Forgets what is older than the newest `kept` entries.
    pub(crate) fn compact(&mut self, kept: u64) -> Result<(), Error> {
        let through = (self.next - 1).saturating_sub(kept);
        let seq =
            self.journal().records().find(|record| parse(record.text()).0 == through).map(|it| it.seq());
        self.mark(format!("forgetting {through}"));
        let outcome = self.journal().compact(seq.unwrap_or_default());
        if outcome.is_ok() {
            self.mark(format!("forgot {through}"));
        }
        self.note(&outcome, true);
        outcome
    }

    /// Another process goes on.
    pub(crate) fn restart(&mut self) -> Result<(), Error> {
        self.journal = None;
        let (next, mut notes) = (self.next, std::mem::take(&mut self.notes));
        *self = Self::open(&self.disk, self.generation + 1)?;
        notes.append(&mut self.notes);
        self.notes = notes;
        self.go_on_after(next - 1);
        Ok(())
    }

    /// Numbers go on also where everything was forgotten.
    pub(crate) fn go_on_after(&mut self, number: u64) {
        if self.journal().records().count() == 0 {
            self.next = number + 1;
        }
    }

    fn note(&mut self, outcome: &Result<(), Error>, is_synced: bool) {
        let is_certain = match outcome {
            Ok(()) => is_synced,
            Err(Error::Journal(JournalError::DurabilityUnknown { is_rewritten, .. })) => *is_rewritten,
            Err(_) => false,
        };
        if is_certain {
            self.mark(format!("certain {}", self.next - 1));
        }
    }
}

/// Checks what a reader finds against what was noted.
pub(crate) fn check(disk: &SimDisk, noted: &Noted, story: &dyn std::fmt::Display) {
    let Noted { certain, forgetting, forgot } = *noted;
    let mut reader = Files::on(disk).journal_reader(Path::new(PATH)).expect("the directory is there");
    let found =
        reader.read().unwrap_or_else(|error| panic!("nothing is damaged by a crash: {error:?}\n{story}"));
    let found: Vec<_> = found.iter().map(|record| parse(record.text())).collect();
    let numbers: Vec<_> = found.iter().map(|(number, _)| *number).collect();
    let Some((first, last)) = numbers.first().zip(numbers.last()) else {
        assert!(certain <= forgetting, "{certain} entries were acknowledged and none is there\n{story}");
        return;
    };
    assert_eq!(numbers, (*first..=*last).collect::<Vec<_>>(), "in order, each once\n{story}");
    assert!(*last >= certain, "{certain} was acknowledged, {last} is the last\n{story}");
    assert!(*first <= forgetting + 1, "{first} is the first, {forgetting} may be forgotten\n{story}");
    assert!(*first > forgot, "{first} is the first, {forgot} was forgotten\n{story}");
    assert!(
        found.is_sorted_by_key(|(_, generation)| *generation),
        "an earlier writer's entry came back\n{story}"
    );
}
