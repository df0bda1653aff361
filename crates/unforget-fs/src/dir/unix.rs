//! Directories by descriptor, with the `*at` system calls.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;

/// A directory that stays the same one when its path is renamed or replaced.
#[derive(Debug)]
pub(crate) struct Dir {
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
            Ok(stat) => Ok(Some(Entry::from_stat(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// What the directory itself is.
    pub(crate) fn own_entry(&self) -> io::Result<Entry> {
        Ok(Entry::from_stat(&rustix::fs::fstat(&self.fd)?))
    }

    /// Creates a file that did not exist, private to this user.
    pub(crate) fn create_new(&self, name: &OsStr) -> io::Result<File> {
        self.open_file(name, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL)
    }

    /// Opens a file for reading and writing, creates it if it is missing, and never truncates it.
    ///
    /// `O_NONBLOCK` keeps a FIFO or a device in its place from blocking the open.
    pub(crate) fn open_or_create(&self, name: &OsStr) -> io::Result<File> {
        self.open_file(name, OFlags::RDWR | OFlags::CREATE | OFlags::NONBLOCK)
    }

    /// Opens an existing file for reading.
    pub(crate) fn open_existing(&self, name: &OsStr) -> io::Result<File> {
        self.open_file(name, OFlags::RDONLY | OFlags::NONBLOCK)
    }

    fn open_file(&self, name: &OsStr, flags: OFlags) -> io::Result<File> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let private = Mode::RUSR | Mode::WUSR;
        let fd = rustix::io::retry_on_intr(|| rustix::fs::openat(&self.fd, name, flags, private))?;
        Ok(File::from(fd))
    }

    /// What a lock on this entry is known by: the file, whatever its name is.
    #[expect(clippy::unused_self, reason = "without identities of files, the key is made of the path")]
    pub(crate) fn lock_key(&self, _name: &OsStr, entry: &Entry) -> LockKey {
        entry.id.clone()
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

    /// Removes a file's name.
    pub(crate) fn unlink(&self, name: &OsStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.fd, name, AtFlags::empty())?)
    }

    /// Whether the directory has no entries.
    pub(crate) fn is_empty(&self) -> io::Result<bool> {
        for entry in rustix::fs::Dir::read_from(&self.fd)? {
            if !matches!(entry?.file_name().to_bytes(), b"." | b"..") {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Makes the names in this directory durable.
    ///
    /// Some file systems have no such operation and say so; there is nothing more to be had from them.
    pub(crate) fn sync(&self) -> io::Result<()> {
        match sync_descriptor(&self.fd) {
            Ok(()) | Err(Errno::INVAL | Errno::NOTSUP | Errno::NOSYS) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    /// Takes all permissions from everybody but the owner.
    pub(crate) fn set_private(&self) -> io::Result<()> {
        Ok(rustix::fs::fchmod(&self.fd, Mode::RWXU)?)
    }
}

/// What one name in a directory stands for.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    kind: FileType,
    mode: Mode,
    uid: Uid,
    gid: Gid,
    links: i128,
    id: FileId,
}

/// What a lock is known by in this process.
pub(crate) type LockKey = FileId;

/// The identity of a file on this machine, whatever its names are.
///
/// The widths of the two numbers differ between systems; both fit here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FileId {
    device: i128,
    inode: i128,
}

impl Entry {
    fn from_stat(stat: &Stat) -> Self {
        Self {
            kind: FileType::from_raw_mode(stat.st_mode),
            mode: Mode::from_raw_mode(stat.st_mode),
            uid: Uid::from_raw(stat.st_uid),
            gid: Gid::from_raw(stat.st_gid),
            links: i128::from(stat.st_nlink),
            id: FileId { device: i128::from(stat.st_dev), inode: i128::from(stat.st_ino) },
        }
    }

    pub(crate) fn is_regular(&self) -> bool {
        self.kind == FileType::RegularFile
    }

    pub(crate) fn is_symlink(&self) -> bool {
        self.kind == FileType::Symlink
    }

    /// The kind as a noun phrase for a message.
    pub(crate) fn kind(&self) -> &'static str {
        match self.kind {
            FileType::RegularFile => "a regular file",
            FileType::Directory => "a directory",
            FileType::Symlink => "a symbolic link",
            FileType::Fifo => "a FIFO",
            FileType::Socket => "a socket",
            FileType::CharacterDevice | FileType::BlockDevice => "a device",
            FileType::Unknown => "of an unknown kind",
        }
    }

    pub(crate) fn id(&self) -> &FileId {
        &self.id
    }

    /// How many names the file has; 0 when the last one is gone.
    pub(crate) fn links(&self) -> u64 {
        u64::try_from(self.links).unwrap_or(u64::MAX)
    }

    pub(crate) fn uid(&self) -> u32 {
        self.uid.as_raw()
    }

    /// The permission bits, with set-user-id, set-group-id and sticky.
    pub(crate) fn mode(&self) -> u32 {
        u32::try_from(i128::from(self.mode.as_raw_mode())).unwrap_or(u32::MAX)
    }

    /// Whether group or others have any permission.
    pub(crate) fn is_exposed(&self) -> bool {
        self.mode.intersects(Mode::RWXG | Mode::RWXO)
    }

    /// Whether `self` has the same user and group as `other`.
    fn has_owner_of(&self, other: &Self) -> bool {
        self.uid == other.uid && self.gid == other.gid
    }
}

/// What an open file is.
pub(crate) fn entry_of(file: &File) -> io::Result<Entry> {
    Ok(Entry::from_stat(&rustix::fs::fstat(file)?))
}

/// Whether this process's effective user owns the entry.
pub(crate) fn is_owned_by_us(entry: &Entry) -> bool {
    entry.uid == rustix::process::geteuid()
}

/// Gives a new file the owner and the mode of an old one.
///
/// The owner first: a change of owner clears set-user-id and set-group-id. It is only changed when it
/// differs, so that an ordinary user who replaces an own file needs no privilege.
pub(crate) fn copy_owner_and_mode(file: &File, old: &Entry) -> io::Result<()> {
    if !entry_of(file)?.has_owner_of(old) {
        rustix::fs::fchown(file, Some(old.uid), Some(old.gid))?;
    }
    Ok(rustix::fs::fchmod(file, old.mode)?)
}

/// Gives a new file the permission bits it was asked to have, whatever the umask is.
pub(crate) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    Ok(rustix::fs::fchmod(file, mode_of(mode))?)
}

/// Permission bits, one by one: the width of the number that holds them differs between systems.
fn mode_of(bits: u32) -> Mode {
    (0..12).filter(|bit| bits >> bit & 1 == 1).map(|bit| Mode::from_bits_truncate(1 << bit)).collect()
}

/// Writes over the beginning of a file, at once and without moving its cursor.
pub(crate) fn write_at_start(file: &File, bytes: &[u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, 0)
}

/// Makes a file's content and attributes durable.
pub(crate) fn sync_file(file: &File) -> io::Result<()> {
    Ok(sync_descriptor(file)?)
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
