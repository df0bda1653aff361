//! `cargo bench -p unforget-bench --bench sqlite`: rows into one file, beside what programs do today.
//!
//! `-- --smoke` is quick. A word chooses a part: `callers`, `flight`, `processes`, `reads`, `log`.
//! The files are in the build directory, which is on a real disk where the temporary directory need not be.
#![expect(clippy::print_stdout, reason = "a table is what it is for")]
#![expect(clippy::expect_used, reason = "a benchmark that fails has nothing to say")]
#![expect(clippy::panic, reason = "a contender that fails has nothing to compare")]
#![expect(clippy::cast_precision_loss, reason = "numbers of rows and bytes are far below 2^52")]

mod callers;
mod figures;
mod flight;
mod log;
mod processes;
mod reads;
mod row;
mod stores;

use std::time::Duration;

use tempfile::TempDir;

/// How much is measured.
#[derive(Clone, Copy)]
struct Effort {
    /// How often each contender takes its turn; the median counts.
    rounds: usize,
    /// How long a turn is.
    turn: Duration,
    smoke: bool,
}

type Part = fn(Effort);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if processes::is_child(&arguments) {
        return processes::child(&arguments);
    }
    // cargo says `--bench` when it benchmarks; run as a test, or asked to, it only shows that it works.
    let smoke = arguments.iter().any(|argument| argument == "--smoke")
        || !arguments.iter().any(|argument| argument == "--bench");
    let effort = if smoke {
        Effort { rounds: 1, turn: Duration::from_millis(40), smoke }
    } else {
        Effort { rounds: 5, turn: Duration::from_millis(800), smoke }
    };
    let _runtime = stores::runtime().enter();
    let wanted = arguments.iter().find(|argument| !argument.starts_with("--"));
    let parts: [(&str, Part); 5] = [
        ("callers", callers::run),
        ("flight", flight::run),
        ("processes", processes::run),
        ("reads", reads::run),
        ("log", log::run),
    ];
    for (name, part) in parts {
        if wanted.is_none_or(|wanted| wanted == name) {
            part(effort);
        }
    }
}

fn fresh_dir() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory on the disk")
}
