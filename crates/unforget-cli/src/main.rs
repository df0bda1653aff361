//! The `unforget` command.

fn main() {}
