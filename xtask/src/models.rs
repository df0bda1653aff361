//! Runs the concurrency models of the crates that have some under loom or shuttle, each in a process of its own.
//!
//! A model that fails while it holds a modelled mutex aborts its process, and would take the verdicts of the
//! models after it along.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cargo_metadata::Message;

use crate::Error;
use crate::invocation::{Ending, Invocation, Run};
use crate::workspace::Workspace;

/// How long one model may run: ten times what the largest is meant to take.
pub(crate) const MODEL_LIMIT: Duration = Duration::from_mins(2);
/// The same for `--long`.
const LONG_MODEL_LIMIT: Duration = Duration::from_mins(30);
/// Where the crates are.
const CRATES: &str = "crates";
/// How much of a failed model's output is printed.
const TAIL_LINES: usize = 60;

/// What runs the models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checker {
    /// Every schedule of small models.
    Loom,
    /// Thousands of schedules of large ones.
    Shuttle,
}

impl Checker {
    /// The name of its task, of its test binary and of its build directory.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Loom => "loom",
            Self::Shuttle => "shuttle",
        }
    }

    /// The configuration its models are compiled under; our own, so that no dependency reacts to it.
    fn configuration(self) -> &'static str {
        match self {
            Self::Loom => "--cfg unforget_loom",
            Self::Shuttle => "--cfg unforget_shuttle",
        }
    }

    /// Set to `1` for the models under `--long`, which then explore further.
    fn long_variable(self) -> &'static str {
        match self {
            Self::Loom => "UNFORGET_LOOM_LONG",
            Self::Shuttle => "UNFORGET_SHUTTLE_LONG",
        }
    }

    /// What a model counts: it prints this word after the number, or before it with a colon.
    fn unit(self) -> &'static str {
        match self {
            Self::Loom => "executions",
            Self::Shuttle => "schedules",
        }
    }

    /// Where everything under its configuration is built: its flags would otherwise rebuild the rest.
    pub(crate) fn target(self, workspace: &Workspace) -> PathBuf {
        workspace.target().join(self.name())
    }

    /// Compiles whatever the invocation compiles under its configuration, in a directory of its own.
    pub(crate) fn configured(self, invocation: Invocation, target: &Path) -> Invocation {
        invocation
            .flags("RUSTFLAGS", self.configuration())
            // The models are many small programs that run for seconds: linking is what would take long.
            .environment("CARGO_PROFILE_RELEASE_LTO", "off")
            .environment("CARGO_TARGET_DIR", target.to_string_lossy())
    }
}

/// Which models to run, and how far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    pub(crate) long: bool,
    /// Only models whose name contains this.
    pub(crate) name: Option<String>,
}

/// The compiled models of all crates.
pub(crate) struct Models {
    checker: Checker,
    models: Vec<Model>,
}

/// One model, and the binary that it is in.
struct Model {
    name: String,
    binary: PathBuf,
    directory: PathBuf,
}

/// The packages with models for `checker`: those with an integration test of its name.
pub(crate) fn packages(checker: Checker, root: &Path) -> Result<Vec<String>, Error> {
    let crates = root.join(CRATES);
    let entries = std::fs::read_dir(&crates).map_err(Error::io("list", &crates))?;
    let has_models = |path: &PathBuf| path.join("tests").join(checker.name()).with_extension("rs").is_file();
    let mut names: Vec<_> = entries
        .filter_map(Result::ok)
        .filter(|entry| has_models(&entry.path()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort_unstable();
    Ok(names)
}

/// Runs the selected models and prints a line for each; `false` when one failed or none was found.
pub(crate) fn run(workspace: &Workspace, checker: Checker, selection: &Selection) -> Result<bool, Error> {
    let models = Models::build(checker, workspace.root(), &checker.target(workspace))?;
    let wanted = |model: &&Model| selection.name.as_deref().is_none_or(|part| model.name.contains(part));
    let selected: Vec<_> = models.models.iter().filter(wanted).collect();
    if selected.is_empty() {
        println!("No model was found among {}.", models.models.len());
        return Ok(false);
    }
    let width = selected.iter().map(|model| model.name.len()).max().unwrap_or_default();
    println!("{:width$}  {:>10}  {:>8}", "model", checker.unit(), "seconds");
    let mut failures = 0;
    for model in &selected {
        let limit = if selection.long { LONG_MODEL_LIMIT } else { MODEL_LIMIT };
        let run = model.run(checker, limit, selection.long)?;
        println!("{}", row(checker, &model.name, width, &run, limit));
        failures += usize::from(run.ending != Ending::Success);
    }
    println!("{} of {} models passed.", selected.len() - failures, selected.len());
    Ok(failures == 0)
}

impl Models {
    /// Compiles the models of the workspace at `root`.
    pub(crate) fn build(checker: Checker, root: &Path, target: &Path) -> Result<Self, Error> {
        let mut models = Vec::new();
        for package in packages(checker, root)? {
            models.extend(build(checker, root, target, &package)?);
        }
        Ok(Self { checker, models })
    }

    /// Runs the model of this name in a process of its own; `None` if there is none.
    pub(crate) fn run(&self, name: &str, limit: Duration) -> Result<Option<Run>, Error> {
        let model = self.models.iter().find(|model| model.name == name);
        model.map(|model| model.run(self.checker, limit, false)).transpose()
    }
}

impl Model {
    fn run(&self, checker: Checker, limit: Duration, long: bool) -> Result<Run, Error> {
        let arguments = ["--exact", &self.name, "--nocapture"];
        let mut model = Invocation::new(self.binary.to_string_lossy(), &self.directory).arguments(arguments);
        if long {
            model = model.environment(checker.long_variable(), "1");
        }
        model.run_within(limit)
    }
}

/// Compiles the models of one package.
fn build(checker: Checker, root: &Path, target: &Path, package: &str) -> Result<Vec<Model>, Error> {
    let build = checker
        .configured(Invocation::cargo(root), target)
        .words(&format!("test --release -p {package} --test {} --no-run", checker.name()))
        .arguments(["--message-format=json-render-diagnostics"]);
    let failed = || Error::Failed { command: build.to_string() };
    let messages = build.standard_output()?.ok_or_else(failed)?;
    let binary = executable(checker, &messages).ok_or_else(failed)?;
    let directory = root.join(CRATES).join(package);
    let list = Invocation::new(binary.to_string_lossy(), &directory).words("--list --format terse");
    let listed = list.standard_output()?.ok_or_else(|| Error::Failed { command: list.to_string() })?;
    let names = names(&String::from_utf8_lossy(&listed));
    let model = |name| Model { name, binary: binary.clone(), directory: directory.clone() };
    Ok(names.into_iter().map(model).collect())
}

fn executable(checker: Checker, messages: &[u8]) -> Option<PathBuf> {
    Message::parse_stream(messages).filter_map(Result::ok).find_map(|message| match message {
        Message::CompilerArtifact(artifact)
            if artifact.target.name == checker.name() && artifact.target.is_test() =>
        {
            artifact.executable.map(Into::into)
        }
        _ => None,
    })
}

fn names(listed: &str) -> Vec<String> {
    listed.lines().filter_map(|line| line.strip_suffix(": test")).map(String::from).collect()
}

fn row(checker: Checker, name: &str, width: usize, run: &Run, limit: Duration) -> String {
    let count = count(checker.unit(), &run.text).map_or_else(|| "-".into(), |count| count.to_string());
    let row = format!("{name:width$}  {count:>10}  {:>8.1}", run.took.as_secs_f64());
    match run.ending {
        Ending::Success => row,
        Ending::Failure => format!("{row}  FAILED\n{}", tail(&run.text, TAIL_LINES)),
        Ending::Killed => format!("{row}  KILLED: it still ran after {} s", limit.as_secs()),
    }
}

/// Adds up what a model printed, once for each way it was run: `135 executions` or `executions: 135`.
fn count(unit: &str, text: &str) -> Option<u64> {
    let words: Vec<_> = text.split_whitespace().collect();
    let counts = words.windows(2).filter_map(|pair| match pair {
        [word, count] if word.strip_suffix(':') == Some(unit) => count.parse::<u64>().ok(),
        [count, word] if *word == unit => count.parse::<u64>().ok(),
        _ => None,
    });
    counts.fold(None, |sum, count| Some(sum.unwrap_or(0) + count))
}

/// The last lines of an output, each indented and on a line of its own.
pub(crate) fn tail(text: &str, lines: usize) -> String {
    let all: Vec<_> = text.lines().collect();
    let kept = all.get(all.len().saturating_sub(lines)..).unwrap_or_default();
    kept.iter().map(|line| format!("    | {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(ending: Ending, text: &str) -> Run {
        Run { ending, text: text.into(), took: Duration::from_millis(1500) }
    }

    #[test]
    fn models_are_taken_from_the_list_and_nothing_else_is() {
        assert_eq!(names("queue::one: test\nticket: test\nbench: benchmark\n"), ["queue::one", "ticket"]);
        assert!(names("0 tests, 0 benchmarks\n").is_empty());
    }

    #[test]
    fn every_crate_with_models_is_found() {
        let root = crate::root();
        assert_eq!(packages(Checker::Loom, &root).expect("readable"), ["unforget-context", "unforget-sync"]);
        assert_eq!(packages(Checker::Shuttle, &root).expect("readable"), ["unforget-sync"]);
    }

    #[test]
    fn executions_of_all_modes_are_added_up() {
        let printed =
            "running 1 test\ntest a ... a Plain: 135 executions in 9 ms\nexecutions: 7 (bound 3)\nok\n";
        assert_eq!(count("executions", printed), Some(142));
        assert_eq!(count("executions", "running 1 test\n"), None);
        let printed = "a random: 1000 schedules in 9 ms\na pct: 1000 schedules in 9 ms\n";
        assert_eq!(count("schedules", printed), Some(2000));
        assert_eq!(count("executions", printed), None, "another checker's counts");
    }

    #[test]
    fn a_row_says_how_the_model_ended() {
        let row = |ending| {
            row(Checker::Loom, "queue", 6, &run(ending, "executions: 9\nlost a wakeup"), MODEL_LIMIT)
        };
        assert_eq!(row(Ending::Success), "queue            9       1.5");
        assert!(row(Ending::Failure).contains("FAILED\n    | executions: 9\n    | lost a wakeup"));
        assert!(row(Ending::Killed).ends_with("KILLED: it still ran after 120 s"));
    }

    #[test]
    fn the_test_binary_is_found_among_the_messages() {
        let artifact = |name: &str, kind: &str, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","package_id":"p","manifest_path":"m","target":{{"kind":["{kind}"],
                "crate_types":["bin"],"name":"{name}","src_path":"s","edition":"2024","doctest":false,"test":true,
                "doc":false}},"profile":{{"opt_level":"3","debuginfo":0,"debug_assertions":false,
                "overflow_checks":false,"test":true}},"features":[],"filenames":[],"executable":{executable},
                "fresh":true}}"#
            )
            .replace('\n', "")
        };
        let library = artifact("loom", "lib", "null");
        let test = artifact("loom", "test", "\"deps/loom-1\"");
        assert_eq!(
            executable(Checker::Loom, format!("{library}\n{test}\n").as_bytes()),
            Some("deps/loom-1".into())
        );
        assert_eq!(
            executable(Checker::Loom, library.as_bytes()),
            None,
            "the library of that name is no model"
        );
        assert_eq!(executable(Checker::Shuttle, test.as_bytes()), None, "another checker's models");
    }

    #[test]
    fn each_checker_builds_under_its_own_configuration_in_its_own_directory() {
        let workspace = Workspace::load(&crate::root()).expect("cargo describes the workspace");
        for (checker, name) in [(Checker::Loom, "loom"), (Checker::Shuttle, "shuttle")] {
            let target = checker.target(&workspace);
            assert!(target.ends_with(name), "{}", target.display());
            let line = checker.configured(Invocation::new("cargo", Path::new(".")), &target).to_string();
            assert!(line.contains(&format!("--cfg unforget_{name}")), "{line}");
            assert!(checker.long_variable().contains(&name.to_uppercase()), "{}", checker.long_variable());
        }
    }

    #[test]
    fn only_the_end_of_a_long_output_is_shown() {
        assert_eq!(tail("a\nb\nc", 2), "    | b\n    | c");
    }
}
