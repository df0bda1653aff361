//! What can go wrong with a memory.

use std::path::PathBuf;
use std::sync::Arc;

/// A specialised result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a memory could not be stored or found.
///
/// Whatever the variant, nothing was changed, with one exception: a
/// [`Database`](unforget_sqlite::Error::OutcomeUnknown) error that says so.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A field of the input cannot be taken as it is.
    #[error("field `{field}` {problem}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
    /// A field of the input is larger than the store takes.
    #[error("field `{field}` has {bytes} bytes; at most {limit} are allowed")]
    TooLarge {
        /// The field.
        field: &'static str,
        /// Its size.
        bytes: usize,
        /// The largest size that is allowed.
        limit: usize,
    },
    /// A list of the input has more items than the store takes at once.
    #[error("field `{field}` has {items} items; at most {limit} are allowed, so send them in several calls")]
    TooMany {
        /// The field.
        field: &'static str,
        /// How many there are.
        items: usize,
        /// The largest number that is allowed.
        limit: usize,
    },
    /// The graph has no entity of that name.
    #[error("Entity with name {name} not found")]
    EntityNotFound {
        /// The name.
        name: String,
    },
    /// A file could not be read.
    #[error("cannot read line {line} of the file: {reason}")]
    Unreadable {
        /// The line that was being read, counted from 1.
        line: u64,
        /// What the system said.
        reason: String,
    },
    /// This user's turn of that id is stored already, in that layer.
    #[error("turn `{turn_id}` is stored already in layer `{layer}`; leave out the id to get a new one")]
    Duplicate {
        /// The id.
        turn_id: String,
        /// The layer.
        layer: String,
    },
    /// Another user has a turn of that id.
    #[error("turn id `{turn_id}` belongs to another user; leave out the id to get a new one")]
    ForeignTurn {
        /// The id.
        turn_id: String,
    },
    /// The query holds no word to look for.
    #[error("the query holds no word to look for; give at least one letter or digit")]
    EmptyQuery,
    /// The operating system has no random numbers for a new turn id.
    #[error("no random numbers for a turn id: {reason}")]
    Random {
        /// What the system said.
        reason: String,
    },
    /// A file of a mirror could not be used.
    #[error(transparent)]
    File(Arc<unforget_fs::Error>),
    /// Other programs changed the file of a mirror again and again while it was being read.
    #[error("{} is changed by other programs all the time, so it will show the changes later", path.display())]
    MirrorContended {
        /// The file.
        path: PathBuf,
    },
    /// The database failed.
    #[error(transparent)]
    Database(#[from] unforget_sqlite::Error),
}

impl From<unforget_fs::Error> for Error {
    fn from(source: unforget_fs::Error) -> Self {
        Self::File(Arc::new(source))
    }
}

impl From<rusqlite::Error> for Error {
    fn from(source: rusqlite::Error) -> Self {
        Self::Database(source.into())
    }
}
