//! `unforget serve`: real processes on real pipes.

mod clients;
mod config;
mod ending;
mod files;
mod reading;
mod server;
mod several;
