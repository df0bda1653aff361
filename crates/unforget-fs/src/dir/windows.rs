//! Directories by path, for systems without descriptors of directories. Not tested on such a system.
//!
//! Weaker than the Unix module in three ways: a parent swapped half-way is not noticed, directories are not
//! synced (the file system journals names by itself), and owner and mode are inherited from the directory.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Seek, Write};
use std::os::windows::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::sharing;

/// `FILE_FLAG_OPEN_REPARSE_POINT`: open a link itself, not what it points to.
const OPEN_REPARSE_POINT: u32 = 0x0020_0000;

/// A directory known by its absolute path.
#[derive(Debug)]
pub(crate) struct Dir {
    path: PathBuf,
}

impl Dir {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        if !fs::metadata(path)?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self { path: std::path::absolute(path)? })
    }

    pub(crate) fn open_nofollow(path: &Path) -> io::Result<Self> {
        if fs::symlink_metadata(path)?.is_symlink() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Self::open(path)
    }

    pub(crate) fn open_at(&self, path: &Path) -> io::Result<Self> {
        Self::open(&self.path.join(path))
    }

    pub(crate) fn join(&self, name: &OsStr) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn entry(&self, name: &OsStr) -> io::Result<Option<Entry>> {
        let path = self.join(name);
        match fs::symlink_metadata(&path) {
            Ok(metadata) => Ok(Some(Entry { id: FileId, metadata })),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    pub(crate) fn own_entry(&self) -> io::Result<Entry> {
        Ok(Entry { id: FileId, metadata: fs::metadata(&self.path)? })
    }

    pub(crate) fn create_new(&self, name: &OsStr) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(self.join(name))
    }

    pub(crate) fn open_or_create(&self, name: &OsStr) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).custom_flags(OPEN_REPARSE_POINT);
        options.open(self.join(name))
    }

    pub(crate) fn open_existing(&self, name: &OsStr) -> io::Result<File> {
        OpenOptions::new().read(true).custom_flags(OPEN_REPARSE_POINT).open(self.join(name))
    }

    pub(crate) fn lock_key(&self, name: &OsStr, _entry: &Entry) -> LockKey {
        self.join(name)
    }

    pub(crate) fn make_dir(&self, name: &OsStr, _mode: u32) -> io::Result<()> {
        fs::create_dir(self.join(name))
    }

    pub(crate) fn read_link(&self, name: &OsStr) -> io::Result<PathBuf> {
        fs::read_link(self.join(name))
    }

    /// A virus scanner or an indexer may have the target open for a moment.
    pub(crate) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        sharing::retry(|| fs::rename(self.join(from), self.join(to)))
    }

    pub(crate) fn unlink(&self, name: &OsStr) -> io::Result<()> {
        sharing::retry(|| fs::remove_file(self.join(name)))
    }

    pub(crate) fn is_empty(&self) -> io::Result<bool> {
        Ok(fs::read_dir(&self.path)?.next().is_none())
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn set_private(&self) -> io::Result<()> {
        Ok(())
    }
}

/// What one name in a directory stands for.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    id: FileId,
    metadata: Metadata,
}

/// What a lock is known by in this process.
pub(crate) type LockKey = PathBuf;

/// All files look alike: their identity is not reachable from the standard library, and an open file keeps
/// its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileId;

impl Entry {
    pub(crate) fn is_regular(&self) -> bool {
        self.metadata.is_file()
    }

    pub(crate) fn is_symlink(&self) -> bool {
        self.metadata.is_symlink()
    }

    pub(crate) fn kind(&self) -> &'static str {
        if self.metadata.is_dir() { "a directory" } else { "of another kind" }
    }

    pub(crate) fn id(&self) -> &FileId {
        &self.id
    }

    pub(crate) fn links(&self) -> u64 {
        1
    }

    pub(crate) fn uid(&self) -> u32 {
        0
    }

    pub(crate) fn mode(&self) -> u32 {
        0o700
    }

    pub(crate) fn is_exposed(&self) -> bool {
        false
    }
}

pub(crate) fn entry_of(file: &File) -> io::Result<Entry> {
    Ok(Entry { id: FileId, metadata: file.metadata()? })
}

pub(crate) fn is_owned_by_us(_entry: &Entry) -> bool {
    true
}

pub(crate) fn copy_owner_and_mode(_file: &File, _old: &Entry) -> io::Result<()> {
    Ok(())
}

pub(crate) fn set_mode(_file: &File, _mode: u32) -> io::Result<()> {
    Ok(())
}

pub(crate) fn write_at_start(file: &File, bytes: &[u8]) -> io::Result<()> {
    let mut cursor = file;
    cursor.rewind()?;
    cursor.write_all(bytes)
}

pub(crate) fn sync_file(file: &File) -> io::Result<()> {
    file.sync_all()
}
