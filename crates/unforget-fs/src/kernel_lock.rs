//! The kernel's whole-file locks, with interruptions retried.
//!
//! They belong to an open file description: they die with the last descriptor of it, however the process
//! ends, and a second open of the same file in the same process conflicts like one in another process.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

use crate::Error;

/// Takes the lock if it is free.
pub(crate) fn try_lock(file: &File, path: &Path) -> Result<bool, Error> {
    attempt(|| file.try_lock(), path)
}

/// Takes the lock together with others that share it, if nobody has it for itself.
pub(crate) fn try_lock_shared(file: &File, path: &Path) -> Result<bool, Error> {
    attempt(|| file.try_lock_shared(), path)
}

fn attempt(call: impl Fn() -> Result<(), TryLockError>, path: &Path) -> Result<bool, Error> {
    loop {
        match call() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(e)) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(TryLockError::Error(e)) => return Err(lock_error(path, e)),
        }
    }
}

/// Waits in the kernel until the lock is free, and takes it.
pub(crate) fn lock(file: &File, path: &Path) -> Result<(), Error> {
    loop {
        match file.lock() {
            Ok(()) => return Ok(()),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(lock_error(path, e)),
        }
    }
}

/// Gives the lock back, also for copies of the descriptor that a child process still has.
///
/// Closing alone would leave the lock to a child between its `fork` and its `exec`.
pub(crate) fn unlock(file: &File) {
    // An unlock fails only for a descriptor that is not open, and this one is; closing it unlocks in any
    // case.
    let _ = file.unlock();
}

pub(crate) fn lock_error(path: &Path, source: io::Error) -> Error {
    if is_unsupported(&source) {
        return Error::LocksUnsupported { path: path.to_owned(), source };
    }
    Error::io("lock", path, source)
}

fn is_unsupported(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported || has_no_server(error)
}

/// ENOLCK, of a network file system whose lock service is not there; it has no kind of its own.
#[cfg(unix)]
fn has_no_server(error: &io::Error) -> bool {
    rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::NOLCK)
}

#[cfg(not(unix))]
fn has_no_server(_error: &io::Error) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn a_file_system_without_locks_is_told_apart() {
        let path = Path::new("/mnt/share/file.lock");
        for errno in [Errno::NOLCK, Errno::OPNOTSUPP, Errno::NOSYS] {
            let error = lock_error(path, errno.into());
            assert!(matches!(error, Error::LocksUnsupported { .. }), "{error:?}");
        }
        let error = lock_error(path, Errno::BADF.into());
        assert!(matches!(error, Error::Io { operation: "lock", .. }), "{error:?}");
    }
}
