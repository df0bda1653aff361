//! Serves MCP clients.

mod config;
mod memory_file;

use std::path::{Path, PathBuf};
use std::time::Duration;

use unforget::{Create, Options};
use unforget_mcp::{Memory, Settings};

use crate::cli::Serve;
use crate::failure::{Failure, exit};
use crate::output::Report;
use crate::store;

use self::config::Configuration;

/// How long a write waits for others at most, and which part of a call's time. It gives up before the call does, because
/// it can say whom it waited for and that nothing was changed.
const PATIENCE: Duration = Duration::from_secs(10);
const PART: f64 = 0.75;

pub(crate) fn run(flag: Option<&Path>, args: &Serve, json: bool) -> Result<Report, Failure> {
    let place = Place::choose(flag, args.memory_file.as_deref())?;
    if let Some(client) = args.print_config {
        return Ok(Configuration::of_this_program(&place, args)?.report(client));
    }
    if json {
        return Err(Failure::new(
            ("usage", exit::USAGE),
            "a server speaks its protocol on standard output",
            "leave out --json",
        ));
    }
    let settings = Settings::default().timeout(args.timeout).rate_limit(args.rate_limit.0);
    let deadline = PATIENCE.min(args.timeout.mul_f64(PART));
    unforget_mcp::serve_stdio(move || open(&place, deadline), settings)?;
    Ok(Report::new(serde_json::Value::Null, ""))
}

/// Where the memory is.
#[derive(Debug)]
enum Place {
    /// In a store.
    Store(PathBuf),
    /// In a file that the official server can read, and the store beside it.
    File(PathBuf),
}

impl Place {
    /// The flags, else the environment, else the user's data directory.
    fn choose(store: Option<&Path>, file: Option<&Path>) -> Result<Self, Failure> {
        if let (Some(_), Some(_)) = (store, file) {
            return Err(Failure::new(
                ("usage", exit::USAGE),
                "--store and --memory-file both say where the memory is",
                "leave one of them out; the store of a memory file is beside it",
            ));
        }
        if store.is_none() {
            let variable = std::env::var_os(memory_file::VARIABLE).filter(|path| !path.is_empty());
            if let Some(file) = file.map(Path::to_path_buf).or_else(|| variable.map(PathBuf::from)) {
                return Ok(Self::File(memory_file::resolve(&file)?));
            }
        }
        Ok(Self::Store(store::directory(store)?))
    }

    fn store(&self) -> PathBuf {
        match self {
            Self::Store(directory) => directory.clone(),
            Self::File(file) => memory_file::store(file),
        }
    }
}

fn open(place: &Place, deadline: Duration) -> unforget::Result<Memory> {
    let store = Options::default().create(Create::Always).deadline(deadline).open(place.store())?;
    match place {
        Place::Store(_) => Ok(Memory::new(store)),
        Place::File(file) => Memory::mirrored(store, file),
    }
}
