//! What can go wrong with files, locks and directories, and what a person can do about it.

use std::io;
use std::path::{Path, PathBuf};

/// The reasons why a file operation or a lock was refused.
///
/// Every variant names the resource. A cause from the operating system is in [`source`](std::error::Error::source)
/// and not in the message, so that a printed chain says everything once.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The path is a symbolic link where none is accepted.
    #[error("{} is a symbolic link and is not followed; give the path that it points to", path.display())]
    Symlink {
        /// The link.
        path: PathBuf,
    },

    /// The path names something other than a regular file.
    #[error("{} is {found}, not a regular file; choose another path", path.display())]
    NotRegular {
        /// What was refused.
        path: PathBuf,
        /// What it is, as a noun phrase: "a directory", "a FIFO".
        found: &'static str,
    },

    /// The path names something other than a directory.
    #[error("{} is not a directory; choose another path or move it away", path.display())]
    NotDirectory {
        /// What was refused.
        path: PathBuf,
    },

    /// A file that only we should write has a second name.
    #[error("{} has {links} hard links, so another name reaches it; remove the others", path.display())]
    HardLinked {
        /// The name that was opened.
        path: PathBuf,
        /// How many names the file has.
        links: u64,
    },

    /// The file or directory belongs to another user.
    #[error("{} belongs to user {uid}; run as that user or choose another path", path.display())]
    ForeignOwner {
        /// What was refused.
        path: PathBuf,
        /// Its owner.
        uid: u32,
    },

    /// A directory that must be private is open to other users.
    #[error("{} is open to other users (mode {mode:04o}); run `chmod 700` on it if its content may be trusted", path.display())]
    Exposed {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },

    /// The file behind a held lock was removed or replaced by a program that did not hold it.
    #[error(
        "{} was removed or replaced while it was locked; what was done under the lock may overlap with another process; leave lock files alone",
        path.display()
    )]
    LockReplaced {
        /// The lock file.
        path: PathBuf,
    },

    /// The lock was opened before a `fork` and belongs to the parent process.
    #[error("{} was opened by process {opened_by} and cannot be used after fork; open it again in this process", path.display())]
    Forked {
        /// The lock file.
        path: PathBuf,
        /// The process that opened it.
        opened_by: u32,
    },

    /// The file system has no advisory locks, so nothing would be excluded.
    #[error("the file system of {} does not support locks; use a local file system", path.display())]
    LocksUnsupported {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The new content is visible, but it is not known to survive a power loss.
    ///
    /// Writing the same content again is the way to make it durable.
    #[error("{} was replaced, but syncing its directory failed, so the change may not survive a power loss; write it again", path.display())]
    CommittedNotDurable {
        /// The file that was replaced.
        path: PathBuf,
        /// What the sync of the directory said.
        source: io::Error,
    },

    /// The operating system refused an operation.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// What was tried, as a verb phrase: "open", "sync".
        operation: &'static str,
        /// What it was tried on.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// Names the operation and the path of a failed system call.
    pub(crate) fn io(operation: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        Self::Io { operation, path: path.to_owned(), source: source.into() }
    }
}
