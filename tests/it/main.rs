//! Tests across the crates: threads and processes on one store, and the rules of the tree.

#![expect(clippy::expect_used, clippy::panic, reason = "a test whose preparations fail has failed")]

mod child;
mod contexts;
#[cfg(unix)]
mod damage;
#[cfg(unix)]
mod disk;
#[cfg(unix)]
#[expect(clippy::print_stdout, reason = "these say how much they looked at")]
mod faults;
mod many;
mod owning;
mod real_input;
mod tidy;
