//! The file on a disk that fails, loses power, and has other users, at every call.

mod doubt;
mod failing;
mod histories;
mod others;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use unforget_fs::ReplaceOptions;
use unforget_fs::sim::{Call, Failure, Fault, Profile, SimDisk};
use unforget_sync::primitive::Mutex;

use super::*;
use crate::Entity;
use crate::graph::Rejected;
use crate::mirror::feed::{Change, Changes, Item, Merged, Snapshot};
use crate::outbox::Line;

const FILE: &str = "/store/memory.jsonl";
const CURSOR: &str = "/store/mirror/cursor";
const SLOTS: &str = "/store/mirror/slots";

/// A graph of entities in memory, with an outbox.
#[derive(Debug, Default, Clone)]
struct Model(RefCell<State>);

#[derive(Debug, Default, Clone)]
struct State {
    rows: Vec<Change>,
    entities: BTreeMap<u64, Entity>,
    /// Whatever was deleted, and when.
    deleted: Vec<(String, u64)>,
    slots: u64,
    now_ms: u64,
    /// What will not be asked for again.
    durable: u64,
    /// Nothing can be forgotten.
    is_stuck: bool,
}

/// One that no other change has.
fn mark() -> i64 {
    static LAST: AtomicI64 = AtomicI64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

impl State {
    fn mark_of(&self, seq: u64) -> i64 {
        self.rows.iter().find(|row| row.seq == seq).map_or(0, |row| row.mark)
    }

    fn put(&mut self, slot: u64, line: Option<String>) {
        let seq = self.rows.len() as u64 + 1;
        self.now_ms += 1;
        self.rows.push(Change { seq, mark: mark(), slot, line });
    }

    fn write(&mut self, slot: u64) {
        let line = self.entities.get(&slot).map(|entity| Line::Entity(entity).to_json().unwrap());
        self.put(slot, line);
    }

    fn slot_of(&self, name: &str) -> Option<u64> {
        self.entities.iter().find(|(_, entity)| entity.name == name).map(|(slot, _)| *slot)
    }

    fn observe(&mut self, name: &str, content: &str) {
        let slot = self.slot_of(name).unwrap_or_else(|| {
            self.slots += 2;
            self.entities.insert(self.slots, Entity::new(name, "thing"));
            self.slots
        });
        let observations = &mut self.entities.get_mut(&slot).unwrap().observations;
        if !observations.iter().any(|held| held == content) {
            observations.push(content.to_owned());
        }
        self.write(slot);
    }

    fn delete(&mut self, name: &str) {
        if let Some(slot) = self.slot_of(name) {
            self.entities.remove(&slot);
            self.now_ms += 1;
            self.deleted.push((name.to_owned(), self.now_ms));
            self.write(slot);
        }
    }
}

impl Model {
    fn observe(&self, name: &str, content: &str) {
        self.0.borrow_mut().observe(name, content);
    }

    fn delete(&self, name: &str) {
        self.0.borrow_mut().delete(name);
    }

    fn lines(&self) -> Vec<String> {
        let mut lines: Vec<_> =
            self.0.borrow().entities.values().map(|entity| Line::Entity(entity).to_json().unwrap()).collect();
        lines.sort();
        lines
    }
}

impl Feed for Model {
    fn changes(&self, after: u64, limit: usize) -> Result<Changes> {
        let state = self.0.borrow();
        let rows = state.rows.iter().filter(|row| row.seq > after).take(limit).cloned().collect();
        Ok(Changes { rows, last: state.rows.len() as u64, mark: state.mark_of(after) })
    }

    fn snapshot(&self) -> Result<Snapshot> {
        let state = self.0.borrow();
        let line = |(slot, entity): (&u64, &Entity)| Ok((*slot, Line::Entity(entity).to_json()?));
        let lines = state.entities.iter().map(line).collect::<Result<_>>()?;
        let seq = state.rows.len() as u64;
        Ok(Snapshot { seq, mark: state.mark_of(seq), lines })
    }

    fn merge(&self, items: Vec<Item>, deleted_since_ms: u64, _: u64) -> Result<Merged> {
        let mut state = self.0.borrow_mut();
        for item in items {
            let Item::Entity(entity) = item else { continue };
            let stays = |(name, at): &(String, u64)| *name == entity.name && *at >= deleted_since_ms;
            if state.slot_of(&entity.name).is_none() && state.deleted.iter().any(stays) {
                continue;
            }
            entity.observations.iter().for_each(|content| state.observe(&entity.name, content));
        }
        Ok(Merged::default())
    }

    fn durable(&self, seq: u64) -> Result<()> {
        let mut state = self.0.borrow_mut();
        if state.is_stuck {
            return Err(crate::Error::EmptyQuery);
        }
        state.durable = seq;
        Ok(())
    }

    fn now_ms(&self) -> u64 {
        self.0.borrow().now_ms
    }
}

fn lines_on(disk: &SimDisk, boot: u8) -> Lines<SimDisk> {
    let places = Places {
        file: FILE.into(),
        cursor: CURSOR.into(),
        slots: SLOTS.into(),
        imported: "/store/imported".into(),
    };
    Lines::new(disk, places, Some([boot; 16]))
}

/// How often the file was replaced or created.
fn replacements(disk: &SimDisk) -> usize {
    let is_one = |(call, path): &&(Call, PathBuf)| {
        matches!(call, Call::Rename | Call::RenameNew | Call::Exchange) && path == Path::new(FILE)
    };
    disk.calls().iter().filter(is_one).count()
}

fn drain(disk: &SimDisk, boot: u8, model: &Model) -> Result<Drained> {
    lines_on(disk, boot).drain(model, &|| Ok(()))
}

/// The lines as a loader reads them: those that are not blank, and an error for what is no JSON.
fn loaded(disk: &SimDisk) -> Result<Vec<String>, Rejected> {
    let content = disk.read(FILE).unwrap_or_default();
    let foreign = crate::mirror::foreign::Foreign::read(&content, &Snapshot::default());
    if let Some(rejected) = foreign.rejected.into_iter().next() {
        return Err(rejected);
    }
    let mut lines: Vec<_> =
        String::from_utf8(content).unwrap().lines().map(|line| line.trim().to_owned()).collect();
    lines.retain(|line| !line.is_empty());
    lines.sort();
    Ok(lines)
}

fn assert_shown(disk: &SimDisk, model: &Model, when: &str) {
    assert_eq!(loaded(disk), Ok(model.lines()), "the file shows the graph, {when}");
}

/// A mirror that shows Ada and Bob, and changes that it does not show yet.
fn begun() -> (SimDisk, Model) {
    begun_on(SimDisk::with_block_size(64))
}

fn begun_on(disk: SimDisk) -> (SimDisk, Model) {
    disk.put_dir("/store/mirror");
    let model = Model::default();
    model.observe("Ada", "a");
    model.observe("Bob", "b");
    drain(&disk, 1, &model).unwrap();
    assert_shown(&disk, &model, "to begin with");
    model.observe("Ada", "more");
    model.delete("Bob");
    model.observe("Cid", "c");
    (disk, model)
}

#[test]
fn a_process_that_ends_at_any_call_leaves_a_file_that_the_next_one_repairs() {
    for nth in 1.. {
        let (disk, model) = begun();
        disk.fail(Fault::at(nth, Failure::Io).for_ever());
        let ended = drain(&disk, 1, &model);
        disk.heal();
        for name in ["Ada", "Cid"] {
            let content = String::from_utf8_lossy(&disk.read(FILE).unwrap()).into_owned();
            assert!(name == "Cid" || content.contains(name), "call {nth}: nobody misses {name}: {content}");
        }
        model.observe("Dan", "d");
        drain(&disk, 1, &model).unwrap();
        assert_shown(&disk, &model, &format!("after the end of a process at call {nth}"));
        if ended.is_ok() {
            assert!(nth > 10, "a drain makes calls");
            return;
        }
    }
}

#[test]
fn a_reader_at_any_call_misses_nobody() {
    for nth in 1..200 {
        let (disk, model) = begun();
        disk.before(nth, |disk| {
            let content = String::from_utf8_lossy(&disk.read(FILE).unwrap()).into_owned();
            assert!(content.contains(r#""name":"Ada""#), "Ada was there before and after: {content}");
        });
        drain(&disk, 1, &model).unwrap();
    }
}

/// Has another program replace the file at a call of a drain. Answers which call that was and whether what it wrote is in
/// the graph; `None` if there is no such call.
fn replaced_at(nth: u64, disk: &SimDisk, model: &Model) -> Option<(Call, bool)> {
    let theirs = Line::Entity(&Entity::new("theirs", "thing").observed("t")).to_json().unwrap();
    let content = [disk.read(FILE).unwrap(), b"\n".to_vec(), theirs.clone().into_bytes()].concat();
    let at = Arc::new(Mutex::new(None));
    let acted = Arc::clone(&at);
    disk.before(nth, move |disk| {
        *acted.lock() = Some(disk.calls().len());
        Files::on(disk).replace(Path::new(FILE), &content, &ReplaceOptions::new()).unwrap();
        let made = disk.calls().len();
        acted.lock().replace(made);
    });
    drain(disk, 1, model).unwrap();
    drain(disk, 1, model).unwrap();
    let at = (*at.lock())?;
    assert_shown(disk, model, &format!("after a replacement at call {nth}"));
    Some((disk.calls()[at].0, model.lines().contains(&theirs)))
}

#[test]
fn another_program_that_replaces_the_file_at_any_call_is_merged() {
    for nth in 1.. {
        let (disk, model) = begun();
        let Some((_, is_merged)) = replaced_at(nth, &disk, &model) else {
            assert!(nth > 30, "a drain makes calls");
            return;
        };
        assert!(is_merged, "what they wrote at call {nth} is in the graph");
    }
}

#[test]
fn a_replacement_before_the_last_write_is_merged_before_the_call_returns() {
    let (disk, model) = begun();
    let before = disk.calls().len();
    drain(&disk, 1, &model).unwrap();
    let is_write = |(call, path): &(Call, PathBuf)| *call == Call::WriteAt && path == Path::new(FILE);
    let last_write = disk.calls().split_off(before).iter().rposition(is_write).unwrap() as u64 + 1;
    for nth in 1..=last_write + 1 {
        let (disk, model) = begun();
        let theirs = Line::Entity(&Entity::new("theirs", "thing").observed("t")).to_json().unwrap();
        let content = theirs.clone().into_bytes();
        disk.before(nth, move |disk| {
            Files::on(disk).replace(Path::new(FILE), &content, &ReplaceOptions::new()).unwrap();
        });
        drain(&disk, 1, &model).unwrap();
        assert!(model.lines().contains(&theirs), "what they wrote at call {nth} is in the graph");
        assert_shown(&disk, &model, &format!("when a call returns that met a replacement at its call {nth}"));
    }
}

#[test]
fn another_program_that_replaces_a_file_while_it_is_written_anew_is_merged() {
    for nth in 1.. {
        let (disk, model) = begun();
        disk.put(FILE, b"{");
        let Some((call, is_merged)) = replaced_at(nth, &disk, &model) else { return };
        assert!(is_merged, "what they wrote at call {nth}, {call:?}, is in the graph");
    }
}

/// Between the last look at the file and the renaming over it nobody can tell: these calls have no "if".
#[test]
fn where_names_are_not_exchanged_only_the_renaming_itself_may_hit_another_program() {
    for nth in 1.. {
        let (disk, model) = begun();
        disk.put(FILE, b"{");
        disk.fail(Fault::at(1, Failure::Unsupported).only(Call::Exchange).for_ever());
        let Some((call, is_merged)) = replaced_at(nth, &disk, &model) else { return };
        let is_hit = matches!(call, Call::Exchange | Call::Rename);
        assert!(is_merged || is_hit, "what they wrote at call {nth}, {call:?}, is in the graph");
    }
}

#[test]
fn after_a_power_failure_at_any_moment_the_file_is_repaired() {
    let (disk, model) = begun();
    disk.set_exhaustive(8);
    drain(&disk, 1, &model).unwrap();
    let states = disk.crash_states(Profile::PosixWeak);
    assert!(states.len() > 100, "there is something to look at: {}", states.len());
    for state in &states {
        let (after, model) = (state.disk(), model.clone());
        drain(&after, 2, &model).unwrap();
        assert_shown(&after, &model, &format!("after {state}"));
    }
}

#[test]
fn nothing_is_forgotten_before_the_file_is_durable() {
    let (disk, model) = begun();
    drain(&disk, 1, &model).unwrap();
    let (before, replaced) = (model.0.borrow().durable, replacements(&disk));
    model.0.borrow_mut().now_ms += 10_000;
    model.observe("Dan", "d");
    disk.fail(Fault::at(1, Failure::Io).only(Call::SyncData));
    drain(&disk, 1, &model).unwrap_err();
    assert_eq!(model.0.borrow().durable, before, "the sync failed");
    drain(&disk, 1, &model).unwrap();
    assert_eq!(replacements(&disk), replaced + 1, "after a failed sync only another file will do");
    assert_eq!(model.0.borrow().durable, model.0.borrow().rows.len() as u64);
    assert_shown(&disk, &model, "after a failed sync");
}
