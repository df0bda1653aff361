//! Contexts over a store in memory, and over one that answers late, out of order or not at all.

#![expect(clippy::unwrap_used, reason = "a test whose preparations fail has failed")]

mod history;
mod slow_store;
mod story;
