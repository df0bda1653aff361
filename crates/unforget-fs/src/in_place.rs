//! Files that are changed where they are.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::dir::open_parent;
use crate::disk::{Disk, Entry, Open, RealDisk, append_all, uninterrupted, write_all_at};
use crate::own_file;

/// How much is read at once.
const CHUNK: usize = 256 << 10;

/// A file that is changed where it is, by calls at an offset.
///
/// Nothing is replaced as a whole here, so readers and crashes meet every state in between, and a power failure may
/// keep any part of what was written since the last [`sync`](Self::sync). It is for files whose format allows that:
/// records that carry a checksum, or lines that are appended before the ones that they replace are taken away. Others
/// use [`replace`](crate::replace).
///
/// Only a regular file of this user is opened, and no link is followed. Whether the name still means the file that was
/// opened is asked with [`is_named`](Self::is_named).
///
/// # Examples
///
/// ```
/// use unforget_fs::FileInPlace;
///
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("lines");
/// let file = FileInPlace::open_or_create(&path)?;
/// file.write(b"one\ntwo\n", 0)?;
/// file.write(b"   ", 0)?;
/// file.sync()?;
/// assert_eq!(file.read(4, 3)?, b"two");
/// assert_eq!(std::fs::read(&path)?, b"   \ntwo\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FileInPlace<D: Disk = RealDisk> {
    disk: D,
    dir: D::Dir,
    name: OsString,
    file: D::File,
}

impl FileInPlace {
    /// Opens a file for reading and writing; `None` if nothing has the name.
    ///
    /// # Errors
    ///
    /// [`Error::Symlink`], [`Error::NotRegular`], [`Error::ForeignOwner`]; [`Error::Io`].
    pub fn open(path: &Path) -> Result<Option<Self>, Error> {
        Self::open_on(&RealDisk, path)
    }

    /// Opens a file for reading and writing, and creates it empty and for its owner only if nothing has the name.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_or_create(path: &Path) -> Result<Self, Error> {
        Self::open_or_create_on(&RealDisk, path)
    }

    /// What a path names, without following it; `None` if it names nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], also if the directory is not there.
    pub fn look(path: &Path) -> Result<Option<Entry>, Error> {
        look_on(&RealDisk, path)
    }
}

impl<D: Disk> FileInPlace<D> {
    pub(crate) fn open_on(disk: &D, path: &Path) -> Result<Option<Self>, Error> {
        match Self::opened(disk, path, Open::Write) {
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            outcome => outcome.map(Some),
        }
    }

    pub(crate) fn open_or_create_on(disk: &D, path: &Path) -> Result<Self, Error> {
        Self::opened(disk, path, Open::OrCreate)
    }

    fn opened(disk: &D, path: &Path, how: Open) -> Result<Self, Error> {
        let (dir, name) = open_parent(disk, path)?;
        let file = uninterrupted(|| disk.open(&dir, &name, how))
            .map_err(|e| own_file::open_error(disk, &dir, &name, e))?;
        let opened = Self { disk: disk.clone(), dir, name, file };
        let entry = opened.entry()?;
        if !entry.is_regular() {
            return Err(Error::NotRegular { path: opened.path(), found: entry.kind().as_str() });
        }
        if entry.uid() != disk.user() {
            return Err(Error::ForeignOwner { path: opened.path(), uid: entry.uid() });
        }
        Ok(opened)
    }

    /// What the open file is by now, whatever its name means.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn entry(&self) -> Result<Entry, Error> {
        uninterrupted(|| self.disk.file_entry(&self.file)).map_err(|e| self.error("look at", e))
    }

    /// Whether the name still means this file.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn is_named(&self) -> Result<bool, Error> {
        own_file::is_named(&self.disk, &self.dir, &self.name, &self.file)
            .map_err(|e| self.error("look at", e))
    }

    /// Reads `len` bytes from an offset on, or as many as there are.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn read(&self, offset: u64, len: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; len];
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let count = uninterrupted(|| self.disk.read_at(&self.file, rest, offset + filled as u64))
                .map_err(|e| self.error("read", e))?;
            if count == 0 {
                break;
            }
            filled += count;
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    /// Reads all of it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn read_all(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        loop {
            let piece = self.read(bytes.len() as u64, CHUNK)?;
            if piece.is_empty() {
                return Ok(bytes);
            }
            bytes.extend_from_slice(&piece);
        }
    }

    /// Writes all of `bytes` at an offset; behind the end, the gap reads as zeros.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; a part may have been written.
    pub fn write(&self, bytes: &[u8], offset: u64) -> Result<(), Error> {
        write_all_at(&self.disk, &self.file, bytes, offset).map_err(|e| self.error("write", e))
    }

    /// Writes all of `bytes` at the end, wherever that is by then: what another program appends or cuts off meanwhile is
    /// not written over. False, and nothing is written, if the name no longer means this file.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; a part may have been written.
    pub fn append(&self, bytes: &[u8]) -> Result<bool, Error> {
        // A second opening: on Linux a file that is opened for appending has no writes at an offset.
        let end = match uninterrupted(|| self.disk.open(&self.dir, &self.name, Open::Append)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            opened => opened.map_err(|e| own_file::open_error(&self.disk, &self.dir, &self.name, e))?,
        };
        let named = uninterrupted(|| self.disk.file_entry(&end)).map_err(|e| self.error("look at", e))?;
        if named.id() != self.entry()?.id() {
            return Ok(false);
        }
        append_all(&self.disk, &end, bytes).map_err(|e| self.error("append to", e))?;
        Ok(true)
    }

    /// Cuts the file off, or lengthens it with zeros.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn set_len(&self, len: u64) -> Result<(), Error> {
        uninterrupted(|| self.disk.set_len(&self.file, len)).map_err(|e| self.error("set the length of", e))
    }

    /// Makes content and length durable. After an error nothing is known of what was written since the last success,
    /// also if a later call succeeds.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    ///
    /// # Blocking
    ///
    /// Waits for the disk.
    pub fn sync(&self) -> Result<(), Error> {
        uninterrupted(|| self.disk.sync_data(&self.file)).map_err(|e| self.error("sync", e))
    }

    /// Makes the names in its directory durable, where the file system [can](crate::syncs_names): what a file needs
    /// once that was created here.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    ///
    /// # Blocking
    ///
    /// Waits for the disk.
    pub fn sync_name(&self) -> Result<(), Error> {
        crate::disk::sync_names(&self.disk, &self.dir)
            .map(drop)
            .map_err(|e| self.error("sync the directory of", e))
    }

    fn path(&self) -> PathBuf {
        self.disk.show(&self.dir, &self.name)
    }

    fn error(&self, operation: &'static str, source: io::Error) -> Error {
        Error::io(operation, &self.path(), source)
    }
}

pub(crate) fn look_on<D: Disk>(disk: &D, path: &Path) -> Result<Option<Entry>, Error> {
    let (dir, name) = open_parent(disk, path)?;
    uninterrupted(|| disk.entry(&dir, &name)).map_err(|e| Error::io("look at", path, e))
}
