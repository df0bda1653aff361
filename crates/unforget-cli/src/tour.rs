//! The tour: three processes write one store at the same time, one of them is killed and starts again, and what was
//! acknowledged is looked up afterwards.
//!
//! The parent is the outside observer. It tells each process which turn to say next, a few ahead, and notes what the
//! process acknowledges; the store is not asked until the end. A killed process starts again at the first turn it
//! had not acknowledged.

pub(crate) mod actor;
mod conversation;
mod report;
mod stage;

use std::path::{Path, PathBuf};

use unforget::Create;

use crate::cli::Tour;
use crate::failure::{Failure, exit};
use crate::output::Report;
use crate::store;

/// The key of the context that all processes update.
const CONTEXT: &str = "household";

/// What is asked at the end.
const QUESTIONS: [&str; 4] = [
    "Where is the spare key?",
    "When does the ferry to the island leave?",
    "What is Ilse allergic to?",
    "Which shade do we paint the kitchen?",
];

pub(crate) fn run(flag: Option<&Path>, args: &Tour, json: bool) -> Result<Report, Failure> {
    let place = Place::choose(args.directory.as_deref().or(flag))?;
    let run = run_name();
    let before = counted(&place.directory)?;
    let played = stage::play(&place.directory, &run, !json)?;
    let look = report::look_up(&place.directory, &played, before)?;
    Ok(look.into_report(place.kept()))
}

/// Where the store is: a directory that was named, or one that goes with the tour.
struct Place {
    directory: PathBuf,
    temporary: Option<tempfile::TempDir>,
}

impl Place {
    fn choose(named: Option<&Path>) -> Result<Self, Failure> {
        if let Some(named) = named {
            return Ok(Self { directory: named.to_path_buf(), temporary: None });
        }
        let temporary = tempfile::Builder::new()
            .prefix("unforget-tour-")
            .tempdir()
            .map_err(|error| Failure::io("create a directory in", &std::env::temp_dir(), &error))?;
        Ok(Self { directory: temporary.path().join("store"), temporary: Some(temporary) })
    }

    /// The directory, if it stays.
    fn kept(&self) -> Option<&Path> {
        self.temporary.is_none().then_some(&self.directory)
    }
}

/// What this tour's turn ids begin with, so that a tour can be repeated in one store.
fn run_name() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("tour-{:x}-{:x}", since.as_millis(), std::process::id())
}

/// How many context updates a store has before the tour.
///
/// Creates the store where there is none, so that a directory that cannot be one is told before any process starts.
fn counted(directory: &Path) -> Result<u64, Failure> {
    let store = store::open(Some(directory), Create::Always)?;
    let context = store.contexts().get(CONTEXT).map_err(unforget::Error::from)?;
    Ok(context.map_or(0, |context| context.conversations_count()))
}

fn broken(what: impl Into<String>) -> Failure {
    Failure::new(
        ("failure", exit::FAILURE),
        what,
        "run the tour again; if it happens again, please report it",
    )
}
