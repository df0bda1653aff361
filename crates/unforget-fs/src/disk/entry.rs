//! What a name or an open file stands for.

/// What one name in a directory, or an open file, stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub(crate) kind: Kind,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) links: u64,
    pub(crate) len: u64,
    pub(crate) id: FileId,
    pub(crate) modified_ns: i128,
    pub(crate) changed_ns: i128,
}

/// The kinds of things that have names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A FIFO.
    Fifo,
    /// A socket.
    Socket,
    /// A block or character device.
    Device,
    /// Something else.
    Unknown,
}

/// The identity of a file on one machine, whatever its names are.
///
/// The widths of the two numbers differ between systems; both fit here. On Windows all files look alike: their
/// identity is not reachable from the standard library.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId {
    pub(crate) device: i128,
    pub(crate) inode: i128,
}

impl FileId {
    /// The two numbers as bytes, to be kept and compared on the same machine.
    pub fn to_bytes(&self) -> [u8; 32] {
        let (device, inode) = (self.device.to_le_bytes(), self.inode.to_le_bytes());
        std::array::from_fn(|at| device.iter().chain(&inode).nth(at).copied().unwrap_or(0))
    }
}

impl Entry {
    /// What kind of thing it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The permission bits, with set-user-id, set-group-id and sticky.
    pub fn mode(&self) -> u32 {
        self.mode
    }

    /// The user it belongs to.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The group it belongs to.
    pub fn gid(&self) -> u32 {
        self.gid
    }

    /// How many names it has; 0 when the last one is gone.
    pub fn links(&self) -> u64 {
        self.links
    }

    /// The length of the content in bytes.
    #[expect(clippy::len_without_is_empty, reason = "a length of a file, not a number of elements")]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Which file it is.
    pub fn id(&self) -> &FileId {
        &self.id
    }

    /// When its content was last changed, in nanoseconds since 1970, as far as the file system counts. Any program
    /// can set it.
    pub fn modified_ns(&self) -> i128 {
        self.modified_ns
    }

    /// When its content, its attributes or its names were last changed, in nanoseconds since 1970, as far as the file
    /// system counts. No program can set it, so whoever knows the last one of a file learns of every later change,
    /// except one that came within the same tick of the clock: 4 ms on many systems. On Windows it is the same as
    /// [`modified_ns`](Self::modified_ns).
    pub fn changed_ns(&self) -> i128 {
        self.changed_ns
    }

    /// Whether it is a regular file.
    pub fn is_regular(&self) -> bool {
        self.kind == Kind::File
    }

    /// Whether it is a symbolic link.
    pub fn is_symlink(&self) -> bool {
        self.kind == Kind::Symlink
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.kind == Kind::Directory
    }

    /// Whether group or others have any permission.
    pub(crate) fn is_exposed(&self) -> bool {
        self.mode & 0o077 != 0
    }

    /// Whether it has the same user and group as `other`.
    pub(crate) fn has_owner_of(&self, other: &Self) -> bool {
        (self.uid, self.gid) == (other.uid, other.gid)
    }
}

impl Kind {
    /// A noun phrase for a message.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "a regular file",
            Self::Directory => "a directory",
            Self::Symlink => "a symbolic link",
            Self::Fifo => "a FIFO",
            Self::Socket => "a socket",
            Self::Device => "a device",
            Self::Unknown => "of an unknown kind",
        }
    }
}
