//! The power fails after every step of a workload, and whatever subset of the unsynced steps is found is sound.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use unforget::unforget_sqlite::{Database, Durability, Options};

use super::verify::Expected;
use super::workload::{SCHEMA, Workload};
use crate::disk::{Event, Files, Survivors, after_power_cut};

/// How many subsets are drawn for each moment.
const DRAWS: u64 = 6;

/// The same where every failing run is searched.
const DRAWS_AFTER_FAULT: u64 = 1;

/// The record of a workload that nothing disturbs.
fn record(durability: Durability) -> Vec<Event> {
    let workload = Workload::new(durability);
    let db = workload.run().expect("nothing fails");
    drop(db);
    assert!(workload.errors().is_empty(), "{:?}", workload.errors());
    workload.mounted.disk().events()
}

/// What callers had been told when the power failed.
fn acknowledged(events: &[Event]) -> BTreeSet<u64> {
    let told = events.iter().filter_map(|event| match event {
        Event::Acknowledged(op) => Some(*op),
        _ => None,
    });
    told.collect()
}

/// What must be found of it.
fn must_stay(durability: Durability, events: &[Event]) -> BTreeSet<u64> {
    match durability {
        Durability::Full => acknowledged(events),
        Durability::Normal => BTreeSet::new(),
    }
}

/// Which subsets of what is not synced are looked at.
fn subsets(moment: usize, draws: u64, seed: u64) -> impl Iterator<Item = Survivors> {
    let some = (0..draws).map(move |draw| Survivors::Drawn(seed ^ (moment as u64 * draws + draw)));
    [Survivors::Nothing, Survivors::Everything].into_iter().chain(some)
}

fn place(files: &Files, directory: &Path) {
    for name in fs::read_dir(directory).expect("it can be read").map(|entry| entry.expect("an entry").path())
    {
        fs::remove_file(name).expect("it can be removed");
    }
    for (name, content) in files {
        fs::write(directory.join(name), content).expect("it can be written");
    }
}

/// How much was looked at, and what was wrong first.
pub(crate) struct Search {
    pub(crate) moments: usize,
    pub(crate) states: usize,
    pub(crate) wrong: Option<String>,
}

/// Cuts the power after every event from the sync that failed on; with `for_ever`, from the first acknowledgement on
/// after the last that failed, since on a disk that goes on failing SQLite itself promises nothing.
pub(crate) fn cut_after_fault(events: &[Event], for_ever: bool, seed: u64) -> Search {
    cut_after_fault_at(Durability::Full, events, for_ever, seed)
}

/// The same at a durability: without the full one, nothing has to be found, but what is found is a prefix.
pub(crate) fn cut_after_fault_at(
    durability: Durability,
    events: &[Event],
    for_ever: bool,
    seed: u64,
) -> Search {
    let failed = |event: &Event| matches!(event, Event::Synced { succeeded: false, .. });
    let told = |event: &Event| matches!(event, Event::Acknowledged(_));
    let last = events.iter().rposition(failed).unwrap_or(events.len());
    let told_after = events[last..].iter().position(told).map_or(events.len(), |after| last + after + 1);
    let first = if for_ever { told_after } else { last };
    let must_stay = |events: &[Event]| must_stay(durability, events);
    cut_at(first..=events.len(), events, (DRAWS_AFTER_FAULT, seed), must_stay)
}

/// Cuts the power after every event; `must_stay` says what of the acknowledged must be found.
fn cut_everywhere(events: &[Event], seed: u64, must_stay: impl Fn(&[Event]) -> BTreeSet<u64>) -> Search {
    cut_at(0..=events.len(), events, (DRAWS, seed), must_stay)
}

fn cut_at(
    moments: impl Iterator<Item = usize>,
    events: &[Event],
    (draws, seed): (u64, u64),
    must_stay: impl Fn(&[Event]) -> BTreeSet<u64>,
) -> Search {
    let directory = tempfile::tempdir().expect("a directory");
    let mut known: HashSet<u64> = HashSet::new();
    let mut search = Search { moments: 0, states: 0, wrong: None };
    for moment in moments {
        search.moments += 1;
        let before = &events[..moment];
        let present = must_stay(before);
        for survivors in subsets(moment, draws, seed) {
            let files = after_power_cut(before, survivors);
            if !known.insert(fingerprint(&(&files, &present))) {
                continue;
            }
            search.states += 1;
            place(&files, directory.path());
            let expected = Expected::only_present(present.clone());
            if let Err(wrong) = expected.verify(&directory.path().join("halves.db")) {
                search.wrong = Some(format!("after {moment} steps, {survivors:?}, seed {seed}: {wrong}"));
                return search;
            }
        }
    }
    search
}

/// Tells states apart without keeping them.
fn fingerprint(state: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}

/// Another seed every run; a failure prints it.
pub(crate) fn seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::from(now.map_or(0, |since| since.subsec_nanos()))
}

fn demand_nothing_wrong(what: &str, search: &Search, seed: u64) {
    println!("{what}: {} moments, {} states, seed {seed}", search.moments, search.states);
    if let Some(wrong) = &search.wrong {
        panic!("{what}: {wrong}");
    }
}

#[test]
fn a_power_cut_at_any_moment_costs_no_acknowledged_operation() {
    let seed = seed();
    let search = cut_everywhere(&record(Durability::Full), seed, acknowledged);
    demand_nothing_wrong("full", &search, seed);
}

#[test]
fn a_power_cut_without_full_durability_undoes_the_last_commits_only() {
    let (seed, events) = (seed(), record(Durability::Normal));
    let search = cut_everywhere(&events, seed, |_| BTreeSet::new());
    demand_nothing_wrong("normal", &search, seed);
    let kept = cut_everywhere(&events, seed, acknowledged);
    assert!(kept.wrong.is_some(), "the simulation never loses what was not synced");
}

#[test]
fn a_power_cut_during_a_checkpoint_costs_no_acknowledged_operation() {
    const MOMENTS: usize = 20;
    for durability in [Durability::Full, Durability::Normal] {
        let workload = Workload::new(durability).with_large_rows();
        let db = workload.open().expect("nothing fails");
        (0..15).for_each(|op| workload.write(&db, op));
        std::thread::scope(|threads| {
            threads.spawn(|| (15..25).for_each(|op| workload.write(&db, op)));
            db.checkpoint_now().expect("nobody is in the way");
        });
        assert!(workload.errors().is_empty(), "{:?}", workload.errors());
        let events = workload.mounted.disk().events();
        // The file itself is the first that was made, and after its schema only checkpoints write it.
        let of_the_file = |event: &Event| matches!(event, Event::Written { inode: 0, .. });
        let told = |event: &Event| matches!(event, Event::Acknowledged(_));
        let first_told = events.iter().position(told).expect("it was written");
        let last = events.iter().rposition(of_the_file).expect("a checkpoint came");
        let first =
            events[first_told..].iter().position(of_the_file).expect("a checkpoint came") + first_told;
        let moments = (first - 2..=(last + 40).min(events.len())).step_by((last - first) / MOMENTS + 1);
        let moments = moments.chain(last..=(last + 5).min(events.len()));
        let seed = seed();
        let must_stay = |events: &[Event]| must_stay(durability, events);
        let search = cut_at(moments, &events, (1, seed), must_stay);
        demand_nothing_wrong(&format!("{durability:?}, checkpoint beside writes"), &search, seed);
    }
}

#[test]
fn the_engine_opens_what_a_power_cut_leaves() {
    let events = record(Durability::Full);
    let syncs = events.iter().enumerate().filter(|(_, event)| matches!(event, Event::Synced { .. }));
    for (at, _) in syncs {
        let directory = tempfile::tempdir().expect("a directory");
        let before = &events[..=at];
        place(&after_power_cut(before, Survivors::Nothing), directory.path());
        let path = directory.path().join("halves.db");
        let db = Database::open(&path, Options::default()).expect("it opens");
        db.migrate(&SCHEMA).expect("the schema can be brought up to date");
        assert!(db.check().expect("it can be checked").is_ok(), "after {at} steps");
        db.close().expect("nobody is in the way");
        let verified = Expected::only_present(acknowledged(before)).verify(&path);
        assert_eq!(verified, Ok(()), "after {at} steps");
    }
}
