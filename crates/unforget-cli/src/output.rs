//! Prints what a command answers, once and in one place.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use serde::Serialize;
use serde_json::{Value, json};

use crate::failure::{Failure, exit};
use crate::terminal;

/// What a command answers: data for scripts, text for people.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) data: Value,
    pub(crate) text: String,
    /// Set by a command that ran to its end and found something wrong.
    pub(crate) exit: u8,
}

impl Report {
    pub(crate) fn new(data: Value, text: impl Into<String>) -> Self {
        Self { data, text: text.into(), exit: 0 }
    }
}

/// What `--json` prints, with its fields in this order.
#[derive(Serialize)]
#[serde(untagged)]
enum Envelope<'a> {
    Data { ok: bool, data: &'a Value },
    Error { ok: bool, error: Told<'a> },
}

#[derive(Serialize)]
struct Told<'a> {
    code: &'a str,
    message: &'a str,
    hint: String,
}

fn print_json(out: &mut impl Write, envelope: &Envelope<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *out, envelope)?;
    writeln!(out)
}

/// How to print.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// Looks for `--json` before the arguments are parsed, so that wrong arguments are answered in JSON too.
    pub(crate) fn from_arguments() -> Self {
        let before_separator = std::env::args_os().take_while(|argument| argument != "--");
        Self { json: before_separator.into_iter().any(|argument| argument == "--json") }
    }

    pub(crate) fn finish(self, outcome: Result<Report, Failure>) -> ExitCode {
        let (printed, code) = match outcome {
            Ok(report) => (self.answer(&report), report.exit),
            Err(failure) => (self.fail(&failure), failure.exit),
        };
        exit_code(printed, code)
    }

    /// Ends a run whose arguments name nothing to run: help and version are answers, the rest is wrong usage.
    pub(crate) fn finish_unparsed(self, error: &clap::Error) -> ExitCode {
        let nothing_was_asked = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
        match (self.json, error.use_stderr()) {
            (true, false) => {
                let text = error.to_string();
                self.finish(Ok(Report::new(json!({"text": text.trim_end()}), "")))
            }
            (false, false) => exit_code(error.print(), 0),
            (false, true) if nothing_was_asked => exit_code(error.print(), exit::USAGE),
            (_, true) => self.finish(Err(Failure::usage(error))),
        }
    }

    fn answer(self, report: &Report) -> io::Result<()> {
        if !self.json && report.text.is_empty() {
            // Standard output is not touched: at the end of a server another thread may still be writing to a client that
            // does not read, and have it locked for ever.
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        if self.json {
            print_json(&mut stdout, &Envelope::Data { ok: true, data: &report.data })?;
        } else {
            writeln!(stdout, "{}", report.text.trim_end())?;
        }
        stdout.flush()
    }

    fn fail(self, failure: &Failure) -> io::Result<()> {
        let Failure { code, message, hint, .. } = failure;
        if self.json {
            let mut stdout = io::stdout().lock();
            let error = Told { code, message, hint: hint.join("; ") };
            print_json(&mut stdout, &Envelope::Error { ok: false, error })?;
            return stdout.flush();
        }
        let mut stderr = io::stderr().lock();
        writeln!(stderr, "unforget: {}", terminal::visible(message))?;
        for line in hint {
            writeln!(stderr, "  {}", terminal::visible(line))?;
        }
        Ok(())
    }
}

fn exit_code(printed: io::Result<()>, code: u8) -> ExitCode {
    match printed {
        Ok(()) => ExitCode::from(code),
        // A reader that closed the pipe, such as `head`, has read what it wanted.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(code),
        Err(error) => {
            let _nobody_may_be_listening =
                writeln!(io::stderr(), "unforget: cannot print the answer: {error}");
            ExitCode::from(exit::IO)
        }
    }
}
