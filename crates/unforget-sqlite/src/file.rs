//! Which file a path means, and whether it is one we may open.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::{Error, Result};

/// Tells one file from another that took its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileId {
    device: u64,
    number: u64,
}

/// Names the file by its directory's real path, so that two ways to it are one engine; refuses what could be
/// reached under a second name.
pub(crate) fn resolve(path: &Path) -> Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| {
        io("open", path, std::io::Error::new(std::io::ErrorKind::InvalidInput, "the path names no file"))
    })?;
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let directory =
        fs::canonicalize(directory).map_err(|source| io("find the directory", directory, source))?;
    let path = directory.join(name);
    if let Some(metadata) = metadata(&path)? {
        let refused =
            |why: &str| io("open", &path, std::io::Error::new(std::io::ErrorKind::InvalidInput, why));
        if metadata.is_symlink() {
            return Err(refused("it is a symbolic link; name the file it points to"));
        }
        if !metadata.is_file() {
            return Err(refused("it is not a regular file"));
        }
        if names(&metadata) > 1 {
            return Err(refused("it has several hard links; copy it to a file of its own"));
        }
    }
    Ok(path)
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

#[cfg(unix)]
fn names(metadata: &Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    metadata.nlink()
}

/// Windows does not let an open database be replaced, so every file of a name is the same one.
#[cfg(not(unix))]
pub(crate) fn identify(_: &Metadata) -> FileId {
    FileId { device: 0, number: 0 }
}

#[cfg(not(unix))]
fn names(_: &Metadata) -> u64 {
    1
}

pub(crate) fn io(operation: &'static str, path: &Path, source: std::io::Error) -> Error {
    Error::Io { operation, path: path.to_path_buf(), source: Arc::new(source) }
}
