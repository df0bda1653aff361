//! Runs a tooth's check in the scratch copy and tells what was seen.

use std::path::Path;
use std::time::Duration;

use super::tooth::Check;
use crate::Error;
use crate::invocation::{Ending, Invocation, Run};
use crate::models::{Checker, Models};

/// How long a check may run, without compiling.
const RUN_LIMIT: Duration = Duration::from_mins(2);
/// How long it may compile: a first build in an empty directory, bundled C code included, on two cores.
const BUILD_LIMIT: Duration = Duration::from_mins(30);
/// A run is taken for an announced hang after this many times what it takes without the patch…
const HANG_FACTOR: u32 = 10;
/// …and never before this: a run of milliseconds varies by more than the factor.
const HANG_LEAST: Duration = Duration::from_secs(15);

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    DoesNotBuild,
    NoTestRan,
    Green,
    Failed,
    Hung,
}

/// What a check came to, what it printed, and how long it took.
#[derive(Clone, Debug)]
pub(crate) struct Observation {
    pub(crate) seen: Seen,
    pub(crate) text: String,
    pub(crate) took: Duration,
}

/// Runs checks in the copy, and remembers what each came to without a patch.
#[derive(Debug)]
pub(crate) struct Bench<'a> {
    tree: &'a Path,
    target: &'a Path,
    unpatched: Vec<(Check, Observation)>,
}

/// How long to wait for a run that is said to hang, given how long it takes when it does not.
pub(crate) fn hang_limit(unpatched: Duration) -> Duration {
    (unpatched * HANG_FACTOR).clamp(HANG_LEAST, RUN_LIMIT)
}

impl<'a> Bench<'a> {
    pub(crate) fn new(tree: &'a Path, target: &'a Path) -> Self {
        Self { tree, target, unpatched: Vec::new() }
    }

    /// Runs the check unless it was run before; the copy must not be patched.
    pub(crate) fn unpatched(&mut self, check: &Check) -> Result<Observation, Error> {
        if let Some((_, known)) = self.unpatched.iter().find(|(known, _)| known == check) {
            return Ok(known.clone());
        }
        let observation = self.observe(check, None)?;
        self.unpatched.push((check.clone(), observation.clone()));
        Ok(observation)
    }

    /// Compiles the check, then runs it up to `limit`, by default [`RUN_LIMIT`].
    pub(crate) fn observe(&self, check: &Check, limit: Option<Duration>) -> Result<Observation, Error> {
        let limit = limit.unwrap_or(RUN_LIMIT);
        match check {
            Check::Test(arguments) => self.test(arguments, limit),
            Check::Model(checker, model) => self.model(*checker, model, limit),
        }
    }

    fn test(&self, arguments: &[String], limit: Duration) -> Result<Observation, Error> {
        let build = self.cargo().arguments(build_arguments(arguments)).run_within(BUILD_LIMIT)?;
        if build.ending != Ending::Success {
            return Ok(Observation { seen: Seen::DoesNotBuild, text: build.text, took: build.took });
        }
        let run = self.cargo().words("test").arguments(arguments.iter().cloned()).run_within(limit)?;
        Ok(observation(run))
    }

    fn model(&self, checker: Checker, name: &str, limit: Duration) -> Result<Observation, Error> {
        let nothing = |seen| Observation { seen, text: String::new(), took: Duration::ZERO };
        match Models::build(checker, self.tree, &self.target.join(checker.name())) {
            Ok(models) => Ok(models.run(name, limit)?.map_or(nothing(Seen::NoTestRan), observation)),
            // The compiler has told the person why.
            Err(Error::Failed { .. }) => Ok(nothing(Seen::DoesNotBuild)),
            Err(error) => Err(error),
        }
    }

    fn cargo(&self) -> Invocation {
        Invocation::cargo(self.tree)
            .environment("CARGO_TARGET_DIR", self.target.to_string_lossy())
            .in_own_group()
    }
}

/// What compiles a check without running it. Cargo cannot do that for doctests, so that there only the crate
/// is compiled, and an example that does not compile counts as a failed test.
fn build_arguments(arguments: &[String]) -> Vec<String> {
    let (build, selection) = match arguments.iter().position(|argument| argument == "--doc") {
        Some(doc) => (["build", "--quiet"], arguments.get(..doc).unwrap_or_default()),
        None => (["test", "--no-run"], arguments),
    };
    build.into_iter().map(String::from).chain(selection.iter().cloned()).collect()
}

fn observation(run: Run) -> Observation {
    let seen = match run.ending {
        Ending::Killed => Seen::Hung,
        _ if tests_run(&run.text) == 0 => Seen::NoTestRan,
        Ending::Success => Seen::Green,
        Ending::Failure => Seen::Failed,
    };
    Observation { seen, text: run.text, took: run.took }
}

/// Adds up the `running N tests` lines of all binaries, which are printed before a test can abort.
fn tests_run(text: &str) -> u64 {
    let counts = text.lines().filter_map(|line| {
        let (count, rest) = line.strip_prefix("running ")?.split_once(' ')?;
        rest.starts_with("test").then(|| count.parse::<u64>().ok())?
    });
    counts.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(ending: Ending, text: &str) -> Seen {
        observation(Run { ending, text: text.into(), took: Duration::ZERO }).seen
    }

    #[test]
    fn a_run_without_tests_is_neither_green_nor_red() {
        let empty = "running 0 tests\n\nrunning 0 tests\n";
        assert_eq!(seen(Ending::Success, empty), Seen::NoTestRan);
        assert_eq!(seen(Ending::Failure, "error: no test target named `it`\n"), Seen::NoTestRan);
        assert_eq!(seen(Ending::Success, "running 0 tests\nrunning 1 test\n"), Seen::Green);
        assert_eq!(seen(Ending::Failure, "running 12 tests\nthread panicked"), Seen::Failed);
        assert_eq!(seen(Ending::Killed, ""), Seen::Hung);
    }

    #[test]
    fn doctests_are_compiled_with_their_crate() {
        let arguments = |words: &str| -> Vec<String> { words.split(' ').map(String::from).collect() };
        let build = |words| build_arguments(&arguments(words)).join(" ");
        assert_eq!(build("-p x --test it a -- --exact"), "test --no-run -p x --test it a -- --exact");
        assert_eq!(build("-p x --doc lock"), "build --quiet -p x");
    }

    #[test]
    fn an_announced_hang_is_waited_for_in_proportion() {
        assert_eq!(hang_limit(Duration::from_millis(5)), HANG_LEAST);
        assert_eq!(hang_limit(Duration::from_secs(3)), Duration::from_secs(30));
        assert_eq!(hang_limit(Duration::from_secs(100)), RUN_LIMIT);
    }

    /// A package with one test that fails once `PROTECTED` is false, one that hangs, and one that passes.
    fn package() -> PackageInScratch {
        let directory = tempfile::tempdir().expect("a scratch directory");
        let write =
            |name: &str, text: &str| std::fs::write(directory.path().join(name), text).expect("a file");
        write(
            "Cargo.toml",
            "[package]\nname = \"p\"\nedition = \"2024\"\n[lib]\npath = \"p.rs\"\n[workspace]\n",
        );
        write("p.rs", "#[test]\nfn holds() {}\n#[test]\nfn breaks() { assert!(false) }\n");
        PackageInScratch { target: directory.path().join("target"), directory }
    }

    struct PackageInScratch {
        directory: tempfile::TempDir,
        target: std::path::PathBuf,
    }

    #[test]
    fn checks_are_told_apart_in_a_real_package() {
        let package = package();
        let mut bench = Bench::new(package.directory.path(), &package.target);
        let mut seen = |arguments: &str| {
            let check = Check::Test(arguments.split(' ').map(String::from).collect());
            bench.unpatched(&check).expect("cargo runs").seen
        };
        assert_eq!(seen("--lib holds"), Seen::Green);
        assert_eq!(seen("--lib breaks"), Seen::Failed);
        assert_eq!(seen("--lib nothing"), Seen::NoTestRan);
        std::fs::write(package.directory.path().join("p.rs"), "fn f() -> u8 {}").expect("a file");
        assert_eq!(seen("--lib"), Seen::DoesNotBuild);
        assert_eq!(seen("--lib holds"), Seen::Green, "what was seen once is not run again");
    }
}
