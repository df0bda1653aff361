//! What can go wrong with a context.

use std::sync::Arc;

/// A specialised result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a context could not be read or changed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The key is empty, too long, or holds control characters.
    #[error("the context key {problem}")]
    InvalidKey {
        /// What is wrong with it, and the limit.
        problem: String,
    },
    /// There is no context of this key.
    #[error("there is no context `{key}`; create it first")]
    NotFound {
        /// The key.
        key: String,
    },
    /// There is a context of this key already.
    #[error("context `{key}` exists already, with revision {revision}; update it instead")]
    AlreadyExists {
        /// The key.
        key: String,
        /// The revision it has.
        revision: u64,
    },
    /// The context has another revision than the change was made for.
    #[error("context `{key}` has revision {found}, not {expected}; read it again and repeat the change")]
    Conflict {
        /// The key.
        key: String,
        /// The revision the caller knew.
        expected: u64,
        /// The revision it has; 0 if there is none.
        found: u64,
    },
    /// The stored value is not one of this type; another version of the program may have written it.
    #[error("context `{key}` holds a value this program does not understand: {reason}")]
    Undecodable {
        /// The key.
        key: String,
        /// What the decoder said.
        reason: String,
    },
    /// The new value cannot be stored.
    #[error("the new value of context `{key}` cannot be stored: {reason}")]
    Unencodable {
        /// The key.
        key: String,
        /// What the encoder said.
        reason: String,
    },
    /// Others have the contexts open in a way that excludes this one.
    #[error("the contexts cannot be opened in this way while others have them open: {holder}")]
    InUse {
        /// Who, since when and where, as far as it can be told.
        holder: String,
    },
    /// A change was asked for inside the closure of another one.
    #[error(
        "a context cannot be changed inside a change; return from the closure first, and change it afterwards"
    )]
    Reentrant,
    /// The store has no owners, so contexts cannot be changed before they are stored.
    #[error("this context store cannot be owned; open it as `Committed`")]
    NotOwnable,
    /// The contexts were opened before a `fork`, and are the parent's to save.
    #[error(
        "the contexts were opened by process {opened_by} and are saved by it alone; after a fork open them again"
    )]
    Forked {
        /// The process that opened them.
        opened_by: u32,
    },
    /// The contexts were shut down.
    #[error("the contexts were shut down; open them again")]
    Closed,
    /// Some changes are published and not stored; they stay in memory and are tried again.
    #[error("{keys} changed contexts are not stored yet; they are kept in memory and tried again")]
    Unsaved {
        /// How many contexts.
        keys: usize,
        /// Why the last attempt failed, if one did.
        #[source]
        last: Option<Arc<Error>>,
    },
    /// The store could not be reached or refused; nothing was changed unless the source says otherwise.
    #[error("the context store failed")]
    Store {
        /// What the store said.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// Wraps what a store reports.
    pub fn store(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Store { source: Arc::new(source) }
    }

    /// The one context that cannot be saved as it is; others can.
    pub(crate) fn refused_key(&self) -> Option<&str> {
        match self {
            Self::Conflict { key, .. } | Self::Unencodable { key, .. } | Self::Undecodable { key, .. } => {
                Some(key)
            }
            _ => None,
        }
    }

    /// Tells whether the same change may succeed when it is made again on the current value.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict { .. })
    }
}
