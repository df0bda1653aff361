//! A command to run, as a value that also tells a person how to repeat it.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Error;

/// How often a bounded run is looked at: short against any run, long enough to cost no processor time.
const POLL: Duration = Duration::from_millis(10);

/// A program, its arguments and what its environment gets.
#[derive(Clone, Debug)]
pub(crate) struct Invocation {
    program: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    directory: PathBuf,
    own_group: bool,
}

/// A finished run whose output was kept.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) ending: Ending,
    /// What was written to both outputs, in order.
    pub(crate) text: String,
    pub(crate) took: Duration,
}

/// How a bounded run came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Success,
    Failure,
    /// It was still running at its limit.
    Killed,
}

impl Invocation {
    pub(crate) fn new(program: impl Into<String>, directory: &Path) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            directory: directory.to_path_buf(),
            own_group: false,
        }
    }

    /// The cargo that runs this program.
    pub(crate) fn cargo(directory: &Path) -> Self {
        Self::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()), directory)
    }

    /// Appends arguments that are separated by spaces.
    #[must_use]
    pub(crate) fn words(self, words: &str) -> Self {
        self.arguments(words.split_whitespace())
    }

    #[must_use]
    pub(crate) fn arguments(mut self, arguments: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    #[must_use]
    pub(crate) fn environment(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Appends flags to a variable such as `RUSTFLAGS`, after those that the person already set.
    #[must_use]
    pub(crate) fn flags(self, name: &str, flags: &str) -> Self {
        let set = std::env::var(name).unwrap_or_default();
        self.environment(name, format!("{set} {flags}").trim())
    }

    /// Puts the program into a process group, so that its children are killed with it.
    ///
    /// An interrupt typed at the terminal does not reach another group: only for programs that start others.
    #[must_use]
    pub(crate) fn in_own_group(mut self) -> Self {
        self.own_group = true;
        self
    }

    /// Runs it on this terminal to its end.
    pub(crate) fn run(&self) -> Result<bool, Error> {
        Ok(self.command().status().map_err(|source| self.unstarted(source))?.success())
    }

    /// Runs it to its end and returns what it wrote to standard output, or nothing when it failed.
    pub(crate) fn standard_output(&self) -> Result<Option<Vec<u8>>, Error> {
        let child = self.command().stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let output = child.and_then(Child::wait_with_output).map_err(|source| self.unstarted(source))?;
        Ok(output.status.success().then_some(output.stdout))
    }

    /// Runs it silently, kills it at its limit, and returns everything it wrote.
    pub(crate) fn run_within(&self, limit: Duration) -> Result<Run, Error> {
        self.attempt_within(limit).map_err(|source| self.unstarted(source))
    }

    // The output goes to a file, not to a pipe: a grandchild that outlives the kill would hold a pipe open,
    // and the watchdog would hang on what it was to guard against.
    fn attempt_within(&self, limit: Duration) -> io::Result<Run> {
        let mut output = tempfile::tempfile()?;
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output.try_clone()?);
        if self.own_group {
            lead_a_group(&mut command);
        }
        let started = Instant::now();
        let mut child = command.spawn()?;
        let ending = match wait_until(&mut child, started + limit)? {
            Some(status) if status.success() => Ending::Success,
            Some(_) => Ending::Failure,
            None => {
                self.kill(&mut child)?;
                Ending::Killed
            }
        };
        Ok(Run { ending, text: read_from_start(&mut output)?, took: started.elapsed() })
    }

    fn kill(&self, child: &mut Child) -> io::Result<()> {
        if self.own_group {
            kill_group(child.id())?;
        }
        // It may have ended by now, which is as good.
        let _ = child.kill();
        child.wait().map(drop)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(&self.directory);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn unstarted(&self, source: io::Error) -> Error {
        Error::Start { command: self.to_string(), source }
    }
}

/// The line that repeats it in a POSIX shell.
impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.environment {
            write!(f, "{name}={} ", quoted(value))?;
        }
        let program = Path::new(&self.program).file_stem().map(|name| name.to_string_lossy());
        write!(f, "{}", program.as_deref().unwrap_or(&self.program))?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {}", quoted(argument)))
    }
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@+\\".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{word}'") }
}

fn wait_until(child: &mut Child, deadline: Instant) -> io::Result<Option<ExitStatus>> {
    loop {
        let status = child.try_wait()?;
        if status.is_some() || Instant::now() >= deadline {
            return Ok(status);
        }
        thread::sleep(POLL);
    }
}

fn read_from_start(file: &mut File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(unix)]
fn lead_a_group(command: &mut Command) {
    std::os::unix::process::CommandExt::process_group(command, 0);
}

#[cfg(not(unix))]
fn lead_a_group(_: &mut Command) {}

// The standard library kills one process only; the shell knows groups, and taskkill knows trees.
fn kill_group(leader: u32) -> io::Result<()> {
    let leader = leader.to_string();
    let mut command = if cfg!(windows) {
        let mut command = Command::new("taskkill");
        command.args(["/F", "/T", "/PID", &leader]);
        command
    } else {
        let mut command = Command::new("sh");
        command.args(["-c", "kill -s KILL -- \"-$0\"", &leader]);
        command
    };
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AMPLE: Duration = Duration::from_mins(1);

    fn cargo(words: &str) -> Invocation {
        Invocation::cargo(&crate::root()).words(words)
    }

    #[test]
    fn a_run_is_repeated_from_its_own_description() {
        let invocation = Invocation::new("cargo", Path::new(".")).words("test -p x");
        let described = invocation.environment("RUSTFLAGS", "--cfg a").arguments(["a b"]).to_string();
        assert_eq!(described, "RUSTFLAGS='--cfg a' cargo test -p x 'a b'");
    }

    #[test]
    fn success_failure_and_output_are_told() {
        let run = cargo("--version").run_within(AMPLE).expect("cargo runs");
        assert_eq!(run.ending, Ending::Success);
        assert!(run.text.starts_with("cargo "), "{}", run.text);
        let run = cargo("no-such-command").run_within(AMPLE).expect("cargo runs");
        assert_eq!(run.ending, Ending::Failure);
        assert!(run.text.contains("no such command"), "standard error is kept: {}", run.text);
    }

    /// The grandchild holds the writing end of a fifo: whoever reads it comes to the end when it is dead.
    #[cfg(unix)]
    #[test]
    fn a_run_that_hangs_is_killed_with_its_children() {
        let directory = tempfile::tempdir().expect("a scratch directory");
        let fifo = directory.path().join("fifo");
        let made = Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs");
        assert!(made.success(), "a fifo can be made");
        let (sender, ended) = std::sync::mpsc::channel();
        thread::spawn(move || sender.send(std::fs::read(fifo).is_ok()));

        let hanging = Invocation::new("sh", directory.path()).arguments(["-c", "sleep 86400 >fifo & wait"]);
        let run = hanging.in_own_group().run_within(Duration::from_secs(1)).expect("the shell runs");
        assert_eq!(run.ending, Ending::Killed);
        assert_eq!(ended.recv_timeout(AMPLE), Ok(true), "the grandchild died with its group");
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let error = Invocation::new("no-such-program", Path::new(".")).run().expect_err("nothing to run");
        assert_eq!(error.to_string(), "cannot run `no-such-program`");
    }
}
