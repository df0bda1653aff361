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

/// How the lines begin in which clap advises.
const ADVICE: [&str; 3] = ["tip:", "Usage:", "For more information"];

/// An error as a person or a script is told it.
#[derive(Debug)]
pub(crate) struct Failure {
    /// A word for scripts; stable.
    pub(crate) code: &'static str,
    pub(crate) exit: u8,
    pub(crate) message: String,
    /// What to do about it, in lines; none where the message says it.
    pub(crate) hint: Vec<String>,
}

impl Failure {
    pub(crate) fn new(
        (code, exit): (&'static str, u8),
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        let hint = Some(hint.into()).filter(|hint| !hint.is_empty());
        Self { code, exit, message: message.into(), hint: Vec::from_iter(hint) }
    }

    /// Splits what clap says, paragraphs for a terminal, into what is wrong and what to do.
    pub(crate) fn usage(error: &clap::Error) -> Self {
        let text = error.to_string();
        // The list of commands has the hidden one too, and the help has a better list.
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with("[subcommands:"));
        let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
        let is_hint = |line: &&str| ADVICE.iter().any(|start| line.starts_with(start));
        let told = lines.iter().position(is_hint).unwrap_or(lines.len());
        let message = lines[..told].join(" ");
        let hint = lines[told..].iter().map(|line| (*line).to_owned()).collect();
        let message = message.trim_start_matches("error: ").to_owned();
        Self { code: "usage", exit: exit::USAGE, message, hint }
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
            unforget::Error::NotFound { path } => {
                (("not_found", exit::NOT_FOUND), format!("create it: unforget init --store {}", quoted(path)))
            }
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

impl From<unforget_mcp::Error> for Failure {
    fn from(error: unforget_mcp::Error) -> Self {
        match error {
            unforget_mcp::Error::Memory(error) => error.into(),
            error => Self::new(("failure", exit::FAILURE), chain(&error), ""),
        }
    }
}

type Kind = ((&'static str, u8), String);

/// What to do with a text that is too large.
pub(crate) const SPLIT: &str = "split it, or keep the whole elsewhere and remember where";

fn directory(error: &unforget_fs::Error) -> Kind {
    match error {
        unforget_fs::Error::Locked { .. } => (("lock_timeout", exit::LOCK_TIMEOUT), String::new()),
        _ => (("io", exit::IO), "name another directory, or mend this one".to_owned()),
    }
}

fn memory(error: &unforget_memory::Error) -> Kind {
    use unforget_memory::Error;
    match error {
        Error::Invalid { .. } | Error::EmptyQuery => (("invalid", exit::USAGE), String::new()),
        Error::TooLarge { field: "content" | "metadata", .. } => {
            (("too_large", exit::TOO_LARGE), SPLIT.to_owned())
        }
        Error::TooLarge { .. } => (("too_large", exit::TOO_LARGE), "give a shorter one".to_owned()),
        Error::Duplicate { .. } => (("duplicate", exit::DUPLICATE), String::new()),
        Error::ForeignTurn { .. } => (("conflict", exit::CONFLICT), String::new()),
        Error::Database(error) => database(error),
        Error::File(_) => {
            (("io", exit::IO), "name another file with --memory-file, or mend this one".to_owned())
        }
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
        // A script that tries again might store the same twice, so this is no failure like the others.
        Error::OutcomeUnknown { .. } => (
            ("outcome_unknown", exit::DATABASE),
            "look whether it is there before you store it again".to_owned(),
        ),
        Error::NotAccessible { .. } | Error::DiskFailed { .. } | Error::Io { .. } | Error::Files(_) => {
            (("io", exit::IO), String::new())
        }
        _ => (("database", exit::DATABASE), String::new()),
    }
}

/// The error and what caused it, in one line. Some causes of other libraries repeat their own cause, or are repeated
/// by it, so what has been said is not said again.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut last = text.clone();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) && !said.contains(&last) {
            text.push_str(": ");
            text.push_str(&said);
            last = said;
        }
        source = cause.source();
    }
    text
}

/// The path as a shell reads it, so that a hint can be pasted.
pub(crate) fn quoted(path: &Path) -> String {
    let shown = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+=:@%,".contains(c);
    if shown.chars().all(is_plain) { shown } else { format!("'{}'", shown.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{said}")]
    struct Layer {
        said: &'static str,
        source: Option<Box<Layer>>,
    }

    #[test]
    fn causes_are_told_once() {
        let told = |texts: &[&'static str]| {
            let layers = texts.iter().rev().fold(None, |source, said| Some(Box::new(Layer { said, source })));
            chain(layers.expect("a layer").as_ref())
        };
        assert_eq!(told(&["cannot open it", "no space"]), "cannot open it: no space");
        assert_eq!(told(&["cannot open it: no space", "no space"]), "cannot open it: no space");
        assert_eq!(told(&["it failed", "no table", "Error 1: no table"]), "it failed: no table");
    }

    #[test]
    fn a_path_in_a_hint_can_be_pasted() {
        assert_eq!(quoted(Path::new("a/b-1.c")), "a/b-1.c");
        assert_eq!(quoted(Path::new("my store")), "'my store'");
        assert_eq!(quoted(Path::new("it's")), r"'it'\''s'");
    }
}
