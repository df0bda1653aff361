//! The file of the official memory server: how it is named, and where its store is.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, exit};
use crate::store::expand_home;

/// How the official server is told of its file.
pub(super) const VARIABLE: &str = "MEMORY_FILE_PATH";

/// What is put behind the file's name for the store's directory.
const SUFFIX: &str = ".unforget";

/// The absolute path of a file, of which the beginning `~` is the home directory, with links to a file that is there
/// followed.
///
/// # Errors
///
/// If the path is relative and no file is there: clients start servers in directories of their own choice, so that a
/// new file would be somewhere else each time.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, Failure> {
    let expanded = expand_home(path)?;
    let absolute = if expanded.is_absolute() {
        expanded
    } else if expanded.is_file() {
        std::path::absolute(&expanded).map_err(|error| Failure::io("find", &expanded, &error))?
    } else {
        return Err(Failure::new(
            ("usage", exit::USAGE),
            format!(
                "the memory file {} is relative to wherever this is started, and it is not there",
                path.display()
            ),
            format!("give an absolute path in --memory-file or {VARIABLE}; ~ is your home directory"),
        ));
    };
    if absolute.is_dir() || absolute.file_name().is_none() || is_named_as_directory(path) {
        return Err(Failure::new(
            ("usage", exit::USAGE),
            format!("the memory file {} is a directory", absolute.display()),
            "name a file in it, such as memory.jsonl",
        ));
    }
    // Whoever names the file by a link and whoever names it by its own name have to have one store.
    Ok(std::fs::canonicalize(&absolute).unwrap_or(absolute))
}

/// The directory of the store that belongs to a file.
pub(super) fn store(file: &Path) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(SUFFIX);
    name.into()
}

fn is_named_as_directory(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().last().is_some_and(|last| std::path::is_separator(char::from(*last)))
}
