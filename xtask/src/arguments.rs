//! The tasks and their arguments.

use crate::models::{Checker, Selection};

/// What `cargo xtask --help` prints, and what a wrong command line is answered with.
pub(crate) const USAGE: &str = "\
Usage: cargo xtask TASK

  verify                   run everything CI runs, in order, up to the first failure
  tidy                     check layers, budgets, words, links and guarantees
  loom [--long] [NAME]     run the concurrency models whose name contains NAME, each in its own process
  shuttle [--long] [NAME]  the same for large scenarios, in thousands of drawn schedules
  torture [--long]         kill 50 holders of each kind of lock, or 500; no increment may be lost or doubled
  teeth [NAME]             remove the protections whose patch name contains NAME; a test has to notice
  clients                  play a story with the official MCP clients, installed from their registries
  peers [PART]             measure `unforget serve` beside the official memory server, installed from npm

Exit codes: 0 all is well, 1 something failed, 2 wrong usage.";

/// A task with its arguments.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Help,
    Verify,
    Tidy,
    Models(Checker, Selection),
    Torture { long: bool },
    Teeth(Option<String>),
    Clients,
    Peers(Option<String>),
}

impl Task {
    /// Reads a command line; the error is a sentence for the person who typed it.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let Some((task, rest)) = arguments.split_first() else { return Err("No task given.".into()) };
        if rest.iter().chain([task]).any(|word| word == "--help" || word == "-h") {
            return Ok(Self::Help);
        }
        match task.as_str() {
            "help" => Ok(Self::Help),
            "verify" => nothing_more(rest).map(|()| Self::Verify),
            "tidy" => nothing_more(rest).map(|()| Self::Tidy),
            "loom" => selection(rest).map(|selection| Self::Models(Checker::Loom, selection)),
            "shuttle" => selection(rest).map(|selection| Self::Models(Checker::Shuttle, selection)),
            "torture" => torture(rest),
            "teeth" => at_most_one(rest).map(Self::Teeth),
            "clients" => nothing_more(rest).map(|()| Self::Clients),
            "peers" => at_most_one(rest).map(Self::Peers),
            unknown => Err(format!("There is no task `{unknown}`.")),
        }
    }
}

fn nothing_more(rest: &[String]) -> Result<(), String> {
    match rest.first() {
        None => Ok(()),
        Some(word) => Err(format!("`{word}` is not understood here.")),
    }
}

fn at_most_one(rest: &[String]) -> Result<Option<String>, String> {
    if let Some(option) = rest.iter().find(|word| word.starts_with('-')) {
        return Err(format!("There is no option `{option}`."));
    }
    nothing_more(rest.get(1..).unwrap_or_default())?;
    Ok(rest.first().cloned())
}

fn torture(rest: &[String]) -> Result<Task, String> {
    let (long, rest) = match rest {
        [first, rest @ ..] if first == "--long" => (true, rest),
        all => (false, all),
    };
    nothing_more(rest).map(|()| Task::Torture { long })
}

fn selection(rest: &[String]) -> Result<Selection, String> {
    let (options, names): (Vec<String>, Vec<String>) =
        rest.iter().cloned().partition(|word| word == "--long");
    Ok(Selection { long: !options.is_empty(), name: at_most_one(&names)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Task, String> {
        Task::parse(&line.split_whitespace().map(String::from).collect::<Vec<_>>())
    }

    #[test]
    fn every_task_in_the_usage_is_understood() {
        assert_eq!(parse("verify"), Ok(Task::Verify));
        assert_eq!(parse("tidy"), Ok(Task::Tidy));
        assert_eq!(parse("torture"), Ok(Task::Torture { long: false }));
        assert_eq!(parse("torture --long"), Ok(Task::Torture { long: true }));
        assert_eq!(parse("teeth"), Ok(Task::Teeth(None)));
        assert_eq!(parse("clients"), Ok(Task::Clients));
        assert_eq!(parse("peers"), Ok(Task::Peers(None)));
        assert_eq!(parse("peers latency"), Ok(Task::Peers(Some("latency".into()))));
        assert_eq!(parse("teeth queue"), Ok(Task::Teeth(Some("queue".into()))));
        for (task, checker) in [("loom", Checker::Loom), ("shuttle", Checker::Shuttle)] {
            let long = Selection { long: true, name: Some("queue".into()) };
            assert_eq!(parse(&format!("{task} --long queue")), Ok(Task::Models(checker, long)));
            assert_eq!(parse(task), Ok(Task::Models(checker, Selection::default())));
        }
    }

    #[test]
    fn help_is_given_wherever_it_is_asked_for() {
        for line in ["--help", "-h", "help", "loom --help"] {
            assert_eq!(parse(line), Ok(Task::Help), "`{line}` asks for help");
        }
    }

    #[test]
    fn a_wrong_line_is_refused_with_the_word_that_was_wrong() {
        for (line, word) in [
            ("verfy", "verfy"),
            ("tidy now", "now"),
            ("loom --fast", "--fast"),
            ("teeth a b", "b"),
            ("torture --long now", "now"),
        ] {
            let complaint = parse(line).expect_err(line);
            assert!(complaint.contains(word), "`{line}`: {complaint}");
        }
        assert!(parse("").is_err(), "a task has to be named");
    }
}
