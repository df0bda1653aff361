//! Directories by descriptor, with the `*at` system calls.

mod no_replace;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;

use crate::disk::{Entry, FileId, Kind, Open};

/// A directory that stays the same one when its path is renamed or replaced.
#[derive(Debug)]
pub struct Dir {
    fd: OwnedFd,
    path: PathBuf,
}

impl Dir {
    /// Opens a directory for reading: an `O_PATH` descriptor could not be synced.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::open_from(rustix::fs::CWD, path, path, OFlags::empty())
    }

    /// Opens a directory unless its last component is a symbolic link.
    pub(crate) fn open_nofollow(path: &Path) -> io::Result<Self> {
        Self::open_from(rustix::fs::CWD, path, path, OFlags::NOFOLLOW)
    }

    /// Opens a directory by a path that is relative to this one.
    pub(crate) fn open_at(&self, path: &Path) -> io::Result<Self> {
        Self::open_from(&self.fd, path, &self.path.join(path), OFlags::empty())
    }

    fn open_from(at: impl std::os::fd::AsFd, path: &Path, shown: &Path, extra: OFlags) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | extra;
        let fd = rustix::io::retry_on_intr(|| rustix::fs::openat(&at, path, flags, Mode::empty()))?;
        Ok(Self { fd, path: shown.to_owned() })
    }

    /// The path of an entry, for messages.
    pub(crate) fn join(&self, name: &OsStr) -> PathBuf {
        self.path.join(name)
    }

    /// What `name` is, without following it; `None` if there is nothing.
    pub(crate) fn entry(&self, name: &OsStr) -> io::Result<Option<Entry>> {
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(entry_from(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// What the directory itself is.
    pub(crate) fn own_entry(&self) -> io::Result<Entry> {
        Ok(entry_from(&rustix::fs::fstat(&self.fd)?))
    }

    /// Opens the file that has a name; one that is created is private to this user.
    ///
    /// `O_NONBLOCK` keeps a FIFO or a device in its place from blocking the open.
    pub(crate) fn open_file(&self, name: &OsStr, how: Open) -> io::Result<File> {
        let flags = match how {
            Open::Read => OFlags::RDONLY,
            Open::Write => OFlags::RDWR,
            Open::Append => OFlags::WRONLY | OFlags::APPEND,
            Open::OrCreate => OFlags::RDWR | OFlags::CREATE,
            Open::New => OFlags::RDWR | OFlags::CREATE | OFlags::EXCL,
        };
        let flags = flags | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let private = Mode::RUSR | Mode::WUSR;
        let fd = rustix::io::retry_on_intr(|| rustix::fs::openat(&self.fd, name, flags, private))?;
        Ok(File::from(fd))
    }

    /// What a lock on this entry is known by: the file, whatever its name is.
    #[expect(clippy::unused_self, reason = "without identities of files, the key is made of the path")]
    pub(crate) fn lock_key(&self, _name: &OsStr, entry: &Entry) -> LockKey {
        entry.id().clone()
    }

    /// Creates a directory.
    pub(crate) fn make_dir(&self, name: &OsStr, mode: u32) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(&self.fd, name, mode_of(mode))?)
    }

    /// What the symbolic link `name` says.
    pub(crate) fn read_link(&self, name: &OsStr) -> io::Result<PathBuf> {
        let target = rustix::fs::readlinkat(&self.fd, name, Vec::new())?;
        Ok(PathBuf::from(OsString::from_vec(target.into_bytes())))
    }

    /// Gives the file `from` the name `to`, in place of whatever had it.
    pub(crate) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.fd, from, &self.fd, to)?)
    }

    /// Gives the file `from` the name `to`, which nothing has.
    ///
    /// A file system that cannot is not asked again.
    pub(crate) fn rename_new(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        no_replace::rename(&self.fd, from, to)
    }

    /// Has two files take each other's name.
    pub(crate) fn exchange(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        no_replace::exchange(&self.fd, from, to)
    }

    /// Gives the file `from` a second name.
    pub(crate) fn link(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::linkat(&self.fd, from, &self.fd, to, AtFlags::empty())?)
    }

    /// Removes a file's name.
    pub(crate) fn unlink(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.fd, name, AtFlags::empty())?)
    }

    /// The names in the directory, at most `limit`.
    pub(crate) fn list(&self, limit: usize) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.fd)? {
            let name = entry?.file_name().to_bytes().to_vec();
            if !matches!(&*name, b"." | b"..") {
                names.push(OsString::from_vec(name));
            }
            if names.len() >= limit {
                break;
            }
        }
        Ok(names)
    }

    /// Whether the directory has no entries.
    pub(crate) fn is_empty(&self) -> io::Result<bool> {
        Ok(self.list(1)?.is_empty())
    }

    /// Makes the names in this directory durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        match sync_descriptor(&self.fd) {
            Err(e @ (Errno::INVAL | Errno::NOTSUP | Errno::NOSYS)) => {
                Err(io::Error::new(io::ErrorKind::Unsupported, io::Error::from(e)))
            }
            outcome => Ok(outcome?),
        }
    }

    /// Takes all permissions from everybody but the owner.
    pub(crate) fn set_private(&self) -> io::Result<()> {
        Ok(rustix::fs::fchmod(&self.fd, Mode::RWXU)?)
    }
}

/// What a lock is known by in this process.
pub(crate) type LockKey = FileId;

fn entry_from(stat: &Stat) -> Entry {
    Entry {
        kind: kind_of(FileType::from_raw_mode(stat.st_mode)),
        mode: bits_of(Mode::from_raw_mode(stat.st_mode)),
        uid: Uid::from_raw(stat.st_uid).as_raw(),
        gid: Gid::from_raw(stat.st_gid).as_raw(),
        links: u64::try_from(i128::from(stat.st_nlink)).unwrap_or(u64::MAX),
        len: u64::try_from(stat.st_size).unwrap_or_default(),
        id: FileId { device: i128::from(stat.st_dev), inode: i128::from(stat.st_ino) },
        modified_ns: nanoseconds(i128::from(stat.st_mtime), i128::from(stat.st_mtime_nsec)),
        changed_ns: nanoseconds(i128::from(stat.st_ctime), i128::from(stat.st_ctime_nsec)),
    }
}

fn nanoseconds(seconds: i128, nanoseconds: i128) -> i128 {
    seconds * 1_000_000_000 + nanoseconds
}

fn kind_of(kind: FileType) -> Kind {
    match kind {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Symlink,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::CharacterDevice | FileType::BlockDevice => Kind::Device,
        FileType::Unknown => Kind::Unknown,
    }
}

/// What an open file is.
pub(crate) fn entry_of(file: &File) -> io::Result<Entry> {
    Ok(entry_from(&rustix::fs::fstat(file)?))
}

/// The effective user of this process.
pub(crate) fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Gives a file to a user and a group.
pub(crate) fn set_owner(file: &File, uid: u32, gid: u32) -> io::Result<()> {
    Ok(rustix::fs::fchown(file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?)
}

/// Gives a file the permission bits it was asked to have, whatever the umask is.
pub(crate) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    Ok(rustix::fs::fchmod(file, mode_of(mode))?)
}

/// Permission bits, one by one: the width of the number that holds them differs between systems.
fn mode_of(bits: u32) -> Mode {
    (0..12).filter(|bit| bits >> bit & 1 == 1).map(|bit| Mode::from_bits_truncate(1 << bit)).collect()
}

fn bits_of(mode: Mode) -> u32 {
    u32::try_from(i128::from(mode.as_raw_mode())).unwrap_or(u32::MAX)
}

/// Reads from an offset on, without moving the file's cursor.
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

/// Writes at an offset, without moving the file's cursor.
pub(crate) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::write_at(file, bytes, offset)
}

/// Writes over the beginning of a file, at once and without moving its cursor.
pub(crate) fn write_at_start(file: &File, bytes: &[u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, 0)
}

/// Makes a file's content and attributes durable.
pub(crate) fn sync_all(file: &File) -> io::Result<()> {
    Ok(sync_descriptor(file)?)
}

/// Makes a file's content and length durable.
#[cfg(not(target_vendor = "apple"))]
pub(crate) fn sync_data(file: &File) -> io::Result<()> {
    Ok(rustix::io::retry_on_intr(|| rustix::fs::fdatasync(file))?)
}

/// Apple systems have no weaker call that reaches the medium.
#[cfg(target_vendor = "apple")]
pub(crate) fn sync_data(file: &File) -> io::Result<()> {
    sync_all(file)
}

#[cfg(not(target_vendor = "apple"))]
fn sync_descriptor(fd: impl std::os::fd::AsFd) -> Result<(), Errno> {
    rustix::io::retry_on_intr(|| rustix::fs::fsync(&fd))
}

/// On Apple systems `fsync` stops at the drive's cache; `F_FULLFSYNC` goes through it. File systems without
/// it (network mounts) answer with one of three errors, and then `fsync` is all there is.
#[cfg(target_vendor = "apple")]
fn sync_descriptor(fd: impl std::os::fd::AsFd) -> Result<(), Errno> {
    match rustix::io::retry_on_intr(|| rustix::fs::fcntl_fullfsync(&fd)) {
        Err(Errno::NOTSUP | Errno::INVAL | Errno::NOTTY) => {
            rustix::io::retry_on_intr(|| rustix::fs::fsync(&fd))
        }
        outcome => outcome,
    }
}
