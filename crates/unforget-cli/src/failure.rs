//! Why a command failed, and the exit code that says so.

use std::error::Error as StdError;
use std::path::Path;

use unforget::{unforget_context, unforget_fs, unforget_memory, unforget_sqlite};

/// Exit codes; scripts rely on them.
pub(crate) mod exit {
    pub(crate) const FAILURE: u8 = 1;
    pub(crate) const USAGE: u8 = 2;
    pub(crate) const CONFLICT: u8 = 3;
    pub(crate) const NOT_FOUND: u8 = 4;
    pub(crate) const TOO_LARGE: u8 = 6;
    pub(crate) const DUPLICATE: u8 = 9;
    pub(crate) const DATABASE: u8 = 10;
    pub(crate) const IO: u8 = 14;
    pub(crate) const BUSY: u8 = 15;
    pub(crate) const LOCK_TIMEOUT: u8 = 75;
}

/// An error as a person or a script is told it.
#[derive(Debug)]
pub(crate) struct Failure {
    /// A word for scripts; stable.
    pub(crate) code: &'static str,
    pub(crate) exit: u8,
    pub(crate) message: String,
    /// What to do about it; may be empty where the message says it.
    pub(crate) hint: String,
}

impl Failure {
    pub(crate) fn new(
        (code, exit): (&'static str, u8),
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { code, exit, message: message.into(), hint: hint.into() }
    }

    pub(crate) fn usage(error: &clap::Error) -> Self {
        let text = error.to_string();
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let message = lines.next().unwrap_or("wrong arguments").trim_start_matches("error: ").to_owned();
        let hint = lines.collect::<Vec<_>>().join("; ");
        Self::new(("usage", exit::USAGE), message, hint)
    }

    pub(crate) fn io(operation: &str, path: &Path, error: &std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => ("not_found", exit::NOT_FOUND),
            _ => ("io", exit::IO),
        };
        Self::new(
            kind,
            format!("cannot {operation} {}: {error}", path.display()),
            "check the path and its permissions",
        )
    }
}

impl From<unforget::Error> for Failure {
    fn from(error: unforget::Error) -> Self {
        let (kind, hint) = match &error {
            unforget::Error::NotFound { path } => (
                ("not_found", exit::NOT_FOUND),
                format!("create it: unforget init --store {}", path.display()),
            ),
            unforget::Error::NotAStore { .. } => (("not_a_store", exit::CONFLICT), String::new()),
            unforget::Error::Directory(error) => directory(error),
            unforget::Error::Memory(error) => memory(error),
            unforget::Error::Context(error) => context(error),
            _ => (("failure", exit::FAILURE), String::new()),
        };
        Self::new(kind, chain(&error), hint)
    }
}

impl From<unforget_memory::Error> for Failure {
    fn from(error: unforget_memory::Error) -> Self {
        unforget::Error::from(error).into()
    }
}

type Kind = ((&'static str, u8), String);

fn directory(error: &unforget_fs::Error) -> Kind {
    match error {
        unforget_fs::Error::Locked { .. } => (("lock_timeout", exit::LOCK_TIMEOUT), String::new()),
        _ => (("io", exit::IO), "name another directory with --store, or mend this one".to_owned()),
    }
}

fn memory(error: &unforget_memory::Error) -> Kind {
    use unforget_memory::Error;
    match error {
        Error::Invalid { .. } | Error::EmptyQuery => (("invalid", exit::USAGE), String::new()),
        Error::TooLarge { .. } => (
            ("too_large", exit::TOO_LARGE),
            "split it, or keep the whole elsewhere and remember where".to_owned(),
        ),
        Error::Duplicate { .. } => (("duplicate", exit::DUPLICATE), String::new()),
        Error::ForeignTurn { .. } => (("conflict", exit::CONFLICT), String::new()),
        Error::Database(error) => database(error),
        _ => (("failure", exit::FAILURE), String::new()),
    }
}

fn context(error: &unforget_context::Error) -> Kind {
    use unforget_context::Error;
    match error {
        Error::InvalidKey { .. } => (("invalid", exit::USAGE), String::new()),
        Error::NotFound { .. } => (("not_found", exit::NOT_FOUND), String::new()),
        Error::Conflict { .. } => (("conflict", exit::CONFLICT), String::new()),
        Error::Store { source } => match source.downcast_ref() {
            Some(error) => database(error),
            None => (("failure", exit::FAILURE), String::new()),
        },
        _ => (("failure", exit::FAILURE), String::new()),
    }
}

fn database(error: &unforget_sqlite::Error) -> Kind {
    use unforget_sqlite::Error;
    match error {
        Error::Busy { .. } => (("busy", exit::BUSY), String::new()),
        Error::TooLarge { .. } => (("too_large", exit::TOO_LARGE), String::new()),
        Error::NotADatabase { .. } => (("not_a_database", exit::DATABASE), String::new()),
        Error::Corrupt { .. } => (("corrupt", exit::DATABASE), String::new()),
        Error::NewerSchema { .. } => (("newer_schema", exit::DATABASE), String::new()),
        Error::Full { .. } => (("full", exit::IO), String::new()),
        Error::NotAccessible { .. } | Error::Io { .. } | Error::Files(_) => (("io", exit::IO), String::new()),
        _ => (("database", exit::DATABASE), String::new()),
    }
}

/// The error and what caused it, in one line; no error repeats its source.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
