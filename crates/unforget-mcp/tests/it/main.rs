//! The server as clients meet it, over a pair of pipes in one process.
#![cfg(test)]

mod bounds;
mod connection;
mod contract;
mod ending;
mod eras;
mod limits;
mod opening;
mod own;
mod subscriptions;
