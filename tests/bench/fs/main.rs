//! `cargo bench -p unforget-bench --bench fs`: files and locks beside what else there is. `-- --smoke` is quick.
//!
//! The files are in the build directory, which is on a real disk where the temporary directory need not be.
#![cfg(unix)]
#![expect(clippy::print_stdout, reason = "a table is what it is for")]
#![expect(clippy::expect_used, reason = "a benchmark that fails has nothing to say")]

mod locks;
mod replacing;
#[path = "../sync/table.rs"]
mod table;

use std::path::Path;
use std::time::Instant;

use table::Contender;

/// How much is measured.
#[derive(Clone, Copy)]
struct Effort {
    /// How often each contender takes its turn; the median counts.
    rounds: usize,
    /// Operations in a turn.
    replacements: u32,
    locks: u32,
}

fn main() {
    // cargo says `--bench` when it benchmarks; run as a test, or asked to, it only shows that it works.
    let arguments: Vec<String> = std::env::args().collect();
    let smoke = arguments.iter().any(|argument| argument == "--smoke")
        || !arguments.iter().any(|argument| argument == "--bench");
    let effort = if smoke {
        Effort { rounds: 1, replacements: 2, locks: 20 }
    } else {
        Effort { rounds: 501, replacements: 2, locks: 100 }
    };
    let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory on the disk");
    let magic = rustix::fs::statfs(root.path()).expect("it is on a file system").f_type;
    println!("file system: {}", file_system(i128::from(magic)));
    replacing::run(effort, root.path());
    locks::run(effort, root.path());
}

/// The names of the usual ones; the numbers are those of `statfs(2)`.
fn file_system(magic: i128) -> String {
    let name = match magic {
        0xef53 => "ext4",
        0x5846_5342 => "XFS",
        0x9123_683e => "btrfs",
        0x0102_1994 => "tmpfs, which no sync waits for",
        0x794c_7630 => "overlayfs",
        other => return format!("{other:#x}"),
    };
    name.into()
}

/// Names a way to do something to the file at `path`, `operations` times in a turn.
fn contender(
    name: &'static str,
    path: &Path,
    operations: u32,
    mut operation: impl FnMut(&Path) + 'static,
) -> Contender {
    let path = path.to_owned();
    let operation = std::cell::RefCell::new(move || operation(&path));
    Contender::new(name, move || {
        let mut operation = operation.borrow_mut();
        let started = Instant::now();
        for _ in 0..operations {
            operation();
        }
        started.elapsed().as_secs_f64() * 1e9 / f64::from(operations)
    })
}
