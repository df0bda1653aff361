//! The file that a replacement is written to before it gets its name.

use std::ffi::{OsStr, OsString};
use std::io;
use std::sync::Arc;

use crate::disk::{Disk, Entry, Open, Rename, uninterrupted, write_all_at};
use crate::{nonce, sharing};

/// Every temporary file begins so, whatever it will be renamed to: one prefix to sweep, and no name too long
/// because its target's name is long.
const PREFIX: &str = ".unforget-tmp-";

/// How many hexadecimal digits follow the prefix.
const DIGITS: usize = 16;

/// Names tried before giving up. A collision of 64 random bits does not happen; a sweeper that takes a file
/// between its creation and its lock may.
const NAMES_TRIED: u32 = 16;

/// A new file that is removed again unless it got its final name.
#[derive(Debug)]
pub(crate) struct Temp<D: Disk> {
    disk: D,
    dir: Arc<D::Dir>,
    name: OsString,
    /// Open to the end: a writeback error is reported once per open description, to the one that was open.
    file: D::File,
    /// What the file was when it was locked, until its attributes are changed.
    created: Option<Entry>,
    /// Whether the temporary name is still there, by all that is known here.
    is_named: bool,
}

impl<D: Disk> Temp<D> {
    /// Creates a private, empty, locked file in `dir`.
    ///
    /// The lock says "in use" to whoever sweeps orphans, and dies with this process.
    pub(crate) fn create(disk: &D, dir: &Arc<D::Dir>) -> io::Result<Self> {
        for _ in 0..NAMES_TRIED {
            let name = random_name();
            match uninterrupted(|| disk.open(dir, &name, Open::New)) {
                Ok(file) => {
                    let mut temp = Self::from_file(disk, dir, name, file);
                    if temp.claim()? {
                        return Ok(temp);
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(e),
            }
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, "every name that was tried was taken"))
    }

    /// Takes over a file that is open and called `name`.
    pub(crate) fn from_file(disk: &D, dir: &Arc<D::Dir>, name: OsString, file: D::File) -> Self {
        Self { disk: disk.clone(), dir: Arc::clone(dir), name, file, created: None, is_named: true }
    }

    /// Locks the file and sees that it still has its name.
    ///
    /// A sweeper may have locked and removed it in between. A file system without locks has no sweepers
    /// either.
    fn claim(&mut self) -> io::Result<bool> {
        if let Ok(false) = uninterrupted(|| self.disk.try_lock(&self.file)) {
            return Ok(false);
        }
        let entry = uninterrupted(|| self.disk.file_entry(&self.file))?;
        let has_its_name = entry.links() == 1;
        self.created = Some(entry);
        Ok(has_its_name)
    }

    /// Whether the temporary name still means this file.
    pub(crate) fn is_in_place(&self) -> io::Result<bool> {
        let open = uninterrupted(|| self.disk.file_entry(&self.file))?;
        let named = uninterrupted(|| self.disk.entry(&self.dir, &self.name))?;
        Ok(named.is_some_and(|named| named.id() == open.id()))
    }

    /// Writes all of `contents` to the beginning.
    pub(crate) fn write_all(&self, contents: &[u8]) -> io::Result<()> {
        write_all_at(&self.disk, &self.file, contents, 0)
    }

    /// Takes owner and mode from the file that will be replaced.
    ///
    /// The owner first: a change of owner clears set-user-id and set-group-id. It is only changed when it
    /// differs, so that an ordinary user who replaces an own file needs no privilege.
    pub(crate) fn copy_owner_and_mode(&mut self, old: &Entry) -> io::Result<()> {
        let own = match self.created.take() {
            Some(created) => created,
            None => uninterrupted(|| self.disk.file_entry(&self.file))?,
        };
        let keeps_owner = own.has_owner_of(old);
        if !keeps_owner {
            uninterrupted(|| self.disk.set_owner(&self.file, old.uid(), old.gid()))?;
        }
        if keeps_owner && own.mode() == old.mode() {
            return Ok(());
        }
        self.set_mode(old.mode())
    }

    /// Sets the permission bits.
    pub(crate) fn set_mode(&mut self, mode: u32) -> io::Result<()> {
        self.created = None;
        uninterrupted(|| self.disk.set_mode(&self.file, mode))
    }

    /// Makes content and attributes durable; nothing is written after it.
    pub(crate) fn sync(&self) -> io::Result<()> {
        uninterrupted(|| self.disk.sync_all(&self.file))
    }

    pub(crate) fn file(&self) -> &D::File {
        &self.file
    }

    pub(crate) fn name(&self) -> &OsStr {
        &self.name
    }

    /// Gives the file its final name, which loses whatever it named.
    pub(crate) fn rename_to(&mut self, name: &OsStr) -> io::Result<()> {
        let (disk, dir) = (&self.disk, &self.dir);
        sharing::retry(disk, || uninterrupted(|| disk.rename(dir, &self.name, name, Rename::Replace)))?;
        self.is_named = false;
        Ok(())
    }

    /// Gives the file its final name, and the temporary one to whatever had that, in one step.
    pub(crate) fn exchange_with(&self, name: &OsStr) -> io::Result<()> {
        let (disk, dir) = (&self.disk, &self.dir);
        sharing::retry(disk, || uninterrupted(|| disk.rename(dir, &self.name, name, Rename::Exchange)))
    }

    /// Leaves what has the temporary name by now.
    pub(crate) fn leave(&mut self) {
        self.is_named = false;
    }

    /// Gives the file its final name, which nothing has.
    ///
    /// Where that is no single step, a link is made first: at no moment is the new name that of another file
    /// or of half a file, and a crash in between leaves a second name with our prefix.
    pub(crate) fn rename_to_new(&mut self, name: &OsStr) -> io::Result<()> {
        let (disk, dir) = (&self.disk, &self.dir);
        match sharing::retry(disk, || uninterrupted(|| disk.rename(dir, &self.name, name, Rename::New))) {
            Err(e) if e.kind() == io::ErrorKind::Unsupported => {
                uninterrupted(|| disk.link(dir, &self.name, name))?;
                self.remove_name();
            }
            outcome => {
                outcome?;
                self.is_named = false;
            }
        }
        Ok(())
    }

    /// Nothing can be done about a failure here; the prefix lets a sweep find the file.
    fn remove_name(&mut self) {
        let (disk, dir) = (&self.disk, &self.dir);
        self.is_named = sharing::retry(disk, || uninterrupted(|| disk.unlink(dir, &self.name))).is_err();
    }
}

impl<D: Disk> Drop for Temp<D> {
    fn drop(&mut self) {
        if self.is_named {
            self.remove_name();
        }
    }
}

/// Whether a name is one that only temporary files of this crate have.
pub(crate) fn is_temporary(name: &OsStr) -> bool {
    let digits = name.as_encoded_bytes().strip_prefix(PREFIX.as_bytes());
    digits.is_some_and(|digits| digits.len() == DIGITS && digits.iter().all(u8::is_ascii_hexdigit))
}

fn random_name() -> OsString {
    format!("{PREFIX}{:016x}", nonce::random()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{RealDir, RealDisk};

    #[test]
    fn names_have_the_prefix_and_sixteen_hex_digits_and_differ() {
        let first = random_name();
        assert!(is_temporary(&first), "{}", first.display());
        assert_ne!(random_name(), first, "two names are different");
        for other in ["", PREFIX, "file", ".unforget-tmp-0123456789abcde", ".unforget-tmp-0123456789abcdefg"]
        {
            assert!(!is_temporary(OsStr::new(other)), "{other} may be somebody's file");
        }
    }

    #[test]
    fn a_dropped_file_is_gone_and_a_renamed_one_stays() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let dir = Arc::new(RealDir::open(root.path()).expect("it opens"));
        drop(Temp::create(&RealDisk, &dir).expect("a file"));
        assert!(dir.is_empty().expect("readable"), "an abandoned file leaves nothing");
        Temp::create(&RealDisk, &dir)
            .and_then(|mut temp| temp.rename_to(OsStr::new("kept")))
            .expect("renamed");
        Temp::create(&RealDisk, &dir)
            .and_then(|mut temp| temp.rename_to_new(OsStr::new("too")))
            .expect("new");
        let taken = Temp::create(&RealDisk, &dir).and_then(|mut temp| temp.rename_to_new(OsStr::new("too")));
        assert_eq!(taken.map_err(|e| e.kind()), Err(io::ErrorKind::AlreadyExists));
        let mut names: Vec<_> = root.path().read_dir().unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["kept", "too"]);
    }
}
