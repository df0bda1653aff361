//! Memories of conversations: turns, their recall, contexts and an entity graph, in one SQLite file.
//!
//! A **turn** is what somebody said, or a note: it belongs to a user and a session and has an id that is unique in its
//! layer. [`Memories::remember`] stores it and answers after the commit; [`Memories::recall`] finds turns by their
//! words, ranked by bm25, with a lighter weight on the date and the neighbours in the session.
//! [`Memories::context_store`] keeps `unforget-context`'s contexts in the same file.
//!
//! [`Memories::graph`] is what is known by name: **entities**, what was **observed** of them, and their **relations**, with
//! the behaviour of the official memory server for the Model Context Protocol.
//!
//! ```
//! use unforget_memory::{Memories, NewTurn, Query};
//! use unforget_sqlite::{Database, Options};
//!
//! # let directory = tempfile::tempdir().unwrap();
//! # let path = directory.path().join("unforget.db");
//! let memories = Memories::open(Database::open(&path, Options::default())?)?;
//! memories.remember(NewTurn::new("ada", "monday", "The glider is in the north hangar."))?;
//! memories.remember(NewTurn::new("ada", "monday", "Lunch was fine."))?;
//! let hits = memories.recall(&Query::new("where did I leave the glider?").user("ada"))?;
//! assert_eq!(hits[0].content, "The glider is in the north hangar.");
//! # Ok::<(), unforget_memory::Error>(())
//! ```
//!
//! # Limitations
//!
//! - Full-text search knows English word endings and stop words; other languages are found by whole words.
//! - Text without spaces between words (Chinese, Japanese, Thai) is found by whole runs only.
//! - A mirror's file is changed in place: a program that reads it while a line is being written or blanked may meet a part
//!   of that line, and has to read again.
//! - Where system or file system cannot exchange the names of two files (Windows, some network file systems), a program
//!   that renames a file over a mirror's file in the very moment between the last look at it and the renaming by which it
//!   is written anew loses what it wrote.
//! - A program that read the file before a change and renames over it afterwards takes the change from the file, until the
//!   next drain. An edit of the same length, in place, within one tick of the file system's clock after a change of ours is
//!   noticed when its line is to be blanked or the file is written anew; one in the very moment between the last look at
//!   a line and the blanks over it is damaged by them, and what is left of it is kept aside.
//! - After an older copy of the database was put in place, what the file had more than it is taken over again, as from any
//!   other program: to go back in both, put an older file in place too.
//! - Where the system tells no id of its boot (macOS, Windows), each process reads a mirror's file once when it begins.
//! - Nothing is forgotten yet: there is no expiry and no size cap. Turns cannot be removed; what is deleted from the graph
//!   is kept as history.
//! - A search of the graph for one or two letters looks through all of it, and a search with many hits answers all of them:
//!   some 150 ms and more at 100,000 entities.
//! - [`Graph::import_lines`] is one transaction and keeps the file in memory meanwhile: 100,000 entities take some five
//!   seconds, in which other writers wait.
//! - One change in some hundred merges parts of the full-text index and takes longer, some 20 ms in a graph of 100,000
//!   entities.
//! - An observation that a call of [`Graph::add_observations`] names twice is added once; the official server adds it twice.

#![forbid(unsafe_code)]

mod context_store;
mod error;
mod graph;
mod index;
mod line;
mod memories;
mod mirror;
mod outbox;
mod query;
mod recall;
mod remember;
mod schema;
mod turn;
mod turn_id;

pub use crate::context_store::{CONTEXT_LIMIT, SqliteContexts};
pub use crate::error::{Error, Result};
pub use crate::graph::{
    AddedObservations, Deleted, Entity, GRAPH_NAME_LIMIT, Graph, GraphCursor, GraphPage, ITEM_LIMIT,
    Imported, KnowledgeGraph, LINE_LIMIT, NewObservations, OBSERVATION_LIMIT, ObservationsToDelete,
    PAGE_BYTES, PastEntity, PastObservation, PastRelation, QUERY_LIMIT, RANKED_LIMIT, Rejected, Relation,
};
pub use crate::line::parse_line;
pub use crate::memories::{CONTENT_LIMIT, Memories, Stats};
pub use crate::mirror::{Finding, JsonLines, MergeReport, Mirror, MirrorEvent, MirrorOptions, MirrorStatus};
pub use crate::recall::{DEFAULT_LIMIT, HIT_LIMIT, Hit, Query};
pub use crate::remember::Stored;
pub use crate::turn::{DEFAULT_LAYER, LATEST_MS, METADATA_LIMIT, NAME_LIMIT, NewTurn};
/// The crate that opens databases, for [`Memories::open`].
pub use unforget_sqlite;
