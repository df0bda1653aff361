//! A second process: this test binary again, with a role.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use unforget_sqlite::{Database, Options};

use crate::store::{PATIENCE, SCHEMA, insert};

const ROLE: &str = "UNFORGET_SQLITE_TESTS_ROLE";
const FILE: &str = "UNFORGET_SQLITE_TESTS_FILE";

/// Tells the words of a role from those of the test harness around it.
const MARK: &str = "> ";

/// Plays the role that the environment names; in an ordinary run it names none.
#[test]
fn entry() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let file = played_on();
    match role.as_str() {
        "hold" => hold(&file),
        "read" => read(&file),
        "write" => crate::checkpoint::write_from_a_child(&file),
        #[cfg(unix)]
        "fork" => crate::fork::while_it_writes(&file),
        #[cfg(unix)]
        "fork inside" => crate::fork::inside_a_write(&file),
        #[cfg(unix)]
        "fork in a read" => crate::fork::inside_a_read(&file),
        #[cfg(unix)]
        "fork at the end" => crate::fork::at_the_end_of_a_batch(&file),
        #[cfg(unix)]
        "fork after" => crate::fork::after_the_last_handle(&file),
        #[cfg(target_os = "linux")]
        "have the turn" => crate::holder::have_the_turn(&file),
        #[cfg(target_os = "linux")]
        "stand in line" => crate::holder::stand_in_line(&file),
        "answer" => crate::generation_processes::answer(&file),
        "add" => crate::generation_processes::add(&file),
        _ => panic!("there is no role {role:?}"),
    }
}

/// The file that a role is played on.
pub(crate) fn played_on() -> PathBuf {
    std::env::var_os(FILE).unwrap().into()
}

/// Role: writes a note and keeps the database open until the parent says something or is gone.
fn hold(file: &Path) {
    let db = Database::open(file, Options::default()).unwrap();
    db.migrate(&SCHEMA).unwrap();
    insert(&db, "by the child").unwrap();
    ready();
    wait_for_parent();
}

/// Role: reads until the parent says something.
fn read(file: &Path) {
    let db = Database::open(file, Options::default()).unwrap();
    let read = db.read(|_| -> Result<(), unforget_sqlite::Error> {
        ready();
        wait_for_parent();
        Ok(())
    });
    read.unwrap();
}

/// Tells the parent that it may go on.
pub(crate) fn ready() {
    say("ready");
}

pub(crate) fn wait_for_parent() {
    hear();
}

/// Tells the parent something.
pub(crate) fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{MARK}{what}").and_then(|()| out.flush()).unwrap();
}

/// What the parent says next; nothing once it is gone.
pub(crate) fn hear() -> String {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).unwrap();
    line.trim().to_owned()
}

/// A running second process; it is killed, as by `kill -9`, when this is dropped.
pub(crate) struct Child {
    process: std::process::Child,
    lines: Receiver<String>,
}

impl Child {
    /// Starts it and waits until it says that it is ready.
    pub(crate) fn start(role: &str, file: &Path) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child::entry", "--nocapture"])
            .env(ROLE, role)
            .env(FILE, file)
            .stdin(Stdio::piped())
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
        assert_eq!(child.lines.recv_timeout(PATIENCE).unwrap(), "ready");
        child
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Says something and waits for the answer.
    pub(crate) fn ask(&mut self, what: &str) -> String {
        self.tell(what);
        self.hear()
    }

    pub(crate) fn tell(&mut self, what: &str) {
        writeln!(self.process.stdin.as_mut().unwrap(), "{what}").unwrap();
    }

    pub(crate) fn hear(&self) -> String {
        self.lines.recv_timeout(PATIENCE).unwrap()
    }

    /// Lets it end in good order.
    pub(crate) fn finish(mut self) {
        writeln!(self.process.stdin.as_mut().unwrap(), "go").unwrap();
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _it_may_have_ended = self.process.kill();
        let _it_may_have_been_waited_for = self.process.wait();
    }
}
