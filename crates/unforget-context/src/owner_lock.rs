//! The right to write the contexts of a directory, as a lock between processes.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use unforget_fs::{LockFile, LockOptions, SharedLock};

use crate::{Error, Ownership, Result};

/// The file `owner.lock` of a store's directory: shared by all who commit each change, exclusive for an owner.
///
/// The lock is the kernel's and ends with its process, however that ends; nobody waits for it, so two handles of one
/// process refuse each other like two processes.
///
/// ```
/// use unforget_context::{Error, OwnerLock};
///
/// # let directory = tempfile::tempdir().unwrap();
/// let lock = OwnerLock::in_directory(directory.path());
/// let owner = lock.own()?;
/// assert!(matches!(OwnerLock::in_directory(directory.path()).share(), Err(Error::InUse { .. })));
/// drop(owner);
/// lock.share()?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct OwnerLock {
    path: PathBuf,
    /// Shared from the first commit on, whether or not whoever commits has said that it will.
    committing: OnceLock<SharedLock>,
}

impl OwnerLock {
    /// The lock of the store in `directory`. Nothing is locked yet.
    pub fn in_directory(directory: &Path) -> Self {
        Self { path: directory.join("owner.lock"), committing: OnceLock::new() }
    }

    /// Shares the right to write.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`] names the owner: its process, since when and on which machine.
    pub fn share(&self) -> Result<Ownership> {
        SharedLock::try_acquire(&self.path).map(Ownership::new).map_err(refusal)
    }

    /// Takes the right to write for one alone.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`]. An owner is named; those who share leave no record, so it is only said that there are some.
    pub fn own(&self) -> Result<Ownership> {
        LockFile::try_acquire(&self.path, &LockOptions::default()).map(Ownership::new).map_err(refusal)
    }

    /// Shares the right to write for as long as this exists: before a change is committed.
    ///
    /// # Errors
    ///
    /// As [`share`](Self::share).
    pub fn commit(&self) -> Result<()> {
        if self.committing.get().is_none() {
            let shared = SharedLock::try_acquire(&self.path).map_err(refusal)?;
            // Another thread may have been faster; one is enough.
            let _ = self.committing.set(shared);
        }
        Ok(())
    }
}

fn refusal(error: unforget_fs::Error) -> Error {
    match error {
        unforget_fs::Error::Locked { .. } | unforget_fs::Error::HeldHere { .. } => {
            Error::InUse { holder: error.to_string() }
        }
        other => Error::store(other),
    }
}
