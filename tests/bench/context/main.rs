//! `cargo bench -p unforget-bench --bench context`: contexts by key beside the maps they could be kept in.
//!
//! `-- --smoke` is quick, `-- --threads` leaves out what one thread does alone: there, what is compared is what a call
//! costs that waits for nobody.

#![expect(clippy::print_stdout, reason = "a table is what it is for")]
#![expect(clippy::expect_used, reason = "a benchmark that fails has nothing to say")]
#![expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]

mod contexts;
mod deferred;
mod locked;
mod maps;
#[path = "../sync/table.rs"]
mod table;
mod threads;
mod workload;

/// How much is measured.
#[derive(Clone, Copy)]
struct Effort {
    /// How often each contender takes its turn; the median counts.
    rounds: usize,
    /// The numbers of keys.
    sizes: &'static [usize],
}

fn main() {
    // cargo says `--bench` when it benchmarks; run as a test, or asked to, it only shows that it works.
    let arguments: Vec<String> = std::env::args().collect();
    if locked::was_idle(&arguments) {
        return;
    }
    let smoke = arguments.iter().any(|argument| argument == "--smoke")
        || !arguments.iter().any(|argument| argument == "--bench");
    let effort = if smoke {
        Effort { rounds: 1, sizes: &[1_000] }
    } else {
        Effort { rounds: 9, sizes: &[1_000, 100_000, 1_000_000] }
    };
    threads::run(effort);
    if arguments.iter().any(|argument| argument == "--threads") {
        return;
    }
    for size in effort.sizes {
        workload::run(effort, *size);
    }
}
