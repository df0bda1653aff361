//! Tests across the crates: threads and processes on one store, and the rules of the tree.

#![expect(clippy::expect_used, clippy::panic, reason = "a test whose preparations fail has failed")]
#![expect(clippy::print_stdout, reason = "tests say how much they looked at, and why they looked at nothing")]

mod child;
mod damage;
mod disk;
mod faults;
mod many;
mod real_input;
mod tidy;
