//! The command as people and scripts meet it: the real binary, in directories of its own.
#![cfg(unix)]
#![cfg(test)]

mod command;
mod conversations;
mod envelope;
mod import;
mod import_refusals;
mod killed;
mod recall;
mod refusals;
mod remember;
mod serve;
mod store;
mod streams;
mod together;
mod tour;
