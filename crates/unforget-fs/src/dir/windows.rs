//! Directories by path, for systems without descriptors of directories. Not tested on such a system.
//!
//! Weaker than the Unix module in three ways: a parent swapped half-way is not noticed, directories are not
//! synced (the file system journals names by itself), and owner and mode are inherited from the directory.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Seek, Write};
use std::os::windows::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::disk::{Entry, FileId, Kind, Open};

/// `FILE_FLAG_OPEN_REPARSE_POINT`: open a link itself, not what it points to.
const OPEN_REPARSE_POINT: u32 = 0x0020_0000;

/// A directory known by its absolute path.
#[derive(Debug)]
pub struct Dir {
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
            Ok(metadata) => Ok(Some(entry_from(&metadata))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    pub(crate) fn own_entry(&self) -> io::Result<Entry> {
        Ok(entry_from(&fs::metadata(&self.path)?))
    }

    pub(crate) fn open_file(&self, name: &OsStr, how: Open) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(OPEN_REPARSE_POINT);
        match how {
            Open::Read => &mut options,
            Open::Write => options.write(true),
            Open::Append => options.append(true),
            Open::OrCreate => options.write(true).create(true).truncate(false),
            Open::New => options.write(true).create_new(true),
        };
        options.open(self.join(name))
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

    pub(crate) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        fs::rename(self.join(from), self.join(to))
    }

    /// The standard library always replaces.
    pub(crate) fn rename_new(&self, _from: &OsStr, _to: &OsStr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn exchange(&self, _from: &OsStr, _to: &OsStr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn link(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        fs::hard_link(self.join(from), self.join(to))
    }

    pub(crate) fn unlink(&self, name: &OsStr) -> io::Result<()> {
        fs::remove_file(self.join(name))
    }

    pub(crate) fn list(&self, limit: usize) -> io::Result<Vec<OsString>> {
        fs::read_dir(&self.path)?.take(limit).map(|entry| Ok(entry?.file_name())).collect()
    }

    pub(crate) fn is_empty(&self) -> io::Result<bool> {
        Ok(self.list(1)?.is_empty())
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn set_private(&self) -> io::Result<()> {
        Ok(())
    }
}

/// What a lock is known by in this process.
pub(crate) type LockKey = PathBuf;

/// Owner and mode are not looked at: everything belongs to us and is private, by inheritance.
fn entry_from(metadata: &Metadata) -> Entry {
    let kind = match metadata.file_type() {
        kind if kind.is_file() => Kind::File,
        kind if kind.is_dir() => Kind::Directory,
        kind if kind.is_symlink() => Kind::Symlink,
        _ => Kind::Unknown,
    };
    let id = FileId { device: 0, inode: 0 };
    let modified = metadata.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    let modified_ns = modified.map_or(0, |since| i128::try_from(since.as_nanos()).unwrap_or(i128::MAX));
    let len = metadata.len();
    Entry { kind, mode: 0o700, uid: 0, gid: 0, links: 1, len, id, modified_ns, changed_ns: modified_ns }
}

pub(crate) fn entry_of(file: &File) -> io::Result<Entry> {
    Ok(entry_from(&file.metadata()?))
}

pub(crate) fn user() -> u32 {
    0
}

pub(crate) fn set_owner(_file: &File, _uid: u32, _gid: u32) -> io::Result<()> {
    Ok(())
}

pub(crate) fn set_mode(_file: &File, _mode: u32) -> io::Result<()> {
    Ok(())
}

pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.seek_read(buffer, offset)
}

pub(crate) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    file.seek_write(bytes, offset)
}

pub(crate) fn write_at_start(file: &File, bytes: &[u8]) -> io::Result<()> {
    let mut cursor = file;
    cursor.rewind()?;
    cursor.write_all(bytes)
}

pub(crate) fn sync_all(file: &File) -> io::Result<()> {
    file.sync_all()
}

pub(crate) fn sync_data(file: &File) -> io::Result<()> {
    file.sync_data()
}
