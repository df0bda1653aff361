//! What can go wrong with a server.

use std::io;

/// A specialised result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a server could not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The memory could not be opened or shut down.
    #[error(transparent)]
    Memory(#[from] unforget::Error),
    /// The process could not have threads or wait for signals.
    #[error("cannot start to serve")]
    Runtime(#[source] io::Error),
}
