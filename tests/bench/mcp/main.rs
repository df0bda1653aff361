//! `cargo bench -p unforget-bench --bench mcp`: the MCP server beside the official memory server.
//!
//! `--ours PROGRAM` and `--official SCRIPT` name the two; `cargo xtask peers` builds and installs them and calls this.
//! A word chooses a part: `same`, `survivors`, `latency`, `start`, `kills`. Without `--ours` there is nothing to
//! measure, and a line says so.
#![expect(clippy::print_stdout, reason = "a table is what it is for")]
#![expect(clippy::expect_used, reason = "a benchmark that fails has nothing to say")]

mod calls;
mod graph;
mod kills;
mod latency;
mod same;
mod server;
mod start;
mod survivors;

use std::path::PathBuf;

use tempfile::TempDir;

use crate::server::Program;

/// How much is measured.
#[derive(Clone, Copy)]
struct Effort {
    /// How often each contender takes its turn; the median counts.
    rounds: usize,
    smoke: bool,
}

type Part = fn(&[Program], Effort);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let programs = contenders(&arguments);
    if programs.is_empty() {
        println!("no server to measure: `cargo xtask peers` builds and installs them");
        return;
    }
    let smoke = arguments.iter().any(|argument| argument == "--smoke");
    let effort = Effort { rounds: if smoke { 1 } else { 5 }, smoke };
    let parts: [(&str, Part); 5] = [
        ("same", same::run),
        ("survivors", survivors::run),
        ("latency", latency::run),
        ("start", start::run),
        ("kills", kills::run),
    ];
    let wanted = |name: &str| arguments.iter().any(|argument| argument == name);
    let all = !parts.iter().any(|(name, _)| wanted(name));
    for (name, part) in parts {
        if all || wanted(name) {
            part(&programs, effort);
        }
    }
}

fn contenders(arguments: &[String]) -> Vec<Program> {
    let after = |option: &str| {
        let place = arguments.iter().position(|argument| argument == option)?;
        arguments.get(place + 1).map(PathBuf::from)
    };
    let ours = after("--ours").map(Program::Ours);
    let official = after("--official").map(Program::Official);
    ours.into_iter().chain(official).collect()
}

/// The files are in the build directory, which is on a real disk where the temporary directory need not be.
fn fresh_dir() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory on the disk")
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
