//! Which store a command works on.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use unforget::{Create, Error, Options, Unforget};

use crate::failure::{Failure, exit};

/// The flag, else the environment, else the user's data directory; never relative to where the command runs unless
/// the person said so.
pub(crate) fn directory(flag: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(directory) = flag {
        return Ok(directory.to_path_buf());
    }
    if let Some(directory) = std::env::var_os("UNFORGET_STORE").filter(|directory| !directory.is_empty()) {
        return Ok(PathBuf::from(directory));
    }
    match etcetera::choose_base_strategy() {
        Ok(base) => Ok(base.data_dir().join("unforget")),
        Err(_) => Err(Failure::new(
            ("usage", exit::USAGE),
            "there is no home directory to keep a store in",
            "name a directory with --store or UNFORGET_STORE",
        )),
    }
}

pub(crate) fn open(flag: Option<&Path>, create: Create) -> Result<Unforget, Failure> {
    let directory = directory(flag)?;
    if create != Create::Never {
        return Ok(Options::default().create(create).open(directory)?);
    }
    existing(&directory)?.ok_or_else(|| Error::NotFound { path: directory }.into())
}

/// The store in a directory; `None` if there is none.
pub(crate) fn existing(directory: &Path) -> Result<Option<Unforget>, Failure> {
    // An empty directory that others may enter is no store either, and nothing in it has to be mistrusted.
    let is_empty = std::fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none());
    if is_empty && !directory.is_symlink() {
        return Ok(None);
    }
    match Options::default().create(Create::Never).open(directory) {
        Ok(store) => Ok(Some(store)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
