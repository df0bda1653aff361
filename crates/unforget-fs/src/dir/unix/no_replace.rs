//! Renaming to a name that nothing has, and renaming two files to each other's name.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;

/// One step of the kernel; whether a file system takes part is known only by asking it.
#[cfg(any(target_vendor = "apple", target_os = "linux", target_os = "android"))]
pub(super) fn rename(dir: &OwnedFd, from: &OsStr, to: &OsStr) -> io::Result<()> {
    use rustix::fs::RenameFlags;
    use rustix::io::Errno;

    let device = i128::from(rustix::fs::fstat(dir)?.st_dev);
    if answers::is_refused(device) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    match rustix::fs::renameat_with(dir, from, dir, to, RenameFlags::NOREPLACE) {
        Err(e @ (Errno::INVAL | Errno::NOSYS | Errno::NOTSUP)) => {
            answers::note_refusal(device);
            Err(io::Error::new(io::ErrorKind::Unsupported, io::Error::from(e)))
        }
        outcome => Ok(outcome?),
    }
}

#[cfg(not(any(target_vendor = "apple", target_os = "linux", target_os = "android")))]
pub(super) fn rename(_dir: &OwnedFd, _from: &OsStr, _to: &OsStr) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// As [`rename`]; asked each time, since who exchanges does it seldom.
#[cfg(any(target_vendor = "apple", target_os = "linux", target_os = "android"))]
pub(super) fn exchange(dir: &OwnedFd, from: &OsStr, to: &OsStr) -> io::Result<()> {
    use rustix::fs::RenameFlags;
    use rustix::io::Errno;

    match rustix::fs::renameat_with(dir, from, dir, to, RenameFlags::EXCHANGE) {
        // Sandboxes answer calls that they do not know with EPERM; where it means the file, a renaming gets it too.
        Err(e @ (Errno::INVAL | Errno::NOSYS | Errno::NOTSUP | Errno::PERM)) => {
            Err(io::Error::new(io::ErrorKind::Unsupported, io::Error::from(e)))
        }
        outcome => Ok(outcome?),
    }
}

#[cfg(not(any(target_vendor = "apple", target_os = "linux", target_os = "android")))]
pub(super) fn exchange(_dir: &OwnedFd, _from: &OsStr, _to: &OsStr) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The file systems that said no, so that each is asked once.
#[cfg(any(target_vendor = "apple", target_os = "linux", target_os = "android"))]
mod answers {
    use std::sync::{Mutex, PoisonError};

    /// A process that meets more file systems than this asks the others every time.
    const REMEMBERED: usize = 64;

    static REFUSED: Mutex<Vec<i128>> = Mutex::new(Vec::new());

    pub(super) fn is_refused(device: i128) -> bool {
        REFUSED.lock().unwrap_or_else(PoisonError::into_inner).contains(&device)
    }

    pub(super) fn note_refusal(device: i128) {
        let mut refused = REFUSED.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.len() < REMEMBERED {
            refused.push(device);
        }
    }
}

#[cfg(any(target_vendor = "apple", target_os = "linux", target_os = "android"))]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{RealDir, RealDisk};
    use crate::{Disk, Error, ReplaceOptions, create_new};

    #[test]
    fn a_file_system_that_refused_is_not_asked_again_and_files_are_created_by_a_link() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let dir = RealDir::open(root.path()).expect("it opens");
        let here = RealDisk.entry(&dir, OsStr::new(".")).expect("readable").expect("it is there");
        // From here on, the other tests of this process create their files by a link too.
        answers::note_refusal(here.id().device);
        let refused = dir.rename_new(OsStr::new("missing"), OsStr::new("other"));
        assert_eq!(refused.map_err(|e| e.kind()), Err(io::ErrorKind::Unsupported));
        let path = root.path().join("file");
        create_new(&path, b"new", &ReplaceOptions::new()).expect("a link does it");
        let again = create_new(&path, b"again", &ReplaceOptions::new());
        assert!(matches!(again, Err(Error::AlreadyExists { .. })), "{again:?}");
        assert_eq!(std::fs::read(&path).expect("it is there"), b"new");
        assert_eq!(dir.list(10).expect("readable"), ["file"], "the other name is gone");
    }
}
