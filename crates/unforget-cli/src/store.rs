//! Which store a command works on.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use unforget::{Create, Error, Options, Unforget};

use crate::failure::{Failure, exit};

/// Where the store is, for all programs that a person starts.
const VARIABLE: &str = "UNFORGET_STORE";

/// The path that a shell would have made of one that begins with `~`: in the configuration of a client nobody does.
pub(crate) fn expand_home(path: &Path) -> Result<PathBuf, Failure> {
    match path.strip_prefix("~") {
        Err(_) => Ok(path.to_path_buf()),
        Ok(rest) => match etcetera::home_dir() {
            Ok(home) => Ok(home.join(rest)),
            Err(_) => Err(Failure::new(
                ("usage", exit::USAGE),
                format!("there is no home directory for {}", path.display()),
                "give an absolute path",
            )),
        },
    }
}

/// The flag, else the environment, else the user's data directory; never relative to where the command runs unless
/// the person said so.
pub(crate) fn directory(flag: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(directory) = flag {
        return expand_home(directory);
    }
    if let Some(directory) = std::env::var_os(VARIABLE).filter(|directory| !directory.is_empty()) {
        let directory = expand_home(Path::new(&directory))?;
        if directory.is_relative() {
            return Err(Failure::new(
                ("usage", exit::USAGE),
                format!("{VARIABLE} is {}, relative to wherever a command is started", directory.display()),
                "give it an absolute path; ~ is your home directory",
            ));
        }
        return Ok(directory);
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
