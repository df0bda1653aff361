//! Which file a path means, and whether it is one we may open.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use unforget_fs::FileSystem;

use crate::{Error, Result};

/// Tells one file from another that took its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileId {
    device: u64,
    number: u64,
}

/// Names the file by its directory's real path, so that two ways to it are one engine; refuses what could be
/// reached under a second name, and what belongs to somebody else.
pub(crate) fn resolve(path: &Path) -> Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| {
        io("open", path, std::io::Error::new(std::io::ErrorKind::InvalidInput, "the path names no file"))
    })?;
    refuse_reserved(path, name)?;
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let directory =
        fs::canonicalize(directory).map_err(|source| io("find the directory", directory, source))?;
    let path = directory.join(name);
    unforget_fs::check_own_file(&path)?;
    Ok(path)
}

/// What SQLite puts beside a database, by the end of its name.
pub(crate) const SIDE_FILES: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Refuses a name that SQLite, the turn or the generations give to files of their own: a backup in the place of a database's log would
/// cost what is only in the log, and one in the place of the turn would let two processes write at once.
fn refuse_reserved(path: &Path, name: &OsStr) -> Result<()> {
    let name = name.to_string_lossy();
    let is_reserved = SIDE_FILES.iter().any(|side| name.ends_with(side))
        || name.starts_with("turn.")
        || name == "generation";
    if !is_reserved {
        return Ok(());
    }
    let why = "the name belongs to a file beside a database; name another file";
    Err(io("use", path, std::io::Error::new(std::io::ErrorKind::InvalidInput, why)))
}

/// The file that has this name now.
pub(crate) fn id(path: &Path) -> Option<FileId> {
    metadata(path).ok().flatten().map(|metadata| identify(&metadata))
}

fn metadata(path: &Path) -> Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(io("look at", path, source)),
    }
}

#[cfg(unix)]
pub(crate) fn identify(metadata: &Metadata) -> FileId {
    use std::os::unix::fs::MetadataExt;
    FileId { device: metadata.dev(), number: metadata.ino() }
}

/// Windows does not let an open database be replaced, so every file of a name is the same one.
#[cfg(not(unix))]
pub(crate) fn identify(_: &Metadata) -> FileId {
    FileId { device: 0, number: 0 }
}

/// Refuses a directory whose file system other machines write too.
pub(crate) fn refuse_network(path: &Path, found: FileSystem) -> Result<()> {
    match found {
        FileSystem::Network { name } => {
            Err(Error::NetworkFileSystem { path: path.to_path_buf(), file_system: name })
        }
        _ => Ok(()),
    }
}

pub(crate) fn io(operation: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::Io { operation, path: path.to_path_buf(), source: Arc::new(source) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_file_system_is_refused_by_name_with_what_to_do() {
        let path = Path::new("/mnt/share/notes.db");
        let refused = refuse_network(path, FileSystem::Network { name: "NFS" }).unwrap_err();
        let message = refused.to_string();
        assert!(message.contains("/mnt/share/notes.db") && message.contains("NFS"), "{message}");
        assert!(message.contains("move it to a local disk"), "{message}");
        assert!(refuse_network(path, FileSystem::Local).is_ok());
    }
}
