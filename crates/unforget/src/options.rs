//! How a store is opened.

use std::path::Path;
use std::time::Duration;

use unforget_context::Persistence;
use unforget_sqlite::Durability;

use crate::{Result, Unforget};

/// How many writes wait for the writer at most, and how many bytes of them unless one turn may be larger.
const QUEUED_TURNS: usize = 1024;
const QUEUED_BYTES: usize = 64 << 20;

/// Decides what happens where there is no store yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Create {
    /// One is created, with its directory and that directory's parents.
    #[default]
    Always,
    /// One is created if the directory exists and is empty.
    InEmptyDirectory,
    /// None is created: [`Error::NotFound`](crate::Error::NotFound).
    Never,
}

/// Settings of a store, fixed for a process when it first opens it.
///
/// ```
/// use unforget::{Create, Options};
///
/// # let directory = tempfile::tempdir().unwrap();
/// let missing = directory.path().join("typo");
/// assert!(Options::default().create(Create::Never).open(&missing).is_err());
/// assert!(!missing.exists());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    pub(crate) create: Create,
    pub(crate) durability: Durability,
    pub(crate) database: unforget_sqlite::Options,
    pub(crate) content_limit: usize,
    pub(crate) contexts: Persistence,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            create: Create::Always,
            durability: Durability::default(),
            database: unforget_sqlite::Options::default(),
            content_limit: unforget_memory::CONTENT_LIMIT,
            contexts: Persistence::Committed,
        }
    }
}

impl Options {
    /// Decides what happens where there is no store yet; [`Create::Always`] unless set.
    #[must_use]
    pub fn create(mut self, create: Create) -> Self {
        self.create = create;
        self
    }

    /// Sets what an acknowledged write survives; power loss unless set.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self.database = self.database.durability(durability);
        self
    }

    /// Sets how long a call waits for others before it gives up; 10 s unless set.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.database = self.database.deadline(deadline);
        self
    }

    /// Sets the largest content of a turn, in bytes; 1 MiB unless set.
    #[must_use]
    pub fn content_limit(mut self, bytes: usize) -> Self {
        self.content_limit = bytes;
        // The queue holds at least one turn of that size.
        self.database = self.database.queue(QUEUED_TURNS, QUEUED_BYTES.max(bytes.saturating_add(1 << 20)));
        self
    }

    /// Decides when changes of contexts are stored; each is committed unless set.
    ///
    /// With [`Persistence::Deferred`] no other process can have the store open.
    #[must_use]
    pub fn contexts(mut self, persistence: Persistence) -> Self {
        self.contexts = persistence;
        self
    }

    /// Opens the store in `directory`. See [`Unforget::open`].
    pub fn open(&self, directory: impl AsRef<Path>) -> Result<Unforget> {
        Unforget::open_with(directory.as_ref(), self)
    }
}
