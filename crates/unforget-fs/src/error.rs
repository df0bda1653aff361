//! What can go wrong with files, locks and directories, and what a person can do about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{JournalError, Owner};

/// The reasons why a file operation or a lock was refused.
///
/// Every variant names the resource. A cause from the operating system is in
/// [`source`](std::error::Error::source) and not in the message, so that a printed chain says everything
/// once.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process, or another thread that was faster, holds the lock.
    #[error(
        "{} is locked by {}; waited {:.1} s; wait for it to finish, or end it",
        path.display(), Holder(holder.as_deref()), waited.as_secs_f64()
    )]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// Who holds it by its own record, if that could be read.
        holder: Option<Box<Owner>>,
        /// How long the lock was waited for.
        waited: Duration,
    },

    /// This process holds the lock already, so waiting would last for ever.
    #[error("{} is already locked by this process; release that guard first", path.display())]
    HeldHere {
        /// The lock file.
        path: PathBuf,
    },

    /// The file at the path of a lock has content that no lock wrote.
    #[error(
        "{} has content that is not a lock record and is not overwritten; \
         move it away or choose another path",
        path.display()
    )]
    ForeignContent {
        /// What was refused.
        path: PathBuf,
    },

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

    /// The name of a file that had to be new is taken.
    #[error("{} exists already and was left as it is; choose another path", path.display())]
    AlreadyExists {
        /// What has the name.
        path: PathBuf,
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
    #[error(
        "{} is open to other users (mode {mode:04o}); choose another one, or, if it is yours \
         alone and its content may be trusted, run `chmod 700` on it",
        path.display()
    )]
    Exposed {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },

    /// The file behind a held lock was removed or replaced by a program that did not hold it.
    #[error(
        "{} was removed or replaced while it was locked; \
         what was done under the lock may overlap with another process; leave lock files alone",
        path.display()
    )]
    LockReplaced {
        /// The lock file.
        path: PathBuf,
    },

    /// The lock was opened before a `fork` and belongs to the parent process.
    #[error(
        "{} was opened by process {opened_by} and cannot be used after fork; open it again in this process",
        path.display()
    )]
    Forked {
        /// The lock file.
        path: PathBuf,
        /// The process that opened it.
        opened_by: u32,
    },

    /// A lease ran out, or somebody took it over, before it was renewed or released.
    #[error(
        "the lease {} was lost{}; what was done since its last renewal may overlap with another process; \
         take it again",
        path.display(), Successor(holder.as_deref())
    )]
    LeaseLost {
        /// The file of the lease.
        path: PathBuf,
        /// Who has it now, if anybody has.
        holder: Option<Box<Owner>>,
    },

    /// The file system has no advisory locks, so nothing would be excluded.
    ///
    /// Nothing is done in their place: programs that lock in different ways do not exclude each other, so all
    /// of them have to change to a [`DotLock`](crate::DotLock) at once, and only their authors can.
    #[error(
        "the file system of {} has no locks; put the file on a local file system, \
         or let every program that uses it take a `DotLock` on it",
        path.display()
    )]
    LocksUnsupported {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The new content is visible, but it is not known to survive a power loss.
    ///
    /// Writing the same content again is the way to make it durable.
    #[error(
        "{} was replaced, but syncing its directory failed, so the change may not survive a power loss; \
         write it again",
        path.display()
    )]
    CommittedNotDurable {
        /// The file that was replaced.
        path: PathBuf,
        /// What the sync of the directory said.
        source: io::Error,
    },

    /// Some of several files were replaced, and then one could not be.
    ///
    /// Each file is the old or the new one, whole. Of those that were replaced it is not known whether they
    /// survive a power loss.
    #[error(
        "{} could not be replaced, after {} other files had been; write all of them again",
        path.display(), replaced.len()
    )]
    PartlyReplaced {
        /// The files that have their new content.
        replaced: Vec<PathBuf>,
        /// The file that has its old content, as those after it have.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// An earlier sync of new content failed, and what it should have written may be lost.
    ///
    /// A later sync of the same file would succeed and prove nothing.
    #[error("the new content of {} was not synced and may be lost; write it again to a new file", path.display())]
    Untrusted {
        /// The file that was to be replaced, and was not.
        path: PathBuf,
    },

    /// A journal was refused, or what was appended to it is not certain.
    #[error(transparent)]
    Journal(#[from] JournalError),

    /// The operating system refused an operation.
    #[error("cannot {operation} {}{}", path.display(), remedy(source.kind()))]
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
    /// Whether nothing was changed and the same call may succeed later.
    ///
    /// False for [`HeldHere`](Self::HeldHere), which only another guard of this process can end, and for
    /// [`CommittedNotDurable`](Self::CommittedNotDurable) and [`PartlyReplaced`](Self::PartlyReplaced), after
    /// which something is already new.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Locked { .. } => true,
            Self::Io { source, .. } => is_transient(source.kind()),
            Self::HeldHere { .. }
            | Self::ForeignContent { .. }
            | Self::Symlink { .. }
            | Self::NotRegular { .. }
            | Self::AlreadyExists { .. }
            | Self::NotDirectory { .. }
            | Self::HardLinked { .. }
            | Self::ForeignOwner { .. }
            | Self::Exposed { .. }
            | Self::LockReplaced { .. }
            | Self::Forked { .. }
            | Self::LeaseLost { .. }
            | Self::LocksUnsupported { .. }
            | Self::PartlyReplaced { .. }
            | Self::Untrusted { .. }
            | Self::CommittedNotDurable { .. }
            | Self::Journal(_) => false,
        }
    }

    /// Names the operation and the path of a failed system call.
    pub(crate) fn io(operation: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        Self::Io { operation, path: path.to_owned(), source: source.into() }
    }
}

fn is_transient(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{Interrupted, QuotaExceeded, ResourceBusy, StorageFull, TimedOut, WouldBlock};
    matches!(kind, Interrupted | QuotaExceeded | ResourceBusy | StorageFull | TimedOut | WouldBlock)
}

/// What a person can do about what no retry will change; the cause itself is in the source.
fn remedy(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::StorageFull => "; free some space on its file system",
        io::ErrorKind::QuotaExceeded => "; free some space or raise the quota",
        io::ErrorKind::FileTooLarge => "; raise the limit on the size of files (`ulimit -f`) or write less",
        io::ErrorKind::ReadOnlyFilesystem => "; choose a path on a file system that can be written to",
        _ => "",
    }
}

struct Holder<'a>(Option<&'a Owner>);

impl fmt::Display for Holder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(owner) => owner.fmt(f),
            None => f.write_str("a process that left no record"),
        }
    }
}

struct Successor<'a>(Option<&'a Owner>);

impl fmt::Display for Successor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(owner) => write!(f, " to {owner}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAUSE: &str = "the cause";

    fn cause(kind: io::ErrorKind) -> io::Error {
        io::Error::new(kind, CAUSE)
    }

    /// Every variant, and whether trying again is worth it.
    fn every_variant() -> Vec<(Error, bool)> {
        let path = PathBuf::from("/store/file");
        let holder = Some(Box::new(Owner::this_process(None)));
        let io = |kind| Error::io("sync", Path::new("/store/file"), cause(kind));
        vec![
            (Error::Locked { path: path.clone(), holder, waited: Duration::from_millis(2500) }, true),
            (Error::Locked { path: path.clone(), holder: None, waited: Duration::ZERO }, true),
            (Error::HeldHere { path: path.clone() }, false),
            (Error::ForeignContent { path: path.clone() }, false),
            (Error::Symlink { path: path.clone() }, false),
            (Error::NotRegular { path: path.clone(), found: "a FIFO" }, false),
            (Error::AlreadyExists { path: path.clone() }, false),
            (Error::NotDirectory { path: path.clone() }, false),
            (Error::HardLinked { path: path.clone(), links: 2 }, false),
            (Error::ForeignOwner { path: path.clone(), uid: 12 }, false),
            (Error::Exposed { path: path.clone(), mode: 0o755 }, false),
            (Error::LockReplaced { path: path.clone() }, false),
            (Error::Forked { path: path.clone(), opened_by: 12 }, false),
            (Error::LeaseLost { path: path.clone(), holder: None }, false),
            (
                Error::LocksUnsupported { path: path.clone(), source: cause(io::ErrorKind::Unsupported) },
                false,
            ),
            (
                Error::PartlyReplaced {
                    replaced: vec!["/store/a".into()],
                    path: path.clone(),
                    source: cause(io::ErrorKind::StorageFull),
                },
                false,
            ),
            (Error::Untrusted { path: path.clone() }, false),
            (Error::CommittedNotDurable { path, source: cause(io::ErrorKind::Other) }, false),
            (JournalError::Stopped { path: "/store/file".into() }.into(), false),
            (io(io::ErrorKind::StorageFull), true),
            (io(io::ErrorKind::ResourceBusy), true),
            (io(io::ErrorKind::PermissionDenied), false),
            (io(io::ErrorKind::Other), false),
        ]
    }

    #[test]
    fn a_message_names_the_path_and_leaves_the_cause_to_the_source() {
        for (error, _) in every_variant() {
            let shown = error.to_string();
            assert!(shown.contains("/store/file"), "{shown}");
            assert!(!shown.contains(CAUSE), "a chain of causes would say it twice: {shown}");
            assert!(!shown.contains("Some(") && !shown.contains('{'), "no debug output: {shown}");
        }
    }

    #[test]
    fn only_what_may_pass_by_itself_is_retryable() {
        for (error, retryable) in every_variant() {
            assert_eq!(error.is_retryable(), retryable, "{error:?}");
        }
    }

    #[test]
    fn where_there_are_no_locks_the_way_out_is_named_with_the_place() {
        let source = cause(io::ErrorKind::Unsupported);
        let error = Error::LocksUnsupported { path: "/mnt/share/x.lock".into(), source };
        assert_eq!(
            error.to_string(),
            "the file system of /mnt/share/x.lock has no locks; put the file on a local file system, \
             or let every program that uses it take a `DotLock` on it"
        );
    }

    #[test]
    fn a_lock_says_who_has_it_and_how_long_it_was_waited_for() {
        let errors: Vec<_> = every_variant().into_iter().map(|(error, _)| error.to_string()).collect();
        let us = format!("is locked by process {} (", std::process::id());
        assert!(errors[0].contains(&us) && errors[0].contains("waited 2.5 s"), "{}", errors[0]);
        assert!(errors[1].contains("left no record"), "{}", errors[1]);
    }
}
