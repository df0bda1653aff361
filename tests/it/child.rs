//! Second processes: this test binary again, with a role.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long a test waits for something that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

const ROLE: &str = "UNFORGET_TESTS_ROLE";
const DIRECTORY: &str = "UNFORGET_TESTS_DIRECTORY";

/// Tells the words of a role from those of the test harness around it.
const MARK: &str = "> ";

/// How many processes a test kills.
pub(crate) fn kills() -> usize {
    if std::env::var_os("UNFORGET_LONG").is_some() { 200 } else { 20 }
}

/// Plays the role that the environment names; in an ordinary run it names none.
#[test]
fn entry() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let directory = std::env::var(DIRECTORY).expect("a role has a directory");
    let mut parts = role.split(' ');
    let (name, number) = (parts.next(), parts.next().and_then(|number| number.parse().ok()).unwrap_or(0));
    match name {
        Some("remember") => crate::many::remember(Path::new(&directory), number),
        Some("open") => crate::many::open(Path::new(&directory)),
        Some("write-on") => crate::many::write_on(Path::new(&directory), number),
        #[cfg(unix)]
        Some("lock") => crate::damage::lock(Path::new(&directory)),
        #[cfg(unix)]
        Some("fill") => crate::damage::fill(Path::new(&directory)),
        #[cfg(unix)]
        Some("look") => crate::damage::look(Path::new(&directory)),
        #[cfg(unix)]
        Some("back-up") => crate::damage::back_up(Path::new(&directory)),
        #[cfg(unix)]
        Some("look-in") => crate::damage::look_in(Path::new(&directory)),
        #[cfg(unix)]
        Some("write-until-killed") => crate::damage::write_until_killed(Path::new(&directory), number),
        Some("count") => crate::many::count(Path::new(&directory), number),
        Some("play-ping-pong") => crate::contexts::play_ping_pong(Path::new(&directory)),
        Some("add") => crate::contexts::add(Path::new(&directory)),
        Some("own") => crate::owning::own(Path::new(&directory)),
        Some("act") => crate::contexts::act(Path::new(&directory)),
        _ => panic!("there is no role {role:?}"),
    }
}

/// Tells the parent something, one line at a time also from several threads.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{MARK}{line}").and_then(|()| out.flush()).expect("the parent listens");
}

/// Waits until the parent says something.
pub(crate) fn wait_for_parent() {
    std::io::stdin().lock().read_line(&mut String::new()).expect("the pipe can be read");
}

/// The next line that the parent says; `None` after its last.
pub(crate) fn hear_parent() -> Option<String> {
    let mut line = String::new();
    let heard = std::io::stdin().lock().read_line(&mut line).expect("the pipe can be read");
    (heard > 0).then(|| line.trim_end().to_owned())
}

/// A running second process; it is killed when this is dropped.
pub(crate) struct Child {
    process: std::process::Child,
    lines: Receiver<String>,
}

impl Child {
    pub(crate) fn start(role: &str, directory: &Path) -> Self {
        Self::start_under(&[], role, directory)
    }

    /// Starts it as the last words of another program's arguments.
    pub(crate) fn start_under(program: &[&str], role: &str, directory: &Path) -> Self {
        let binary = std::env::current_exe().expect("this binary has a path");
        let words: Vec<&OsStr> = program.iter().map(OsStr::new).chain([binary.as_os_str()]).collect();
        let mut process = Command::new(words[0])
            .args(&words[1..])
            .args(["--exact", "child::entry", "--nocapture"])
            .env(ROLE, role)
            .env(DIRECTORY, directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it can be started");
        let stdout = BufReader::new(process.stdout.take().expect("it is piped"));
        let (heard, lines) = channel();
        std::thread::spawn(move || {
            let said = stdout.lines().map_while(Result::ok);
            for line in said.filter_map(|line| line.strip_prefix(MARK).map(str::to_owned)) {
                if heard.send(line).is_err() {
                    break;
                }
            }
        });
        Self { process, lines }
    }

    /// Lets a role that waits for its parent go on.
    pub(crate) fn wake(&mut self) {
        self.tell("go");
    }

    /// Says a line to a role that listens.
    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.process.stdin.as_mut().expect("it is piped"), "{line}").expect("it listens");
    }

    /// The next line that the process says; `None` after its last.
    pub(crate) fn hear(&self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => None,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("a process says nothing"),
        }
    }

    /// Kills it as `kill -9` does, and answers what it said that was not heard yet.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.process.kill().expect("it can be killed");
        self.process.wait().expect("it ends");
        std::iter::from_fn(|| self.hear()).collect()
    }

    /// Says no more, hears the rest, and demands a good end.
    pub(crate) fn finish(mut self) -> Vec<String> {
        drop(self.process.stdin.take());
        let rest = std::iter::from_fn(|| self.hear()).collect();
        let status = self.process.wait().expect("it ends");
        assert!(status.success(), "a process ended with {status} after {rest:?}");
        rest
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _it_may_have_ended = self.process.kill();
        let _it_may_have_been_waited_for = self.process.wait();
    }
}
