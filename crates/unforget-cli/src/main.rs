//! The `unforget` command: an agent's memory from a terminal or a script.

#![forbid(unsafe_code)]

mod cli;
mod commands;
mod failure;
mod output;
mod store;
mod terminal;
mod tour;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};
use crate::failure::Failure;
use crate::output::{Output, Report};

fn main() -> ExitCode {
    let output = Output::from_arguments();
    match Cli::try_parse() {
        Ok(cli) => output.finish(run(&cli)),
        Err(error) => output.finish_unparsed(&error),
    }
}

fn run(cli: &Cli) -> Result<Report, Failure> {
    let store = cli.store.as_deref();
    match &cli.command {
        Command::Init => commands::init::run(store),
        Command::Remember(args) => commands::remember::run(store, args),
        Command::Recall(args) => commands::recall::run(store, args),
        Command::Import(args) => commands::import::run(store, args),
        Command::Serve(args) => commands::serve::run(store, args, cli.json),
        Command::Stats => commands::stats::run(store),
        Command::Tour(args) => tour::run(store, args, cli.json),
        Command::TourActor(args) => tour::actor::run(args),
    }
}
