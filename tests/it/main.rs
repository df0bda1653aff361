//! Tests across the crates.

mod tidy;
