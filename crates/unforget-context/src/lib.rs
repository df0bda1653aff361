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
//! # Following changes
//!
//! [`Contexts::watch`] waits for the next state of one context, [`Contexts::subscribe`] tells every change in the order
//! of the commits, or how many were missed. Threads of this process are woken; what other processes commit is found
//! within 50 ms.
//!
//! # Costs
//!
//! A `get` is a load of the published state, a look at the store's [`Generation`], and a look-up in a persistent map:
//! some tens of nanoseconds for a thousand keys, some hundreds where a million are asked for evenly. A view is one
//! reference. A publication costs less than a microsecond beside the commit. `docs/benchmarks.md` has the figures.
//!
//! # Limitations
//!
//! - Two reads are two points in time; see the wrong use on [`Contexts`].
//! - With a store without a [`Generation`] every `get` asks the store; otherwise the first one after a commit by
//!   another process does, those during a commit that somebody has read already, and the first one in every 250 ms in
//!   which anybody has committed.
//! - All contexts are kept in memory once there was a read, unless there is a [bound](Contexts::bounded). With one,
//!   [`Contexts::view`] reads the whole store, and [`Contexts::peek`] knows only what is kept.
//! - Of several changes that a process had not looked at in between, subscribers are told the last of each context.
//! - With [`Persistence::Deferred`] a value that cannot be stored is found out when it is saved, revisions that were
//!   published and never saved are given again after a crash, and a forked child saves nothing: it is refused a
//!   flush, and must not change anything.
//! - After [`Contexts::shutdown`] of an owner, all reads through it, its watches included, show what was published last,
//!   whatever others commit from then on. Open the contexts again to see that.
//! - An edit of a JSON file whose context an owner changed meanwhile makes saving that context fail with
//!   [`Error::Conflict`] until the owner has passed the revision of the edit; then the edit is overwritten.
//! - A key has at most [`KEY_LIMIT`] bytes; the size of a value is limited by its store.

#![forbid(unsafe_code)]

mod bell;
#[cfg(feature = "conformance")]
pub mod conformance;
mod contexts;
mod deferred;
mod error;
mod evict;
mod hot;
mod inside;
#[cfg(feature = "json-store")]
mod json_store;
mod memory_store;
#[cfg(feature = "owner-lock")]
mod owner_lock;
mod persistence;
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
pub use crate::deferred::{SaveStatus, Saves};
pub use crate::error::{Error, Result};
#[cfg(feature = "json-store")]
pub use crate::json_store::JsonStore;
pub use crate::memory_store::MemoryStore;
#[cfg(feature = "owner-lock")]
pub use crate::owner_lock::OwnerLock;
pub use crate::persistence::{Persistence, SaveWindow};
pub use crate::recent::Changed;
pub use crate::snapshot::Snapshot;
pub use crate::store::{
    Change, Changes, Committed, ContextStore, Generation, Moment, Next, Observer, Observing, Ownership,
    Saved, Stored,
};
pub use crate::user::UserContext;
pub use crate::view::View;
pub use crate::watch::{Event, Subscription, Watch};
