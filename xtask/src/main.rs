//! Runs tasks.

fn main() {}
