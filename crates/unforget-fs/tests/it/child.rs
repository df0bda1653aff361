//! Second processes: this test binary again, with a role.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use unforget_fs::{Durability, Error, ReplaceOptions, replace_if};

/// Nothing here takes a tenth of this, also on a busy machine; reaching it is a failure.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

const ROLE: &str = "UNFORGET_FS_ROLE";
const PATH: &str = "UNFORGET_FS_PATH";
const TIMES: &str = "UNFORGET_FS_TIMES";

/// Keeps the lines of a role apart from those of the test harness around it.
const MARK: &str = "> ";

/// What a role gets from its parent.
pub(crate) struct Part {
    pub(crate) path: PathBuf,
    pub(crate) times: u32,
}

/// Tells the parent something.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{MARK}{line}").and_then(|()| out.flush()).expect("the parent listens");
}

/// Waits until the parent says something or is gone.
pub(crate) fn wait_for_parent() {
    std::io::stdin().lock().read_line(&mut String::new()).expect("the pipe is readable");
}

/// Does the role that the environment names, if it names one.
#[test]
fn entry() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let path = PathBuf::from(std::env::var_os(PATH).expect("a path for the role"));
    let times = std::env::var(TIMES).expect("a number for the role").parse().expect("a number");
    let part = Part { path, times };
    match role.as_str() {
        "atomic_file::write" => crate::atomic_file::write(&part),
        "dot_lock::die" => crate::dot_lock::die(&part),
        "dot_lock::hold" => crate::dot_lock::hold(&part),
        "dot_lock::increment" => crate::dot_lock::increment(&part),
        "full_disk::try_every_operation" => crate::full_disk::try_every_operation(&part),
        "git::add_items" => crate::git_lock::add_items(&part),
        "git::hold" => crate::git_lock::hold(&part),
        "lease::change_directory" => crate::lease::change_directory(&part),
        "lease::hold" => crate::lease::hold(&part),
        "dot_lock::increment_politely" => crate::lock_torture::increment_by_existence(&part),
        "fork::hold" => crate::lock_fork::hold(&part),
        "lock::release_twice" => crate::lock_attacks::release_twice(&part),
        "lock::try_every_kind" => crate::lock_attacks::try_every_kind(&part),
        "journal::append" => crate::journal::processes::append(&part),
        "journal::append_little" => crate::journal::processes::append_little(&part),
        "lock::hold" => crate::lock_file::hold(&part),
        "lock::increment" => crate::lock_file::increment(&part, false),
        "lock::increment_unlink" => crate::lock_file::increment(&part, true),
        "lock::increment_politely" => crate::lock_torture::increment(&part),
        "lock::increment_and_stop" => crate::lock_file::increment_and_stop(&part),
        "replace::storm" => crate::replace::storm(&part),
        "replace::try_once" => crate::replace_refusals::try_once(&part),
        "secure_dir::create" => crate::secure_dir::create(&part),
        "shared::hold" => crate::lock_shared::hold(&part),
        "turnstile::hold" => crate::turnstile::hold(&part),
        "turnstile::increment" => crate::turnstile::increment(&part),
        unknown => panic!("no role is called {unknown}"),
    }
}

/// A running second process; it is killed when this is dropped.
pub(crate) struct Child {
    process: std::process::Child,
    lines: Receiver<String>,
}

impl Child {
    /// Starts a process that does `role`.
    pub(crate) fn start(role: &str, path: &Path, times: u32) -> Self {
        let exe = std::env::current_exe().expect("the path of this binary");
        Self::start_by(Command::new(exe), role, path, times)
    }

    /// Starts a process by a command that will run this binary.
    pub(crate) fn start_by(mut command: Command, role: &str, path: &Path, times: u32) -> Self {
        command
            .args(Self::arguments())
            .env(ROLE, role)
            .env(PATH, path)
            .env(TIMES, times.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut process = command.spawn().expect("the process starts");
        let stdout = BufReader::new(process.stdout.take().expect("piped"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if let Some(said) = line.strip_prefix(MARK)
                    && sender.send(said.to_owned()).is_err()
                {
                    return;
                }
            }
        });
        Self { process, lines }
    }

    fn arguments() -> [OsString; 3] {
        ["--exact", "child::entry", "--nocapture"].map(OsString::from)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The next line that the process says; `None` after its last.
    pub(crate) fn hear(&self) -> Option<String> {
        match self.lines.recv_timeout(DEADLINE) {
            Ok(line) => Some(line),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => None,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("the process says nothing"),
        }
    }

    /// Hears one line and demands that it is `expected`.
    pub(crate) fn expect(&self, expected: &str) {
        assert_eq!(self.hear().as_deref(), Some(expected));
    }

    /// Lets a role that waits for its parent go on.
    pub(crate) fn wake(&mut self) {
        let stdin = self.process.stdin.as_mut().expect("piped");
        writeln!(stdin, "go on").expect("the process listens");
    }

    /// Kills the process, as `kill -9` does, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("it can be killed");
        self.process.wait().expect("it ends");
    }

    /// Stops the process where it is, as control-Z does, and waits until it is stopped.
    pub(crate) fn stop(&self) {
        use rustix::process::{Signal, WaitOptions, waitpid};
        self.signal(Signal::STOP);
        let options = WaitOptions::UNTRACED;
        let (_, status) =
            waitpid(Some(self.unix_pid()), options).expect("it is our child").expect("it changed");
        assert!(status.stopped(), "{status:?}");
    }

    /// Lets a stopped process go on.
    pub(crate) fn go_on(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(self.unix_pid(), signal).expect("it is our child");
    }

    fn unix_pid(&self) -> rustix::process::Pid {
        i32::try_from(self.pid()).ok().and_then(rustix::process::Pid::from_raw).expect("a process id")
    }

    /// Whether the process is gone.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.process.try_wait().expect("it is our child").is_some()
    }

    /// Hears the rest and waits for a good end.
    pub(crate) fn finish(mut self) -> Vec<String> {
        let rest = std::iter::from_fn(|| self.hear()).collect();
        let status = self.process.wait().expect("it ends");
        assert!(status.success(), "the process ended with {status} after {rest:?}");
        rest
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Adds one to the number in the file `counter` beside a lock, if `still_ours` agrees at the last moment.
pub(crate) fn add_one(lock: &Path, still_ours: impl FnOnce() -> Result<(), Error>) {
    let counter = lock.with_file_name("counter");
    let value: u32 = std::fs::read_to_string(&counter).expect("readable").parse().expect("a whole number");
    let options = ReplaceOptions::new().durability(Durability::None);
    let next = (value + 1).to_string();
    replace_if(&counter, next.as_bytes(), &options, still_ours).expect("replaced under the lock");
}

/// Waits until `condition` holds.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !condition() {
        assert!(began.elapsed() < DEADLINE, "{what} did not happen");
        std::thread::yield_now();
    }
}

/// Whether this process may do everything, so that permission bits do not bind it.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Makes a FIFO by the command that every Unix has; the system calls for it differ.
pub(crate) fn make_fifo(path: &Path) {
    let status = Command::new("mkfifo").arg(path).status().expect("there is a mkfifo command");
    assert!(status.success(), "mkfifo ended with {status}");
}

/// The names in a directory, sorted.
pub(crate) fn names_in(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).expect("the directory is readable");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
