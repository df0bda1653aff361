//! Which store a command works on.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use unforget::{Create, Options, Unforget};

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
    Ok(Options::default().create(create).open(directory)?)
}
