//! Immutable contexts by key: read as snapshots, changed without lost updates.
//!
//! A context is what many parts of an assistant know in common about a user or a task: small, read all the time,
//! changed now and then by whoever learns something. [`Contexts`] keeps them by key:
//!
//! - A reader gets a [`Snapshot`]: one value that never changes, however long it is held. [`Contexts::view`] is a
//!   snapshot of all keys at once.
//! - A change is a function from the old value to the new one ([`Contexts::update`]). It runs inside the write
//!   transaction of the [`ContextStore`], on the value that is stored, so two changes are never made from the same
//!   old value, not in two threads and not in two processes.
//! - After the commit the new state is **published**: what changed in the store since the published state, by
//!   whomever, is folded into a persistent map that shares all the rest with its predecessor.
//!
//! The crate knows no database: it asks a [`ContextStore`] for changes in commit order.
//!
//! ```
//! use std::sync::Arc;
//! use unforget_context::{Contexts, MemoryStore, UserContext};
//!
//! let contexts: Contexts<UserContext> = Contexts::new(Arc::new(MemoryStore::default()));
//! let before = contexts.get_or_create("ada", || UserContext::new("ada"))?;
//! let after = contexts.update("ada", |ada| ada.with_topic("gliding"))?;
//! assert!(before.topics().is_empty() && after.topics().contains("gliding"));
//! assert!(after.revision() > before.revision());
//! # Ok::<(), unforget_context::Error>(())
//! ```
//!
//! # Limitations
//!
//! - [`Contexts::get`] asks the store each time; [`Contexts::peek`] does not, and may be behind.
//! - All contexts are kept in memory once they have been read.
//! - A key has at most [`KEY_LIMIT`] bytes; the size of a value is limited by its store.

#![forbid(unsafe_code)]

mod bell;
mod contexts;
mod error;
mod evict;
mod memory_store;
mod published;
mod recent;
mod refresh;
mod rounds;
mod snapshot;
mod store;
mod user;
mod view;
mod watch;

pub use crate::contexts::{Contexts, KEY_LIMIT};
pub use crate::error::{Error, Result};
pub use crate::memory_store::MemoryStore;
pub use crate::recent::Changed;
pub use crate::snapshot::Snapshot;
pub use crate::store::{Change, Changes, ContextStore, Generation, Moment, Next, Stored};
pub use crate::user::UserContext;
pub use crate::view::View;
pub use crate::watch::{Event, Subscription, Watch};
