//! Memories on a real database.

#![expect(clippy::unwrap_used, reason = "a test whose preparations fail has failed")]

mod conforming;
mod contexts;
mod graph;
mod input;
mod mirror;
mod recall;
mod store;
