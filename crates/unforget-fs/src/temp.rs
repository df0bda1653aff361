//! The file that a replacement is written to before it gets its name.

use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io::{self, Write};

use crate::dir::{self, Dir, Entry};
use crate::nonce;

/// Every temporary file begins so, whatever it will be renamed to: one prefix to sweep, and no name too long
/// because its target's name is long.
const PREFIX: &str = ".unforget-tmp-";

/// Names tried before giving up. A collision of 64 random bits does not happen; a sweeper that takes a file
/// between its creation and its lock may.
const NAMES_TRIED: u32 = 16;

/// A new file that is removed again unless it was renamed.
#[derive(Debug)]
pub(crate) struct Temp<'dir> {
    dir: &'dir Dir,
    name: OsString,
    /// Open to the end: a writeback error is reported once per open description, to the one that was open.
    file: File,
    renamed: bool,
}

impl<'dir> Temp<'dir> {
    /// Creates a private, empty, locked file in `dir`.
    ///
    /// The lock says "in use" to whoever sweeps orphans, and dies with this process.
    pub(crate) fn create(dir: &'dir Dir) -> io::Result<Self> {
        for _ in 0..NAMES_TRIED {
            let name = random_name();
            match dir.create_new(&name) {
                Ok(file) => {
                    let temp = Self { dir, name, file, renamed: false };
                    if temp.is_claimed()? {
                        return Ok(temp);
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(e),
            }
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, "every name that was tried was taken"))
    }

    /// Locks the file and sees that it still has its name.
    ///
    /// A sweeper may have locked and removed it in between. A file system without locks has no sweepers
    /// either.
    fn is_claimed(&self) -> io::Result<bool> {
        match self.file.try_lock() {
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(_)) | Ok(()) => {}
        }
        Ok(dir::entry_of(&self.file)?.links() == 1)
    }

    /// Writes all of `contents`; short writes and interruptions are continued.
    pub(crate) fn write_all(&self, contents: &[u8]) -> io::Result<()> {
        (&self.file).write_all(contents)
    }

    /// Takes owner and mode from the file that will be replaced.
    pub(crate) fn copy_owner_and_mode(&self, old: &Entry) -> io::Result<()> {
        dir::copy_owner_and_mode(&self.file, old)
    }

    /// Sets the permission bits.
    pub(crate) fn set_mode(&self, mode: u32) -> io::Result<()> {
        dir::set_mode(&self.file, mode)
    }

    /// The open file, for the sync; nothing is written after it.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Gives the file its final name.
    pub(crate) fn rename_to(mut self, name: &OsStr) -> io::Result<()> {
        self.dir.rename(&self.name, name)?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for Temp<'_> {
    fn drop(&mut self) {
        if !self.renamed {
            // Nothing can be done about a failure here; the prefix lets a sweep find the file.
            let _ = self.dir.unlink(&self.name);
        }
    }
}

fn random_name() -> OsString {
    format!("{PREFIX}{}", nonce::random_hex()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_prefix_and_sixteen_hex_digits_and_differ() {
        let first = random_name().into_string().expect("the name is ASCII");
        let digits = first.strip_prefix(".unforget-tmp-").expect("the prefix that a sweep looks for");
        assert_eq!(digits.len(), 16, "{first}");
        assert!(digits.bytes().all(|b| b.is_ascii_hexdigit()), "{first}");
        assert_ne!(random_name().into_string().as_deref(), Ok(first.as_str()), "two names are different");
    }

    #[test]
    fn a_dropped_file_is_gone_and_a_renamed_one_stays() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let dir = Dir::open(root.path()).expect("it opens");
        drop(Temp::create(&dir).expect("a file"));
        assert!(dir.is_empty().expect("readable"), "an abandoned file leaves nothing");
        Temp::create(&dir).and_then(|temp| temp.rename_to(OsStr::new("kept"))).expect("a renamed file");
        let names: Vec<_> = root.path().read_dir().unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["kept"]);
    }
}
