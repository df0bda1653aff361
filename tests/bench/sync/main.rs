//! `cargo bench -p unforget-bench --bench sync`: the primitives beside what else there is. `-- --smoke` is quick.

#![expect(clippy::print_stdout, reason = "a table is what it is for")]
#![expect(clippy::expect_used, reason = "a benchmark that fails has nothing to say")]

mod cells;
#[path = "../drive.rs"]
mod drive;
#[path = "../lanes.rs"]
mod lanes;
mod queue;
mod table;

/// How much is measured.
#[derive(Clone, Copy)]
struct Effort {
    /// How often each contender takes its turn; the median counts.
    rounds: usize,
    /// Multiplies the size of every workload.
    scale: usize,
}

fn main() {
    // cargo says `--bench` when it benchmarks; run as a test, or asked to, it only shows that it works.
    let arguments: Vec<String> = std::env::args().collect();
    let smoke = arguments.iter().any(|argument| argument == "--smoke")
        || !arguments.iter().any(|argument| argument == "--bench");
    let effort = if smoke { Effort { rounds: 1, scale: 1 } } else { Effort { rounds: 7, scale: 8 } };
    // Whatever else is said is the part of a title: `-- "16 producers"`.
    let wanted = arguments.iter().skip(1).find(|argument| !argument.starts_with("--"));
    queue::run(effort, wanted.map_or("", String::as_str));
    cells::run(effort);
}
