//! What can stop a task before it has a verdict.

use std::error::Error as _;
use std::fmt::Write as _;
use std::path::PathBuf;

/// A task could not be carried out; a failing check is not an error but a verdict.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or directory of the workspace, or of the scratch copy, could not be used.
    #[error("cannot {operation} {path}")]
    Io {
        /// A verb.
        operation: &'static str,
        /// What it was done to.
        path: PathBuf,
        /// Why the system refused.
        source: std::io::Error,
    },
    /// Cargo could not describe the workspace.
    #[error("cannot read the workspace's manifests")]
    Metadata(#[source] cargo_metadata::Error),
    /// A command could not be started or waited for.
    #[error("cannot run `{command}`")]
    Start {
        /// The command as a person would type it.
        command: String,
        /// Why the system refused.
        source: std::io::Error,
    },
    /// A command that the task cannot do without failed.
    #[error("`{command}` failed")]
    Failed {
        /// The command as a person would type it.
        command: String,
    },
    /// A patch does not say what it protects or which check has to notice.
    #[error("{path}: {complaint}")]
    Patch {
        /// The patch file.
        path: PathBuf,
        /// What is missing or wrong.
        complaint: String,
    },
    /// Another process works in the scratch copy.
    #[error("{path} is locked: another `cargo xtask teeth` is running; wait for it or stop it")]
    Busy {
        /// The lock file.
        path: PathBuf,
    },
}

impl Error {
    pub(crate) fn io(
        operation: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { operation, path, source }
    }
}

/// The message followed by those of its sources.
pub(crate) fn with_sources(error: &Error) -> String {
    let mut message = format!("error: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        // Writing to a String cannot fail.
        let _ = write!(message, "\n  because: {cause}");
        source = cause.source();
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_of_an_error_is_printed_below_it() {
        let refused = std::io::Error::from(std::io::ErrorKind::NotFound);
        let message = with_sources(&Error::io("read", "a.rs")(refused));
        assert!(message.starts_with("error: cannot read a.rs\n  because: "), "{message}");
    }
}
