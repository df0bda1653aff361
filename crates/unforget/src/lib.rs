//! Embedded memory for AI agents: many threads and many processes write one store at the same time, and nothing
//! that was acknowledged is lost.
//!
//! A store is a directory with one SQLite database. [`Unforget::open`] opens it, creating it if need be;
//! [`memories`](Unforget::memories) keeps turns of conversations and finds them again;
//! [`contexts`](Unforget::contexts) keeps what is known about each user as immutable snapshots.
//!
//! ```
//! use unforget::{NewTurn, Query, Unforget, UserContext};
//!
//! # let root = tempfile::tempdir().unwrap();
//! # let directory = root.path().join("store");
//! let store = Unforget::open(&directory)?;
//! store.memories().remember(NewTurn::new("ada", "monday", "The glider is in the north hangar."))?;
//!
//! let hits = store.memories().recall(&Query::new("where is the glider?").user("ada"))?;
//! assert_eq!(hits[0].content, "The glider is in the north hangar.");
//!
//! store.contexts().get_or_create("ada", || UserContext::new("ada"))?;
//! let ada = store.contexts().update("ada", |ada| ada.with_topic("gliding"))?;
//! assert!(ada.topics().contains("gliding"));
//! # Ok::<(), unforget::Error>(())
//! ```
//!
//! A call that writes returns after the commit, which is synced to disk unless [`Options::durability`] says otherwise.
//! An error means that nothing was changed; the one exception names itself,
//! [`OutcomeUnknown`](unforget_sqlite::Error::OutcomeUnknown).
//!
//! # Limitations
//!
//! - A store is for one machine: network file systems are not supported.
//! - Contexts are [`UserContext`]s; for others use `unforget-context` and `unforget-memory` directly.
//! - Calls block; there is no asynchronous twin yet.
//! - Runs on Linux; the code for macOS and Windows has not been tested there.

#![forbid(unsafe_code)]

mod error;
mod options;
mod store;

pub use crate::error::{Error, Result};
pub use crate::options::{Create, Options};
pub use crate::store::{Stats, Unforget};
pub use unforget_context::{Contexts, Persistence, SaveWindow, Snapshot, UserContext};
pub use unforget_memory::{
    AddedObservations, CONTENT_LIMIT, DEFAULT_LAYER, DEFAULT_LIMIT, Deleted, Entity, Graph, GraphCursor,
    GraphPage, HIT_LIMIT, Hit, ITEM_LIMIT, Imported, JsonLines, KnowledgeGraph, Memories, MirrorOptions,
    NewObservations, NewTurn, ObservationsToDelete, PastEntity, PastObservation, PastRelation, Query,
    Rejected, Relation, Stored, parse_line,
};
pub use unforget_sqlite::{Changes, Check, Durability};
/// The crates beneath, for what is not re-exported by name.
pub use {unforget_context, unforget_fs, unforget_memory, unforget_sqlite};
