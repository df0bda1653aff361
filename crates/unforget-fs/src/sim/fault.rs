//! Calls that fail on purpose.

use std::io;

/// The calls of a [`Disk`](crate::disk::Disk), for traces and faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is named after its call")]
#[non_exhaustive]
pub enum Call {
    OpenDir,
    Open,
    Entry,
    FileEntry,
    List,
    ReadLink,
    MakeDir,
    Rename,
    RenameNew,
    Exchange,
    Link,
    Unlink,
    ReadAt,
    WriteAt,
    Append,
    SetLen,
    SetOwner,
    SetMode,
    SyncAll,
    SyncData,
    SyncDir,
    TryLock,
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Failure {
    /// An input/output error (EIO). A sync that fails so has given up on what it should have written.
    Io,
    /// The disk is full (ENOSPC). A sync may find that out only now, and gives up like after [`Io`](Self::Io).
    NoSpace,
    /// The user has had the share of the disk that is allowed (EDQUOT); otherwise like
    /// [`NoSpace`](Self::NoSpace).
    Quota,
    /// The file system became read only (EROFS), as one does that found itself damaged. A sync that fails so
    /// gives up like after [`Io`](Self::Io).
    ReadOnly,
    /// A signal came first, and nothing was done (EINTR).
    Interrupted,
    /// Reads and writes do the first half; other calls are not affected.
    Short,
    /// Permission was denied (EACCES).
    Denied,
    /// Another program has the file open for a moment, as on Windows.
    Sharing,
    /// There is no such operation (ENOTSUP).
    Unsupported,
}

impl Failure {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Io,
        Self::NoSpace,
        Self::Quota,
        Self::ReadOnly,
        Self::Interrupted,
        Self::Short,
        Self::Denied,
        Self::Sharing,
        Self::Unsupported,
    ];

    /// What the caller is told; `None` where it is told of a success.
    pub(super) fn error(self) -> Option<io::Error> {
        Some(match self {
            Self::Io => io::Error::other("simulated input/output error"),
            Self::NoSpace => io::ErrorKind::StorageFull.into(),
            Self::Quota => io::ErrorKind::QuotaExceeded.into(),
            Self::ReadOnly => io::ErrorKind::ReadOnlyFilesystem.into(),
            Self::Interrupted => io::ErrorKind::Interrupted.into(),
            Self::Denied => io::ErrorKind::PermissionDenied.into(),
            Self::Sharing => io::ErrorKind::ResourceBusy.into(),
            Self::Unsupported => io::ErrorKind::Unsupported.into(),
            Self::Short => return None,
        })
    }

    /// Whether a sync that fails so has lost what it should have written.
    pub(super) fn gives_up(self) -> bool {
        matches!(self, Self::Io | Self::NoSpace | Self::Quota | Self::ReadOnly)
    }
}

/// A plan for one failure: which call, how, and how long it lasts.
///
/// # Examples
///
/// ```
/// use unforget_fs::sim::{Call, Failure, Fault};
///
/// let the_second_sync_fails = Fault::at(2, Failure::Io).only(Call::SyncAll);
/// let the_disk_dies_at_the_seventh_call = Fault::at(7, Failure::Io).for_ever();
/// # let _ = (the_second_sync_fails, the_disk_dies_at_the_seventh_call);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    left: u64,
    failure: Failure,
    lasts: bool,
    only: Option<Call>,
}

impl Fault {
    /// The `nth` call from now on fails once; the first is 1.
    pub const fn at(nth: u64, failure: Failure) -> Self {
        Self { left: nth, failure, lasts: false, only: None }
    }

    /// All calls after it fail as well.
    #[must_use]
    pub const fn for_ever(mut self) -> Self {
        self.lasts = true;
        self
    }

    /// Only calls of this kind are counted, and fail.
    #[must_use]
    pub const fn only(mut self, call: Call) -> Self {
        self.only = Some(call);
        self
    }

    /// Counts a call, and says how it fails.
    pub(super) fn count(&mut self, call: Call) -> Option<Failure> {
        if self.only.is_some_and(|only| only != call) {
            return None;
        }
        if self.left > 0 {
            self.left -= 1;
            return (self.left == 0).then_some(self.failure);
        }
        self.lasts.then_some(self.failure)
    }
}
