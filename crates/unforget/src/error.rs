//! What can go wrong with a store.

use std::path::PathBuf;
use std::sync::Arc;

/// A specialised result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a store could not be used.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no store in that directory.
    #[error("there is no store in {}", path.display())]
    NotFound {
        /// The directory.
        path: PathBuf,
    },
    /// The directory holds other things and no store.
    #[error("{} holds other files and no store; name an empty or a new directory", path.display())]
    NotAStore {
        /// The directory.
        path: PathBuf,
    },
    /// The directory cannot be used as a store.
    #[error(transparent)]
    Directory(Arc<unforget_fs::Error>),
    /// This process has the store open with another durability, limit of content or persistence of contexts.
    #[error("{} is open in this process with other options; open it with the same", path.display())]
    OptionsDiffer {
        /// The directory.
        path: PathBuf,
    },
    /// The memories failed.
    #[error(transparent)]
    Memory(#[from] unforget_memory::Error),
    /// The contexts failed.
    #[error(transparent)]
    Context(#[from] unforget_context::Error),
    /// Opening the store panicked; that is a fault of this library.
    #[error("opening the store panicked; please report it")]
    Panicked,
    /// The store was opened while it was being opened by the same thread.
    #[error("the store is being opened by this thread")]
    Reentrant,
}

impl Error {
    /// The database's error, if it is at the bottom of this one.
    pub fn database(&self) -> Option<&unforget_sqlite::Error> {
        match self {
            Self::Memory(unforget_memory::Error::Database(error)) => Some(error),
            Self::Context(unforget_context::Error::Store { source }) => source.downcast_ref(),
            _ => None,
        }
    }

    /// Tells whether the same call may succeed later without anything being mended.
    pub fn is_retryable(&self) -> bool {
        self.database().is_some_and(unforget_sqlite::Error::is_retryable)
    }
}

impl From<unforget_fs::Error> for Error {
    fn from(error: unforget_fs::Error) -> Self {
        Self::Directory(Arc::new(error))
    }
}

impl From<unforget_sqlite::Error> for Error {
    fn from(error: unforget_sqlite::Error) -> Self {
        Self::Memory(error.into())
    }
}
