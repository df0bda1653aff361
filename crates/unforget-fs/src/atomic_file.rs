//! A new file that is written piece by piece and then takes the place of the old one.

mod commit_error;

use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::dir;
use crate::disk::{Disk, Open, RealDisk, uninterrupted};
use crate::replace::Target;
use crate::temp::Temp;
use crate::{Error, ReplaceOptions, own_file};

pub use commit_error::CommitError;

/// The next content of a file, written in as many pieces as it takes.
///
/// Until [`commit`](Self::commit) the old file is as it was; dropped without it, the new content is removed.
/// What [`replace`](crate::replace) promises about links, owner, mode and crashes holds here too.
///
/// It differs from [`replace`](crate::replace) in one thing: the content is not kept in memory, so a sync that
/// failed cannot be answered with a new file. [`Error::Untrusted`] says so, and the caller begins again.
///
/// Writes go to the system one by one; wrap it in a [`BufWriter`](io::BufWriter) for many small ones, and get
/// it back by [`into_inner`](io::BufWriter::into_inner).
///
/// # Examples
///
/// ```
/// use std::io::Write;
/// use unforget_fs::{AtomicFile, ReplaceOptions};
///
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("export.csv");
/// let mut file = AtomicFile::create(&path, &ReplaceOptions::default())?;
/// for row in 0..3 {
///     writeln!(file, "{row},{}", row * row)?;
/// }
/// assert!(!path.exists(), "nobody sees a part of it");
/// file.commit()?;
/// assert_eq!(std::fs::read_to_string(&path)?, "0,0\n1,1\n2,4\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "what was written is removed unless it is committed"]
pub struct AtomicFile<D: Disk = RealDisk> {
    target: Target<D>,
    temp: Temp<D>,
    position: u64,
    progress: Progress,
}

/// How far the new content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Something was written since the last sync.
    Written,
    /// Everything is durable, as far as that was asked for.
    Synced,
    /// A sync failed. What it should have written may be lost, and no later sync would say so.
    Untrusted,
}

impl AtomicFile {
    /// Begins new content for `path`, which need not exist.
    ///
    /// # Errors
    ///
    /// As [`replace`](crate::replace) before its first write.
    pub fn create(path: &Path, options: &ReplaceOptions) -> Result<Self, Error> {
        Self::create_on(&RealDisk, path, *options)
    }

    /// Takes over a file that another library wrote, to give it the name `path`: a database backup, say.
    ///
    /// It has to be a regular file of this user without other names, in the directory of `path`, and the
    /// library has to be done with it. From here on it is a temporary file: dropped without
    /// [`commit`](Self::commit), it is removed. After an error it is left alone.
    ///
    /// A process that dies before this call leaves the file behind. A library that writes to a file that
    /// exists already is better given the [`temporary_path`](Self::temporary_path) of a new `AtomicFile`, which
    /// [`sweep_orphans`](crate::sweep_orphans) finds.
    ///
    /// # Errors
    ///
    /// [`Error::Symlink`], [`Error::NotRegular`], [`Error::HardLinked`], [`Error::ForeignOwner`];
    /// [`Error::Locked`] if it is locked; [`Error::Io`], also if it is in another directory.
    pub fn adopt(written: &Path, path: &Path, options: &ReplaceOptions) -> Result<Self, Error> {
        Self::adopt_on(&RealDisk, written, path, *options)
    }
}

impl<D: Disk> AtomicFile<D> {
    pub(crate) fn create_on(disk: &D, path: &Path, options: ReplaceOptions) -> Result<Self, Error> {
        let target = Target::resolve(disk, path, options)?;
        let temp = target.create_temp()?;
        Ok(Self { target, temp, position: 0, progress: Progress::Written })
    }

    pub(crate) fn adopt_on(
        disk: &D,
        written: &Path,
        path: &Path,
        options: ReplaceOptions,
    ) -> Result<Self, Error> {
        let target = Target::resolve(disk, path, options)?;
        let (place, name) = dir::open_parent(disk, written)?;
        if !target.is_in(&place).map_err(|e| Error::io("look at the directory of", written, e))? {
            let elsewhere = io::Error::new(io::ErrorKind::CrossesDevices, "it is in another directory");
            return Err(Error::io("adopt", written, elsewhere));
        }
        if name == target.name() {
            let itself = io::Error::new(io::ErrorKind::InvalidInput, "it is the file to be replaced");
            return Err(Error::io("adopt", written, itself));
        }
        let file = uninterrupted(|| disk.open(target.dir(), &name, Open::Write))
            .map_err(|e| own_file::open_error(disk, target.dir(), &name, e))?;
        refuse_used(disk, &file, written)?;
        let temp = Temp::from_file(disk, target.dir(), name, file);
        Ok(Self { target, temp, position: 0, progress: Progress::Written })
    }

    /// The name under which the new content is there until it is committed.
    ///
    /// Another library may open it by this name and write to it, if it has closed it before the commit. Not
    /// on Windows: there the lock that keeps the file from sweeps keeps other openings from its content.
    pub fn temporary_path(&self) -> PathBuf {
        self.target.disk().show(self.target.dir(), self.temp.name())
    }

    /// Syncs the new content, gives it the name, and syncs that.
    ///
    /// # Errors
    ///
    /// The error gives the file back, unless it was renamed already ([`Error::CommittedNotDurable`]). A commit
    /// that failed in its renaming may be tried again. After a failed sync every commit is
    /// [`Error::Untrusted`].
    ///
    /// # Blocking
    ///
    /// Waits for the disk: twice with [`Durability::Full`](crate::Durability::Full).
    pub fn commit(self) -> Result<(), CommitError<D>> {
        self.commit_if(|| Ok::<(), Error>(()))
    }

    /// Commits if `still_ours` agrees at the last moment, as [`replace_if`](crate::replace_if) does.
    ///
    /// # Errors
    ///
    /// As [`commit`](Self::commit); the error of `still_ours` comes with the file, of which nothing is lost.
    pub fn commit_if<E: From<Error>>(
        mut self,
        still_ours: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), CommitError<D, E>> {
        if let Err(error) = self.finish().map_err(E::from).and_then(|()| still_ours()) {
            return Err(CommitError::new(error, Some(self)));
        }
        if let Err(error) = self.target.put_in_place(&mut self.temp) {
            return Err(CommitError::new(error.into(), Some(self)));
        }
        self.target.sync_name().map_err(|error| CommitError::new(error.into(), None))
    }

    /// Whether the new content is in this directory.
    pub(crate) fn is_in(&self, dir: &D::Dir) -> io::Result<bool> {
        self.target.is_in(dir)
    }

    /// Does everything that comes before the name; a second time, nothing.
    fn finish(&mut self) -> Result<(), Error> {
        match self.progress {
            Progress::Untrusted => return Err(Error::Untrusted { path: self.target.path() }),
            Progress::Synced => return Ok(()),
            Progress::Written => {}
        }
        let is_named =
            self.temp.is_in_place().map_err(|e| self.target.error("look at the new content of", e))?;
        if !is_named {
            let gone = io::Error::new(io::ErrorKind::NotFound, "the temporary file was removed or replaced");
            return Err(self.target.error("commit the new content of", gone));
        }
        self.target.look_again()?;
        self.target.keep_attributes(&mut self.temp)?;
        if let Err(source) = self.target.sync_file(&self.temp) {
            self.progress = Progress::Untrusted;
            return Err(self.target.error("sync", source));
        }
        self.progress = Progress::Synced;
        Ok(())
    }
}

impl<D: Disk> Write for AtomicFile<D> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.progress == Progress::Synced {
            self.progress = Progress::Written;
        }
        let (disk, file) = (self.target.disk(), self.temp.file());
        let written = uninterrupted(|| disk.write_at(file, bytes, self.position))?;
        self.position += written as u64;
        Ok(written)
    }

    /// Nothing is held back in this process; durability comes with the commit.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<D: Disk> Seek for AtomicFile<D> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (from, by) = match to {
            SeekFrom::Start(position) => (position, 0),
            SeekFrom::Current(by) => (self.position, by),
            SeekFrom::End(by) => {
                let entry = uninterrupted(|| self.target.disk().file_entry(self.temp.file()))?;
                (entry.len(), by)
            }
        };
        let position = from.checked_add_signed(by).ok_or(io::ErrorKind::InvalidInput)?;
        self.position = position;
        Ok(position)
    }
}

/// Refuses to rename what another name or another user reaches, or what somebody still uses.
fn refuse_used<D: Disk>(disk: &D, file: &D::File, path: &Path) -> Result<(), Error> {
    let entry = uninterrupted(|| disk.file_entry(file)).map_err(|e| Error::io("look at", path, e))?;
    own_file::refuse_foreign(disk, &entry, path)?;
    let path = path.to_owned();
    // A file system without locks has nobody who could hold one.
    if let Ok(false) = uninterrupted(|| disk.try_lock(file)) {
        return Err(Error::Locked { path, holder: None, waited: std::time::Duration::ZERO });
    }
    Ok(())
}
