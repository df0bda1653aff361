//! Prints what a command answers, once and in one place.

use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;
use serde_json::Value;

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
    hint: &'a str,
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
        match printed {
            // A reader that closed the pipe, such as `head`, has read what it wanted.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(code),
            Err(_) => ExitCode::from(exit::IO),
            Ok(()) => ExitCode::from(code),
        }
    }

    fn answer(self, report: &Report) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        if self.json {
            print_json(&mut stdout, &Envelope::Data { ok: true, data: &report.data })?;
        } else if !report.text.is_empty() {
            writeln!(stdout, "{}", report.text.trim_end())?;
        }
        stdout.flush()
    }

    fn fail(self, failure: &Failure) -> io::Result<()> {
        let Failure { code, message, hint, .. } = failure;
        if self.json {
            let mut stdout = io::stdout().lock();
            let error = Told { code, message, hint };
            print_json(&mut stdout, &Envelope::Error { ok: false, error })?;
            return stdout.flush();
        }
        let mut stderr = io::stderr().lock();
        writeln!(stderr, "unforget: {}", terminal::visible(message))?;
        if !hint.is_empty() {
            writeln!(stderr, "  {}", terminal::visible(hint))?;
        }
        Ok(())
    }
}
