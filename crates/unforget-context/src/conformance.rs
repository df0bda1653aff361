//! What every context store has to do, as checks that whoever writes one can run.
//!
//! ```
//! use std::sync::Arc;
//! use unforget_context::conformance::{self, Subject};
//! use unforget_context::MemoryStore;
//!
//! conformance::run(|| {
//!     let store = Arc::new(MemoryStore::default());
//!     Subject::new(move || store.clone())
//! })
//! .unwrap_or_else(|violations| panic!("{violations}"));
//! ```

mod generations;
mod numbers;
mod owners;
mod rows;
mod threads;

use std::fmt;
use std::sync::Arc;

use crate::{ContextStore, Error, Next, Stored};

/// A new, empty store, which can be opened any number of times at once.
pub struct Subject {
    open: Box<dyn Fn() -> Arc<dyn ContextStore> + Send + Sync>,
}

impl Subject {
    /// A store that `open` opens; each time the same one, through a handle of its own if it has such.
    pub fn new<S: ContextStore + 'static>(open: impl Fn() -> Arc<S> + Send + Sync + 'static) -> Self {
        Self { open: Box::new(move || open()) }
    }

    fn open(&self) -> Arc<dyn ContextStore> {
        (self.open)()
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").finish_non_exhaustive()
    }
}

/// What a store does not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The rule, one of [`rules`].
    pub rule: &'static str,
    /// What was seen.
    pub seen: String,
}

/// Everything that a store does not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violations(pub Vec<Violation>);

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Violation { rule, seen } in &self.0 {
            writeln!(f, "{rule}: {seen}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Violations {}

type Check = fn(&Subject) -> Result<(), String>;

const CHECKS: [(&str, Check); 14] = [
    ("numbers are in the order of the commits", numbers::grow),
    ("a number is never used twice", numbers::are_not_used_twice),
    ("what changed after a number is told, and nothing else", numbers::separate),
    ("an update is one transaction", threads::lose_no_update),
    ("what changed is told as of one point in time", threads::see_one_point_in_time),
    ("what was acknowledged is told", rows::are_told_at_once),
    ("a removal is told", rows::leave_tombstones),
    ("revisions go on after a removal", rows::go_on_counting),
    ("an error of the change is passed on and changes nothing", rows::stay_when_a_change_fails),
    ("a value is given back as it was, whatever it means", rows::keep_any_value),
    ("different keys are different contexts", rows::tell_keys_apart),
    ("a moment ends when anything changes, and comes once", generations::end),
    ("owners exclude all others, and are told apart", owners::exclude),
    ("what an owner saves keeps its revisions", owners::save),
];

/// The rules, in the order they are checked.
pub fn rules() -> impl Iterator<Item = &'static str> {
    CHECKS.iter().map(|(rule, _)| *rule)
}

/// Runs every check, each on a store of its own. Generations and owners are checked if the store offers them.
///
/// # Errors
///
/// What the store does not do.
///
/// # Panics
///
/// If the store does.
pub fn run(make: impl Fn() -> Subject) -> Result<(), Violations> {
    let outcomes = CHECKS.iter().map(|(rule, check)| (rule, check(&make())));
    let violations: Vec<_> =
        outcomes.filter_map(|(rule, outcome)| Some(Violation { rule, seen: outcome.err()? })).collect();
    if violations.is_empty() { Ok(()) } else { Err(Violations(violations)) }
}

/// Fails with `seen` unless `holds`.
fn demand(holds: bool, seen: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(seen()) }
}

fn told(error: &Error) -> String {
    format!("it failed: {error}")
}

fn put(store: &dyn ContextStore, key: &str, value: &str) -> Result<Stored, String> {
    let value = value.to_owned();
    let stored = store.update(key, Box::new(move |_| Ok(Next::Put(value.clone()))));
    stored.map_err(|error| told(&error))?.ok_or_else(|| format!("`{key}` was put and is not there"))
}

fn remove(store: &dyn ContextStore, key: &str) -> Result<Stored, String> {
    let stored = store.update(key, Box::new(|_| Ok(Next::Remove))).map_err(|error| told(&error))?;
    stored.ok_or_else(|| format!("`{key}` was removed and left no tombstone"))
}

fn changes(store: &dyn ContextStore, seq: u64) -> Result<crate::Changes, String> {
    store.changes_since(seq).map_err(|error| told(&error))
}
