//! Replacing a file so that every crash leaves the old one or the new one, whole.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::Path;

use crate::Error;
use crate::dir::{self, Dir, Entry};
use crate::temp::Temp;

/// After a failed sync the content is written to a new file from memory this many times.
const NEW_FILES_AFTER_A_FAILED_SYNC: u32 = 2;

/// How many links are followed to a file; the limit of Linux.
const LINKS_FOLLOWED: u32 = 40;

/// What survives a power loss once the call has returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Content and name: the file and its directory are synced.
    #[default]
    Full,
    /// Nothing is promised for a power loss; a crash of the process still leaves the old or the new file.
    None,
}

/// What happens when the path to replace is a symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SymlinkPolicy {
    /// The call fails with [`Error::Symlink`].
    #[default]
    Refuse,
    /// The file that the link points to is replaced, and the link stays.
    Follow,
    /// The link itself gives way to a regular file.
    ReplaceLink,
}

/// How [`replace`] does its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplaceOptions {
    durability: Durability,
    symlinks: SymlinkPolicy,
    new_file_mode: u32,
}

impl ReplaceOptions {
    /// Full durability, links refused, new files readable by their owner only.
    pub const fn new() -> Self {
        Self { durability: Durability::Full, symlinks: SymlinkPolicy::Refuse, new_file_mode: 0o600 }
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
}

impl Default for ReplaceOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// Replaces the content of `path`, or creates it, in one step.
///
/// A reader sees the old file or the new one, never a mixture. With [`Durability::Full`] the new one survives
/// a power loss once this has returned. Mode and owner of the old file are kept; its hard links, access
/// control lists and extended attributes are not.
///
/// The directory must exist ([`create_dir_all`](crate::create_dir_all) makes it durably) and must be on a
/// file system with `rename`; nothing is ever copied over the old file.
///
/// # Errors
///
/// [`Error::CommittedNotDurable`] says that the file *was* replaced. After every other error the old file is
/// as it was and no temporary file remains, unless removing it failed too.
///
/// # Blocking
///
/// Waits for the disk: twice with [`Durability::Full`].
///
/// # Examples
///
/// ```
/// use unforget_fs::{ReplaceOptions, replace};
///
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("settings.json");
/// replace(&path, b"{\"theme\":\"dark\"}", &ReplaceOptions::default())?;
/// assert_eq!(std::fs::read(&path)?, b"{\"theme\":\"dark\"}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn replace(path: &Path, contents: &[u8], options: &ReplaceOptions) -> Result<(), Error> {
    replace_if(path, contents, options, || Ok::<(), Error>(()))
}

/// Replaces the content of `path` if `still_ours` agrees at the last moment.
///
/// `still_ours` runs once, after everything is written and synced and before the new file gets its name: the
/// place to check that a lock is still held ([`LockFile::verify`](crate::LockFile::verify)) or that a
/// revision is still the expected one. Its error is returned as it is, and then nothing has changed.
///
/// # Examples
///
/// ```
/// use unforget_fs::{LockFile, LockOptions, ReplaceOptions, replace_if};
///
/// # let dir = tempfile::tempdir()?;
/// let (path, lock) = (dir.path().join("counter"), dir.path().join("counter.lock"));
/// let guard = LockFile::acquire(&lock, &LockOptions::default())?;
/// replace_if(&path, b"1", &ReplaceOptions::default(), || guard.verify())?;
/// guard.release()?;
/// assert_eq!(std::fs::read(&path)?, b"1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn replace_if<E: From<Error>>(
    path: &Path,
    contents: &[u8],
    options: &ReplaceOptions,
    still_ours: impl FnOnce() -> Result<(), E>,
) -> Result<(), E> {
    let barriers = Barriers { file: &dir::sync_file, dir: &Dir::sync };
    replace_with(path, contents, *options, still_ours, &barriers)
}

/// The two calls that make things durable, as parameters: their failure is what the protocol is about, and no
/// test can make a real disk fail.
struct Barriers<'a> {
    file: &'a dyn Fn(&File) -> io::Result<()>,
    dir: &'a dyn Fn(&Dir) -> io::Result<()>,
}

/// The steps in their order; each is a call on [`Target`], [`Temp`] or [`Barriers`].
fn replace_with<E: From<Error>>(
    path: &Path,
    contents: &[u8],
    options: ReplaceOptions,
    still_ours: impl FnOnce() -> Result<(), E>,
    barriers: &Barriers<'_>,
) -> Result<(), E> {
    let target = Target::resolve(path, options.symlinks)?;
    let temp = target.write_new_file(contents, options, barriers)?;
    still_ours()?;
    target.put_in_place(temp)?;
    if options.durability == Durability::Full {
        (barriers.dir)(&target.dir)
            .map_err(|source| Error::CommittedNotDurable { path: path.to_owned(), source })?;
    }
    Ok(())
}

/// The name to replace, in the directory that was opened once.
struct Target {
    dir: Dir,
    name: OsString,
    /// The regular file that has the name now.
    old: Option<Entry>,
}

impl Target {
    fn resolve(path: &Path, symlinks: SymlinkPolicy) -> Result<Self, Error> {
        let (mut dir, mut name) = dir::open_parent(path)?;
        for _ in 0..=LINKS_FOLLOWED {
            let shown = dir.join(&name);
            let Some(entry) = dir.entry(&name).map_err(|e| Error::io("look at", &shown, e))? else {
                return Ok(Self { dir, name, old: None });
            };
            if entry.is_regular() {
                return Ok(Self { dir, name, old: Some(entry) });
            }
            if !entry.is_symlink() {
                return Err(Error::NotRegular { path: shown, found: entry.kind() });
            }
            match symlinks {
                SymlinkPolicy::Refuse => return Err(Error::Symlink { path: shown }),
                SymlinkPolicy::ReplaceLink => return Ok(Self { dir, name, old: None }),
                SymlinkPolicy::Follow => (dir, name) = follow(&dir, &name)?,
            }
        }
        Err(Error::io(
            "follow",
            path,
            io::Error::other(format!("there are more than {LINKS_FOLLOWED} links")),
        ))
    }

    /// Writes and syncs the content; a sync that failed is never repeated on the same file.
    ///
    /// A failed sync marks the pages clean, so a second one would succeed without the data. Only a new file,
    /// written again from memory, can prove anything. A full disk will not get better by that.
    fn write_new_file(
        &self,
        contents: &[u8],
        options: ReplaceOptions,
        barriers: &Barriers<'_>,
    ) -> Result<Temp<'_>, Error> {
        let mut new_files_left = NEW_FILES_AFTER_A_FAILED_SYNC;
        loop {
            let temp = self.write_unsynced(contents, options)?;
            if options.durability == Durability::None {
                return Ok(temp);
            }
            match (barriers.file)(temp.file()) {
                Ok(()) => return Ok(temp),
                Err(e) if new_files_left == 0 || is_out_of_space(&e) => return Err(self.error("sync", e)),
                Err(_) => new_files_left -= 1,
            }
        }
    }

    fn write_unsynced(&self, contents: &[u8], options: ReplaceOptions) -> Result<Temp<'_>, Error> {
        let temp = Temp::create(&self.dir).map_err(|e| self.error("create a temporary file beside", e))?;
        temp.write_all(contents).map_err(|e| self.error("write the new content of", e))?;
        match &self.old {
            Some(old) => temp.copy_owner_and_mode(old).map_err(|e| self.cannot_keep(old, e))?,
            None => temp.set_mode(options.new_file_mode).map_err(|e| self.error("set the mode of", e))?,
        }
        Ok(temp)
    }

    /// There is no fallback to copying: a copy over the old file is what this module exists to avoid.
    fn put_in_place(&self, temp: Temp<'_>) -> Result<(), Error> {
        temp.rename_to(&self.name).map_err(|e| self.error("rename a temporary file to", e))
    }

    fn cannot_keep(&self, old: &Entry, source: io::Error) -> Error {
        if source.kind() == io::ErrorKind::PermissionDenied && !dir::is_owned_by_us(old) {
            return Error::ForeignOwner { path: self.dir.join(&self.name), uid: old.uid() };
        }
        self.error("keep the owner and mode of", source)
    }

    fn error(&self, operation: &'static str, source: io::Error) -> Error {
        Error::io(operation, &self.dir.join(&self.name), source)
    }
}

/// The directory and name that a link leads to, still reached through the directory that was opened.
fn follow(dir: &Dir, name: &OsStr) -> Result<(Dir, OsString), Error> {
    let shown = dir.join(name);
    let target = dir.read_link(name).map_err(|e| Error::io("read the link", &shown, e))?;
    let target_name = dir::file_name(&target)?.to_owned();
    let parent = dir::parent_of(&target);
    let parent =
        dir.open_at(&parent).map_err(|e| Error::io("open the directory that is linked by", &shown, e))?;
    Ok((parent, target_name))
}

fn is_out_of_space(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::HashSet;

    use super::*;

    const OPTIONS: ReplaceOptions = ReplaceOptions::new();

    fn failing(kind: io::ErrorKind) -> io::Error {
        io::Error::from(kind)
    }

    /// What was seen of a replacement of "old" by "new" whose first syncs failed.
    struct Seen {
        outcome: Result<(), Error>,
        syncs: usize,
        files_synced: usize,
        contents_left: Vec<String>,
    }

    fn with_failing_syncs(failures: usize, kind: io::ErrorKind) -> Seen {
        let root = tempfile::tempdir().expect("a temporary directory");
        let path = root.path().join("file");
        std::fs::write(&path, "old").expect("the old file");
        // The files stay open, so that no inode number is given out twice.
        let synced = RefCell::new(Vec::new());
        let sync = |file: &File| {
            synced.borrow_mut().push(file.try_clone()?);
            if synced.borrow().len() <= failures { Err(failing(kind)) } else { dir::sync_file(file) }
        };
        let barriers = Barriers { file: &sync, dir: &Dir::sync };
        let outcome = replace_with(&path, b"new", OPTIONS, || Ok::<(), Error>(()), &barriers);
        let ids: HashSet<_> =
            synced.borrow().iter().map(|file| dir::entry_of(file).unwrap().id().clone()).collect();
        let left = root.path().read_dir().expect("readable").map(|entry| entry.expect("an entry").path());
        let contents_left = left.map(|path| std::fs::read_to_string(path).expect("text")).collect();
        Seen { outcome, syncs: synced.borrow().len(), files_synced: ids.len(), contents_left }
    }

    #[test]
    fn a_failed_sync_is_answered_with_a_new_file_from_memory() {
        let seen = with_failing_syncs(2, io::ErrorKind::Other);
        seen.outcome.expect("the third file is synced");
        assert_eq!(seen.syncs, 3);
        assert_eq!(seen.files_synced, 3, "no file is synced again after its sync failed");
        assert_eq!(seen.contents_left, ["new"], "no file of a failed attempt remains");
    }

    #[test]
    fn the_third_failed_sync_is_the_last() {
        let seen = with_failing_syncs(usize::MAX, io::ErrorKind::Other);
        assert!(matches!(seen.outcome, Err(Error::Io { operation: "sync", .. })), "{:?}", seen.outcome);
        assert_eq!(seen.syncs, 3, "one attempt and two new files");
        assert_eq!(seen.contents_left, ["old"], "the old file, and no temporary one");
    }

    #[test]
    fn a_full_disk_is_not_tried_again() {
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
            let seen = with_failing_syncs(usize::MAX, kind);
            assert!(matches!(seen.outcome, Err(Error::Io { operation: "sync", .. })), "{:?}", seen.outcome);
            assert_eq!(seen.syncs, 1, "{kind}");
            assert_eq!(seen.contents_left, ["old"], "{kind}");
        }
    }

    #[test]
    fn a_failed_directory_sync_says_that_the_file_was_replaced() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let path = root.path().join("file");
        std::fs::write(&path, "old").expect("the old file");
        let barriers = Barriers { file: &dir::sync_file, dir: &|_| Err(failing(io::ErrorKind::Other)) };
        let outcome = replace_with(&path, b"new", OPTIONS, || Ok::<(), Error>(()), &barriers);
        assert!(matches!(outcome, Err(Error::CommittedNotDurable { .. })), "{outcome:?}");
        assert_eq!(std::fs::read(&path).expect("there is a file"), b"new", "the error says committed");
    }

    #[test]
    fn nothing_is_synced_when_nothing_was_asked_to_be_durable() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let path = root.path().join("file");
        let options = OPTIONS.durability(Durability::None);
        let file = |_: &File| Err(failing(io::ErrorKind::Other));
        let barriers = Barriers { file: &file, dir: &|_| Err(failing(io::ErrorKind::Other)) };
        replace_with(&path, b"new", options, || Ok::<(), Error>(()), &barriers)
            .expect("no barrier is reached");
        assert_eq!(std::fs::read(&path).expect("there is a file"), b"new");
    }

    #[test]
    fn the_file_is_whole_and_synced_before_it_is_checked_and_named() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let path = root.path().join("file");
        let steps = RefCell::new(Vec::new());
        let note = |step: &'static str| steps.borrow_mut().push((step, path.exists()));
        let sync = |file: &File| {
            note("file");
            assert_eq!(file.metadata()?.len(), 3, "everything is written before the sync");
            dir::sync_file(file)
        };
        let sync_dir = |dir: &Dir| {
            note("directory");
            dir.sync()
        };
        let barriers = Barriers { file: &sync, dir: &sync_dir };
        let check = || {
            note("check");
            Ok::<(), Error>(())
        };
        replace_with(&path, b"new", OPTIONS, check, &barriers).expect("replaced");
        assert_eq!(*steps.borrow(), [("file", false), ("check", false), ("directory", true)]);
    }
}
