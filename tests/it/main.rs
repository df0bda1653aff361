//! Tests across the crates: threads and processes on one store, and the rules of the tree.

mod child;
mod many;
mod tidy;
