//! A second process: this test binary again, with a role.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const ROLE: &str = "UNFORGET_CONTEXT_TESTS_ROLE";
const DIRECTORY: &str = "UNFORGET_CONTEXT_TESTS_DIRECTORY";
const PATIENCE: Duration = Duration::from_secs(20);

/// Tells the words of a role from those of the test harness around it.
const MARK: &str = "> ";

/// Plays the role that the environment names; in an ordinary run it names none.
#[test]
fn entry() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let directory = std::env::var(DIRECTORY).expect("a role has a directory");
    match role.as_str() {
        "count" => crate::json_files::count(Path::new(&directory)),
        #[cfg(unix)]
        "fork" => crate::forked::fork_an_owner(Path::new(&directory)),
        "defer" => crate::deferred::defer(Path::new(&directory)),
        _ => panic!("there is no role {role:?}"),
    }
}

/// Tells the parent something.
pub(crate) fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{MARK}{what}").and_then(|()| out.flush()).unwrap();
}

/// A running second process; it is killed, as by `kill -9`, when this is dropped.
pub(crate) struct Child {
    process: std::process::Child,
    lines: Receiver<String>,
}

impl Child {
    /// Starts it and waits until it says that it is ready.
    pub(crate) fn start(role: &str, directory: &Path) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child::entry", "--nocapture"])
            .env(ROLE, role)
            .env(DIRECTORY, directory)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        let (heard, lines) = channel();
        std::thread::spawn(move || {
            let said = stdout.lines().map_while(Result::ok);
            for line in said.filter_map(|line| line.strip_prefix(MARK).map(str::to_owned)) {
                if heard.send(line).is_err() {
                    break;
                }
            }
        });
        let child = Self { process, lines };
        assert_eq!(child.hear(), "ready");
        child
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn hear(&self) -> String {
        self.lines.recv_timeout(PATIENCE).unwrap()
    }

    /// Kills it and answers all that it said until then.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        std::iter::from_fn(|| self.lines.recv_timeout(PATIENCE).ok()).collect()
    }

    /// Hears so many numbers, kills it, and answers the last number it said.
    pub(crate) fn hear_and_kill(self, numbers: u64) -> u64 {
        let heard: Vec<String> = (0..numbers).map(|_| self.hear()).collect();
        let rest = self.kill();
        heard.iter().chain(&rest).filter_map(|line| line.parse().ok()).max().unwrap_or(0)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _it_may_have_ended = self.process.kill();
        let _ = self.process.wait();
    }
}
