//! Where contexts are kept.

use std::any::Any;
use std::fmt::{self, Debug};
use std::sync::Arc;

use crate::{Error, Result};

/// A context as a store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its key.
    pub key: String,
    /// How often it was changed, counted from 1 and on through removal and re-creation, so that a revision never
    /// means two values.
    pub revision: u64,
    /// The sequence number of its last change, among the changes of all contexts of the store.
    pub seq: u64,
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

/// A state of a store that can be told from every other state; only equality means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    counter: u64,
    epoch: u64,
}

impl Moment {
    /// The moment with this counter, which commits move, in this epoch, which whatever else may have changed ends.
    pub fn new(counter: u64, epoch: u64) -> Self {
        Self { counter, epoch }
    }

    /// The two.
    pub fn to_pair(self) -> (u64, u64) {
        (self.counter, self.epoch)
    }
}

/// Tells without reading whether a store has changed.
///
/// Three rules make a copy that was asked for after a moment good for as long as that moment lasts:
///
/// - No moment comes twice.
/// - A change that is acknowledged has ended the moment that was there before it.
/// - A change that *anybody may have read* has ended it too, so that nobody answers from an older copy thereafter.
pub trait Generation: Debug + Send + Sync {
    /// Answers the present moment, in nanoseconds; `None` while a change is under way or it cannot be told.
    fn now(&self) -> Option<Moment>;

    /// Tells whether a copy of `moment` may still be answered, in nanoseconds: while that is the present moment, and
    /// longer if it is known that nobody has read or been told of the change that ends it.
    fn lasts(&self, moment: Moment) -> bool {
        self.now() == Some(moment)
    }
}

/// What a commit of this process changed, as it is told before the moment that it begins.
pub struct Committed<'a> {
    /// The contexts that it changed, in the order of their numbers, with none left out.
    pub rows: Vec<&'a Stored>,
    /// The moment that it ends, if that is known.
    pub before: Option<Moment>,
    /// Answers the moment that it begins. From that call on no copy of the moment before
    /// [lasts](Generation::lasts), because one of this moment may be answered.
    pub moment: &'a dyn Fn() -> Moment,
}

impl Debug for Committed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, before, moment: _ } = self;
        f.debug_struct("Committed").field("rows", rows).field("before", before).finish_non_exhaustive()
    }
}

/// Is told of commits.
pub type Observer = Arc<dyn Fn(&Committed<'_>) + Send + Sync>;

/// Keeps an [`Observer`] told until it is dropped.
pub struct Observing(Box<dyn Any + Send + Sync>);

impl Observing {
    /// Holds `guard`, whose destructor ends it.
    pub fn new(guard: impl Any + Send + Sync) -> Self {
        Self(Box::new(guard))
    }
}

impl Debug for Observing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(_guard) = self;
        f.write_str("Observing")
    }
}

/// A context as an owner saves it: with the revision that was published with the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Its key.
    pub key: String,
    /// The revision that it has got meanwhile.
    pub revision: u64,
    /// The value as JSON; `None` if the context was removed.
    pub value: Option<String>,
}

/// The right to write a store, alone or together with others; dropping it gives it back.
pub struct Ownership(Box<dyn Any + Send + Sync>);

impl Ownership {
    /// Holds `guard`, whose destructor gives the right back.
    pub fn new(guard: impl Any + Send + Sync) -> Self {
        Self(Box::new(guard))
    }
}

impl Debug for Ownership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(_guard) = self;
        f.write_str("Ownership")
    }
}

/// Keeps contexts, in order of their commits.
///
/// Three rules make [`Contexts`](crate::Contexts) correct on top of any store:
///
/// - Every committed change has a **sequence number** larger than that of every change committed before it. A
///   number is never used twice, also not after rows were removed.
/// - `update` reads, decides and writes in **one transaction** that no other writer can enter.
/// - `changes_since` and `read` see one point in time, no earlier than their call.
pub trait ContextStore: Debug + Send + Sync {
    /// Answers what changed after the change with number `seq`; 0 asks for everything, [`u64::MAX`] for nothing but
    /// the number of the last change.
    fn changes_since(&self, seq: u64) -> Result<Changes>;

    /// Answers one context; `None` if there never was one of this key.
    fn read(&self, key: &str) -> Result<Option<Stored>>;

    /// Changes one context and answers after the commit with what is stored now; `None` if there is nothing.
    ///
    /// An error of `change` is passed on, with nothing changed.
    fn update(&self, key: &str, change: Change) -> Result<Option<Stored>>;

    /// What tells that nothing changed, if this store has it; without it every read asks the store.
    fn generation(&self) -> Option<Arc<dyn Generation>> {
        None
    }

    /// Has `observer` told of every commit of this process, if this store can: after the commit, and before its moment
    /// begins, so that copies are up to date when it does. From then on no copy of the moment before
    /// [lasts](Generation::lasts).
    fn observe(&self, observer: Observer) -> Option<Observing> {
        drop(observer);
        None
    }

    /// Shares the right to write with all who commit each change, and keeps owners out.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`] names the owner. It is told at once, also if the owner is in this process.
    fn share(&self) -> Result<Ownership> {
        Ok(Ownership::new(()))
    }

    /// Takes the right to write for one alone, who then changes contexts in memory and [saves](Self::save) them.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`] while others share or have it, at once; [`Error::NotOwnable`] if this store has no owners.
    fn own(&self) -> Result<Ownership> {
        Err(Error::NotOwnable)
    }

    /// Stores contexts as their owner has them, in one transaction if the store has such; otherwise some may be stored
    /// when it fails.
    ///
    /// A revision that is stored already was saved by an earlier attempt, and stays.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] if a newer revision than that is stored: somebody else wrote.
    fn save(&self, contexts: &[Saved]) -> Result<()> {
        let _ = contexts;
        Err(Error::NotOwnable)
    }
}
