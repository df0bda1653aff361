//! The name that a new file is made for, and the steps to it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::{Durability, ReplaceOptions, SymlinkPolicy};
use crate::create_dir::make_dirs;
use crate::disk::{Disk, Entry, sync_names, uninterrupted};
use crate::temp::{Temp, is_temporary};
use crate::{Error, dir};

/// After a failed sync the content is written to a new file from memory this many times.
const NEW_FILES_AFTER_A_FAILED_SYNC: u32 = 2;

/// How many links are followed to a file; the limit of Linux.
const LINKS_FOLLOWED: u32 = 40;

/// A name, in the directory that was opened once.
#[derive(Debug)]
pub(crate) struct Target<D: Disk> {
    disk: D,
    dir: Arc<D::Dir>,
    name: OsString,
    /// The regular file that has the name now.
    old: Option<Entry>,
    options: ReplaceOptions,
}

impl<D: Disk> Target<D> {
    /// Opens the directory and looks at what has the name.
    pub(crate) fn resolve(disk: &D, path: &Path, options: ReplaceOptions) -> Result<Self, Error> {
        let (mut dir, mut name) = Self::open_parent(disk, path, options)?;
        for _ in 0..=LINKS_FOLLOWED {
            let found = uninterrupted(|| disk.entry(&dir, &name));
            let Some(entry) = found.map_err(|e| Error::io("look at", &disk.show(&dir, &name), e))? else {
                return Self::of(disk, dir, name, None, options);
            };
            if entry.is_regular() {
                return Self::of(disk, dir, name, Some(entry), options);
            }
            if !entry.is_symlink() {
                let path = disk.show(&dir, &name);
                return Err(Error::NotRegular { path, found: entry.kind().as_str() });
            }
            match options.symlinks {
                SymlinkPolicy::Refuse => return Err(Error::Symlink { path: disk.show(&dir, &name) }),
                SymlinkPolicy::ReplaceLink => return Self::of(disk, dir, name, None, options),
                SymlinkPolicy::Follow => (dir, name) = follow(disk, &dir, &name)?,
            }
        }
        Err(Error::io(
            "follow",
            path,
            io::Error::other(format!("there are more than {LINKS_FOLLOWED} links")),
        ))
    }

    /// Looks at what has the name by now; a link that has come since then is not followed any more.
    pub(crate) fn look_again(&mut self) -> Result<(), Error> {
        let found = uninterrupted(|| self.disk.entry(&self.dir, &self.name));
        self.old = match found.map_err(|e| self.error("look at", e))? {
            Some(entry) if entry.is_regular() => Some(entry),
            Some(entry) if !entry.is_symlink() => {
                return Err(Error::NotRegular { path: self.path(), found: entry.kind().as_str() });
            }
            Some(_) if self.options.symlinks != SymlinkPolicy::ReplaceLink => {
                return Err(Error::Symlink { path: self.path() });
            }
            Some(_) | None => None,
        };
        Ok(())
    }

    /// Looks at a name in a directory that is open already, whatever a path to it leads to by now.
    pub(crate) fn within(
        disk: &D,
        dir: &Arc<D::Dir>,
        name: &OsStr,
        options: ReplaceOptions,
    ) -> Result<Self, Error> {
        let (dir, name) = (Arc::clone(dir), name.to_owned());
        let mut target = Self { disk: disk.clone(), dir, name, old: None, options }.refuse_reserved()?;
        target.look_again()?;
        Ok(target)
    }

    /// Opens the directory for a file that must not exist.
    pub(crate) fn resolve_new(disk: &D, path: &Path, options: ReplaceOptions) -> Result<Self, Error> {
        let (dir, name) = Self::open_parent(disk, path, options)?;
        match uninterrupted(|| disk.entry(&dir, &name)) {
            // Only a cheap answer for most cases: the renaming decides.
            Ok(Some(_)) => Err(Error::AlreadyExists { path: disk.show(&dir, &name) }),
            Ok(None) => Self::of(disk, dir, name, None, options),
            Err(e) => Err(Error::io("look at", &disk.show(&dir, &name), e)),
        }
    }

    fn open_parent(disk: &D, path: &Path, options: ReplaceOptions) -> Result<(D::Dir, OsString), Error> {
        if options.create_parents {
            make_dirs(disk, &dir::parent_of(path))?;
        }
        dir::open_parent(disk, path)
    }

    fn of(
        disk: &D,
        dir: D::Dir,
        name: OsString,
        old: Option<Entry>,
        options: ReplaceOptions,
    ) -> Result<Self, Error> {
        Self { disk: disk.clone(), dir: Arc::new(dir), name, old, options }.refuse_reserved()
    }

    /// A file with the name of a temporary one would be swept away.
    fn refuse_reserved(self) -> Result<Self, Error> {
        if is_temporary(&self.name) {
            let reserved = io::Error::new(io::ErrorKind::InvalidInput, "temporary files have such names");
            return Err(self.error("use as a file name", reserved));
        }
        Ok(self)
    }

    /// Writes and syncs the content; a sync that failed is never repeated on the same file.
    ///
    /// A failed sync marks the pages clean, so a second one would succeed without the data. Only a new file,
    /// written again from memory, can prove anything. A full disk will not get better by that.
    pub(crate) fn write_new_file(&self, contents: &[u8]) -> Result<Temp<D>, Error> {
        let mut new_files_left = NEW_FILES_AFTER_A_FAILED_SYNC;
        loop {
            let mut temp = self.create_temp()?;
            temp.write_all(contents).map_err(|e| self.error("write the new content of", e))?;
            self.keep_attributes(&mut temp)?;
            match self.sync_file(&temp) {
                Err(e) if new_files_left == 0 || is_out_of_space(&e) => return Err(self.error("sync", e)),
                Err(_) => new_files_left -= 1,
                Ok(()) => return Ok(temp),
            }
        }
    }

    /// Creates the new file, beside the name that it will get.
    pub(crate) fn create_temp(&self) -> Result<Temp<D>, Error> {
        Temp::create(&self.disk, &self.dir).map_err(|e| self.error("create a temporary file beside", e))
    }

    /// Gives the new file the attributes of the old one.
    pub(crate) fn keep_attributes(&self, temp: &mut Temp<D>) -> Result<(), Error> {
        match &self.old {
            Some(old) => temp.copy_owner_and_mode(old).map_err(|e| self.cannot_keep(old, e)),
            None => temp.set_mode(self.options.new_file_mode).map_err(|e| self.error("set the mode of", e)),
        }
    }

    /// Makes the new file durable, if that was asked for.
    pub(crate) fn sync_file(&self, temp: &Temp<D>) -> io::Result<()> {
        match self.options.durability {
            Durability::Full => temp.sync(),
            Durability::None => Ok(()),
        }
    }

    /// There is no fallback to copying: a copy over the old file is what this module exists to avoid.
    pub(crate) fn put_in_place(&self, temp: &mut Temp<D>) -> Result<(), Error> {
        temp.rename_to(&self.name).map_err(|e| self.error("rename a temporary file to", e))
    }

    /// Gives the new file its name if nothing has it.
    pub(crate) fn put_in_free_place(&self, temp: &mut Temp<D>) -> Result<(), Error> {
        temp.rename_to_new(&self.name).map_err(|e| match e.kind() {
            io::ErrorKind::AlreadyExists => Error::AlreadyExists { path: self.path() },
            _ => self.error("rename a temporary file to", e),
        })
    }

    /// Makes the new name durable, if that was asked for.
    pub(crate) fn sync_name(&self) -> Result<(), Error> {
        if self.options.durability == Durability::None {
            return Ok(());
        }
        sync_names(&self.disk, &self.dir)
            .map(drop)
            .map_err(|source| Error::CommittedNotDurable { path: self.path(), source })
    }

    /// Whether a directory is the one that holds the name.
    pub(crate) fn is_in(&self, dir: &D::Dir) -> io::Result<bool> {
        let here = OsStr::new(".");
        let ours = uninterrupted(|| self.disk.entry(&self.dir, here))?;
        let theirs = uninterrupted(|| self.disk.entry(dir, here))?;
        Ok(ours.map(|entry| entry.id) == theirs.map(|entry| entry.id))
    }

    pub(crate) fn disk(&self) -> &D {
        &self.disk
    }

    pub(crate) fn dir(&self) -> &Arc<D::Dir> {
        &self.dir
    }

    pub(crate) fn name(&self) -> &OsStr {
        &self.name
    }

    /// The path, for messages.
    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.disk.show(&self.dir, &self.name)
    }

    /// Says what could not be done, and to which file.
    pub(crate) fn error(&self, operation: &'static str, source: io::Error) -> Error {
        Error::io(operation, &self.path(), source)
    }

    fn cannot_keep(&self, old: &Entry, source: io::Error) -> Error {
        if source.kind() == io::ErrorKind::PermissionDenied && old.uid() != self.disk.user() {
            return Error::ForeignOwner { path: self.path(), uid: old.uid() };
        }
        self.error("keep the owner and mode of", source)
    }
}

/// The directory and name that a link leads to, still reached through the directory that was opened.
fn follow<D: Disk>(disk: &D, dir: &D::Dir, name: &OsStr) -> Result<(D::Dir, OsString), Error> {
    let shown = disk.show(dir, name);
    let target =
        uninterrupted(|| disk.read_link(dir, name)).map_err(|e| Error::io("read the link", &shown, e))?;
    let target_name = dir::file_name(&target)?.to_owned();
    let parent = dir::parent_of(&target);
    let parent = uninterrupted(|| disk.open_dir(Some(dir), &parent))
        .map_err(|e| Error::io("open the directory that is linked by", &shown, e))?;
    Ok((parent, target_name))
}

fn is_out_of_space(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
