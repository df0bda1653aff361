//! Checks the workspace: `cargo xtask verify` is what CI runs, and each of its parts runs alone.
//!
//! A task reads the workspace through cargo's own metadata and git's own list of files, and drives plain
//! `cargo` commands, so that a developer can repeat every one of them by hand. Nothing here needs more than
//! a stable toolchain and git.
//!
//! - [`tidy`] holds the rules that no compiler checks: layers, budgets, words, links, guarantees.
//! - `verify` runs everything in order and stops at the first failure.
//! - `loom` and `shuttle` run each model in a process of its own, because a failing model can abort its process.
//! - `torture` kills the holders of locks, more often than a test run does.
//! - `teeth` removes one protection at a time and demands that a test notices.
//! - `clients` and `peers` install other people's MCP clients and server, and are never part of `verify`.
//!
//! # Limitations
//!
//! Tidy reads Rust through `syn`: code inside macro invocations is seen as text only.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "what a task prints is its product")]

mod arguments;
mod elsewhere;
mod error;
mod files;
mod invocation;
mod models;
mod teeth;
pub mod tidy;
mod torture;
mod verify;
mod workspace;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use arguments::Task;
pub use error::Error;
use workspace::Workspace;

const FAILED: u8 = 1;
const USAGE: u8 = 2;

/// Runs the task the arguments name and returns its exit code: 0, 1 for a failure, 2 for wrong usage.
pub fn run(arguments: &[String]) -> ExitCode {
    let task = match Task::parse(arguments) {
        Ok(task) => task,
        Err(complaint) => {
            complain(&format!("{complaint}\n\n{}", arguments::USAGE));
            return ExitCode::from(USAGE);
        }
    };
    match perform(&task) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILED),
        Err(error) => {
            complain(&error::with_sources(&error));
            ExitCode::from(FAILED)
        }
    }
}

fn perform(task: &Task) -> Result<bool, Error> {
    if let Task::Help = task {
        println!("{}", arguments::USAGE);
        return Ok(true);
    }
    let workspace = Workspace::load(&root())?;
    match task {
        Task::Help => Ok(true),
        Task::Verify => verify::run(&workspace),
        Task::Tidy => tidy::run(workspace.root()),
        Task::Models(checker, selection) => models::run(&workspace, *checker, selection),
        Task::Torture { long } => torture::run(&workspace, *long),
        Task::Teeth(selection) => teeth::run(&workspace, selection.as_deref()),
        Task::Clients => elsewhere::clients(&workspace),
        Task::Peers(part) => elsewhere::peers(&workspace, part.as_deref()),
    }
}

/// The directory that holds the workspace this xtask was built from.
fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_path_buf()
}

#[expect(clippy::print_stderr, reason = "the one place that prints errors")]
fn complain(message: &str) {
    eprintln!("{message}");
}
