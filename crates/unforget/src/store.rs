//! One store in this process, and the handle to it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use unforget_context::{Contexts, UserContext};
use unforget_fs::SecureDir;
use unforget_memory::{Graph, Memories};
use unforget_sqlite::{Check, Database};
use unforget_sync::{InitError, Registry, Shared};

use crate::{Create, Error, Options, Result};

/// The database's name in a store's directory.
const DATABASE: &str = "unforget.db";

/// What the engine creates first where there is no store yet.
const FIRST_FILE: &str = "turn.queue";

/// The stores of this process, by directory.
static STORES: Registry<PathBuf, Store, Error> = Registry::new();

/// What all handles to one store share.
#[derive(Debug)]
struct Store {
    key: PathBuf,
    options: Options,
    directory: SecureDir,
    db: Database,
    memories: Memories,
    contexts: Contexts<UserContext>,
}

/// A handle to a store. Cheap to clone; all handles of a process to one directory share one store.
///
/// When the last handle is dropped, what was accepted is committed first, within the deadline.
#[derive(Debug, Clone)]
pub struct Unforget {
    store: Shared<Store, Error>,
}

impl Unforget {
    /// Opens the store in `directory`, creating both if there are none.
    ///
    /// Any number of threads and processes may do so at once: in each process the store is opened once, and across
    /// processes its schema is created once. The directory is for its owner only (mode 0700).
    ///
    /// # Blocking
    ///
    /// Waits for its turn with other processes, at most for the deadline of the [`Options`], 10 s unless set.
    ///
    /// # Errors
    ///
    /// [`Error::Directory`] if the directory is a symbolic link, belongs to somebody else or lets others in;
    /// [`Error::NotAStore`] if it holds other things; [`Error::Memory`] if the database is damaged, is none, or has a
    /// newer schema; [`Error::Context`] if others have its contexts open in a way that excludes this one, as
    /// [`Persistence`](crate::Persistence) says. Nothing is changed then.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self> {
        Options::default().open(directory)
    }

    pub(crate) fn open_with(directory: &Path, options: &Options) -> Result<Self> {
        loop {
            let admitted = admit(directory, options.create)?;
            let key =
                std::fs::canonicalize(admitted.path()).unwrap_or_else(|_| admitted.path().to_path_buf());
            let store = STORES.open(key.clone(), || Store::open(admitted, key, options)).map_err(opening)?;
            if store.db.is_open() {
                return if store.agrees_with(options) {
                    Ok(Self { store })
                } else {
                    Err(Error::OptionsDiffer { path: store.key.clone() })
                };
            }
            // Shut down or failed while others still hold it: the next store is a new one.
            STORES.forget(&store.key, &store);
        }
    }

    /// The memories: turns of conversations.
    pub fn memories(&self) -> &Memories {
        &self.store.memories
    }

    /// The entity graph: entities, what was observed of them, and their relations.
    pub fn graph(&self) -> Graph {
        self.store.memories.graph()
    }

    /// What is known about each user.
    pub fn contexts(&self) -> &Contexts<UserContext> {
        &self.store.contexts
    }

    /// The directory of the store.
    pub fn directory(&self) -> &Path {
        self.store.directory.path()
    }

    /// Counts what is stored and tells how this process's engine did.
    pub fn stats(&self) -> Result<Stats> {
        Ok(Stats { memory: self.store.memories.stats()?, engine: self.store.db.stats() })
    }

    /// Reads the whole database and reports what is not sound.
    pub fn check(&self) -> Result<Check> {
        Ok(self.store.db.check()?)
    }

    /// Commits what was accepted and closes the store for every handle of this process.
    ///
    /// # Errors
    ///
    /// A busy [`Error::Memory`] if that took longer than the deadline; what was not started by then was returned to
    /// its callers as not stored.
    pub fn shutdown(self) -> Result<()> {
        STORES.forget(&self.store.key, &self.store);
        let saved = self.store.contexts.shutdown();
        self.store.db.close()?;
        Ok(saved?)
    }
}

/// What a store holds and how it is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// What is stored.
    pub memory: unforget_memory::Stats,
    /// What this process's engine did since it was started.
    pub engine: unforget_sqlite::Stats,
}

impl Store {
    /// Tells whether a caller who asks for `options` gets what it asks for. Deadlines are the first opener's.
    fn agrees_with(&self, options: &Options) -> bool {
        self.options.durability == options.durability
            && self.options.content_limit == options.content_limit
            && self.options.contexts == options.contexts
    }

    fn open(directory: SecureDir, key: PathBuf, options: &Options) -> Result<Self> {
        let db = Database::open(directory.file(DATABASE), options.database)?;
        let memories = Memories::open(db.clone())?.with_content_limit(options.content_limit);
        let contexts = Contexts::open(memories.context_store(), options.contexts)?;
        Ok(Self { key, options: *options, directory, db, memories, contexts })
    }
}

fn opening(error: InitError<Error>) -> Error {
    match error {
        InitError::Failed(error) => (*error).clone(),
        InitError::Panicked => Error::Panicked,
        InitError::Reentrant => Error::Reentrant,
    }
}

/// Opens or creates the directory, unless it holds something else than a store.
fn admit(path: &Path, create: Create) -> Result<SecureDir> {
    // Any other failure to look is for the checks of `SecureDir` to name.
    let missing = std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound);
    let empty = || std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    if create == Create::Never && empty() {
        return Err(Error::NotFound { path: path.to_path_buf() });
    }
    if missing && create != Create::Always {
        return Err(Error::NotFound { path: path.to_path_buf() });
    }
    let directory = if create == Create::Never { SecureDir::open(path)? } else { SecureDir::create(path)? };
    if directory.file(DATABASE).exists() {
        return Ok(directory);
    }
    // The lock file is the first thing to be there when another process creates the store at this moment.
    let begun = || directory.file(FIRST_FILE).exists();
    match create {
        Create::Never => Err(Error::NotFound { path: path.to_path_buf() }),
        _ if directory.is_empty()? || begun() => Ok(directory),
        _ => Err(Error::NotAStore { path: path.to_path_buf() }),
    }
}
