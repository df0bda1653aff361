//! Tests across the crates: threads and processes on one store, and the rules of the tree.

#![expect(clippy::expect_used, clippy::panic, reason = "a test whose preparations fail has failed")]

mod child;
mod many;
mod real_input;
mod tidy;
