//! A place for a database that nothing is to survive of.
//!
//! SQLite's own databases in memory are either of one connection, so that readers and the writer wait for each other, or
//! share a cache, whose locks no busy timeout covers. A file on a file system in memory has neither fault: the engine is
//! the same as on a disk, with its snapshots, and what is tested of one is true of the other.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use unforget_fs::{LockFile, LockOptions, SecureDir};

use crate::{Result, file};

/// Where databases in memory are: on Linux nowhere but in memory, or what is to leave no trace would be on a disk.
fn root() -> PathBuf {
    if cfg!(target_os = "linux") { PathBuf::from("/dev/shm") } else { std::env::temp_dir() }
}

const PREFIX: &str = "unforget-memory-";
const LOCK: &str = "place.lock";

/// How many names are tried; each that is taken is a place of a dead process of the same number.
const NAMES: u32 = 1000;

/// How many places of dead processes are removed at once.
const SWEPT: usize = 64;

/// Tells the places of this process apart. It orders nothing, so Relaxed suffices.
static MADE: AtomicU32 = AtomicU32::new(0);

/// A directory that is removed when this is dropped; by the next who makes one, if the process is killed.
#[derive(Debug)]
pub(crate) struct Place {
    directory: PathBuf,
    /// Says that somebody lives here.
    _lock: LockFile,
}

impl Place {
    pub(crate) fn make() -> Result<Self> {
        Self::make_in(&root())
    }

    fn make_in(root: &Path) -> Result<Self> {
        let root =
            std::fs::canonicalize(root).map_err(|source| file::io("find the directory", root, source))?;
        sweep(&root);
        for _ in 0..NAMES {
            let number = MADE.fetch_add(1, Ordering::Relaxed);
            let directory = root.join(format!("{PREFIX}{}-{number}", std::process::id()));
            match make_private(&directory) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
                Err(source) => return Err(file::io("create", &directory, source)),
            }
            // Somebody who sweeps may have been faster than our lock; then the place is theirs to remove.
            if let Ok(lock) = LockFile::try_acquire(&directory.join(LOCK), &LockOptions::new()) {
                return Ok(Self { directory, _lock: lock });
            }
        }
        let taken = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        Err(file::io("make a directory of its own in", &root, taken))
    }

    /// The file of the database.
    pub(crate) fn file(&self) -> PathBuf {
        self.directory.join("memory.db")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What cannot be removed is left to whoever sweeps.
        let _swept_otherwise = std::fs::remove_dir_all(&self.directory);
    }
}

#[cfg(unix)]
fn make_private(directory: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().mode(0o700).create(directory)
}

#[cfg(not(unix))]
fn make_private(directory: &Path) -> std::io::Result<()> {
    std::fs::create_dir(directory)
}

/// Removes what processes of this user left that were killed: the kernel released their locks.
fn sweep(root: &Path) {
    let Ok(entries) = std::fs::read_dir(root) else { return };
    let names = entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    for entry in names.take(SWEPT) {
        // Refuses links and what belongs to others.
        let Ok(place) = SecureDir::open(&entry.path()) else { continue };
        if let Ok(_nobody_lives_there) = LockFile::try_acquire(&place.file(LOCK), &LockOptions::new()) {
            let _gone_already = std::fs::remove_dir_all(place.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_private_and_gone_with_its_owner() {
        let root = tempfile::tempdir().unwrap();
        let (one, other) = (Place::make_in(root.path()).unwrap(), Place::make_in(root.path()).unwrap());
        assert_ne!(one.file(), other.file(), "each is of its own");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(&one.directory).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "for its owner only");
        }
        drop(one);
        assert!(other.directory.exists(), "and not with its neighbour");
        drop(other);
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_database_in_memory_is_on_a_file_system_in_memory_or_refused() {
        assert_eq!(root(), Path::new("/dev/shm"));
        let none = Path::new("/there/is/no/memory");
        let refused = Place::make_in(none).unwrap_err();
        assert!(refused.to_string().contains("/there/is/no/memory"), "{refused}");
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_what_lives_is_not() {
        let root = tempfile::tempdir().unwrap();
        let living = Place::make_in(root.path()).unwrap();
        let left = root.path().join(format!("{PREFIX}4711-0"));
        make_private(&left).unwrap();
        std::fs::write(left.join("memory.db"), "what nobody needs").unwrap();
        let stranger = root.path().join("unforget-other");
        make_private(&stranger).unwrap();
        let next = Place::make_in(root.path()).unwrap();
        assert!(!left.exists(), "its lock was free");
        assert!(living.directory.exists() && next.directory.exists() && stranger.exists());
    }
}
