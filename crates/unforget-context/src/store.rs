//! Where contexts are kept.

use std::fmt::Debug;

use crate::Result;

/// A context as a store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its key.
    pub key: String,
    /// How often it was changed, counted from 1 and on through removal and re-creation, so that a revision never
    /// means two values.
    pub revision: u64,
    /// The value as JSON; `None` if the context was removed.
    pub value: Option<String>,
}

/// What changed in a store, seen at one point in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The sequence number of the last change in the store.
    pub latest: u64,
    /// Every context whose last change comes after the number asked for, removed ones included.
    pub rows: Vec<Stored>,
}

/// What a change makes of a context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// It stays as it is.
    Keep,
    /// It gets this value, as JSON.
    Put(String),
    /// It is removed.
    Remove,
}

/// Looks at a context and decides what becomes of it; may run again, so it has no effects of its own.
pub type Change = Box<dyn FnMut(Option<&Stored>) -> Result<Next> + Send>;

/// Keeps contexts, in order of their commits.
///
/// Three rules make [`Contexts`](crate::Contexts) correct on top of any store:
///
/// - Every committed change has a **sequence number** larger than that of every change committed before it. A
///   number is never used twice, also not after rows were removed.
/// - `update` reads, decides and writes in **one transaction** that no other writer can enter.
/// - `changes_since` sees one point in time, no earlier than its call.
pub trait ContextStore: Debug + Send + Sync {
    /// Answers what changed after the change with number `seq`; 0 asks for everything.
    fn changes_since(&self, seq: u64) -> Result<Changes>;

    /// Changes one context and answers after the commit with what is stored now; `None` if there is nothing.
    ///
    /// An error of `change` is passed on, with nothing changed.
    fn update(&self, key: &str, change: Change) -> Result<Option<Stored>>;
}
