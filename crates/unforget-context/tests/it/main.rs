//! Contexts over a store in memory, and over one that answers late, out of order or not at all.

#![expect(clippy::unwrap_used, reason = "a test whose preparations fail has failed")]

mod bounded;
mod child;
mod conforming;
mod deferred;
mod following;
#[cfg(unix)]
mod forked;
mod fresh;
mod history;
mod json_files;
mod letting_go;
mod linearizable;
mod refusals;
mod slow_store;
mod staged;
mod story;
mod user;
