//! Keeping the graph somewhere else too.
//!
//! Every change of the graph leaves the lines it changed in the `outbox`, in its own transaction, while there is a mirror.
//! A [`Mirror`] takes them from there: each at least once, in their order, and so that taking one twice does no harm.
//! How far it is stands in a cursor beside it, not in the database.
//!
//! A mirror is *awaited*: a change returns when the mirror shows it. Whoever needs that takes the mirror's lock, brings
//! the mirror up to date for everybody, and gives the lock back; there is no thread, and nobody else to wait for. The
//! lock is taken after the commit and never while the turn is held.

mod cursor;
mod feed;
mod foreign;
mod json_lines;
mod lines;
mod report;
mod seat;
mod slots;

use std::fmt::Debug;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use unforget_sync::primitive::RwLock;

use crate::Result;
use crate::outbox::Position;

pub use json_lines::{JsonLines, MirrorOptions, MirrorStatus};
pub use report::{Finding, MergeReport, MirrorEvent};

/// Something that shows the graph, is kept elsewhere, and is fed from the outbox.
///
/// It may be told of a change more than once, and is never told of a later one first.
pub trait Mirror: Debug + Send + Sync {
    /// The name that it has in its store.
    fn name(&self) -> &str;

    /// Has it show every change up to a position of the outbox.
    ///
    /// # Errors
    ///
    /// Whatever the error, the changes are stored, and the next call brings them too.
    ///
    /// # Blocking
    ///
    /// Waits for whoever brings it up to date, until a deadline of the mirror's own.
    fn catch_up(&self, position: u64) -> Result<()>;
}

/// The mirrors that this process feeds.
#[derive(Debug, Default)]
pub(crate) struct Mirrors {
    attached: RwLock<Vec<JsonLines>>,
}

impl Mirrors {
    /// Waits until every mirror shows a change, or has said why it does not.
    ///
    /// The change is committed: what goes wrong from here on is told by the mirror and is no error of the change.
    pub(crate) fn catch_up(&self, position: Position) {
        let attached: Vec<Arc<dyn Mirror>> = self.attached.read().iter().map(JsonLines::as_mirror).collect();
        for mirror in attached {
            let _ = mirror.catch_up(u64::try_from(position.0).unwrap_or(0));
        }
    }

    pub(crate) fn find(&self, name: &str) -> Option<JsonLines> {
        self.attached.read().iter().find(|mirror| mirror.name() == name).cloned()
    }

    /// Adds a mirror, unless there is one of that name, which is answered.
    pub(crate) fn attach(&self, mirror: JsonLines) -> JsonLines {
        let mut attached = self.attached.write();
        if let Some(other) = attached.iter().find(|other| other.name() == mirror.name()) {
            return other.clone();
        }
        attached.push(mirror.clone());
        mirror
    }

    pub(crate) fn detach(&self, name: &str) {
        self.attached.write().retain(|mirror| mirror.name() != name);
    }
}

/// Sixteen hexadecimal digits that tell contents or names apart.
fn short_digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(8).fold(String::new(), |digits, byte| format!("{digits}{byte:02x}"))
}
