//! What a caller decides about a replacement.

/// What survives a power loss once the call has returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Content and name: the file and its directory are synced, the latter where the file system
    /// [can](crate::syncs_names).
    #[default]
    Full,
    /// Nothing is promised for a power loss; a crash of the process still leaves the old or the new file.
    None,
}

/// What happens when the path to replace is a symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SymlinkPolicy {
    /// The call fails with [`Error::Symlink`](crate::Error::Symlink).
    #[default]
    Refuse,
    /// The file that the link points to is replaced, and the link stays.
    Follow,
    /// The link itself gives way to a regular file.
    ReplaceLink,
}

/// How a file is replaced or created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplaceOptions {
    pub(crate) durability: Durability,
    pub(crate) symlinks: SymlinkPolicy,
    pub(crate) new_file_mode: u32,
    pub(crate) create_parents: bool,
}

impl ReplaceOptions {
    /// Full durability, links refused, new files readable by their owner only.
    pub const fn new() -> Self {
        Self {
            durability: Durability::Full,
            symlinks: SymlinkPolicy::Refuse,
            new_file_mode: 0o600,
            create_parents: false,
        }
    }

    /// Sets what survives a power loss.
    #[must_use]
    pub const fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets what happens to a symbolic link.
    #[must_use]
    pub const fn symlinks(mut self, symlinks: SymlinkPolicy) -> Self {
        self.symlinks = symlinks;
        self
    }

    /// Sets the permission bits of a file that did not exist; the umask does not change them.
    #[must_use]
    pub const fn new_file_mode(mut self, mode: u32) -> Self {
        self.new_file_mode = mode;
        self
    }

    /// Sets whether the directories that lead to the file are created, durably, if they are missing.
    ///
    /// [`Durability::None`] does not change that: the file may be replaced durably later.
    #[must_use]
    pub const fn create_parents(mut self, create: bool) -> Self {
        self.create_parents = create;
        self
    }
}

impl Default for ReplaceOptions {
    fn default() -> Self {
        Self::new()
    }
}
