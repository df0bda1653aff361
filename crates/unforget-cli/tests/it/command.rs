//! Runs the command in a directory of its own, away from the stores of whoever runs the tests.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use unforget::unforget_sqlite::rusqlite::Connection;

/// Nothing that is waited for takes a tenth of this, also on a busy machine; reaching it is a failure.
const DEADLINE: Duration = Duration::from_mins(2);

/// The command without a store; its home is `home`, so no other store is in reach.
pub(crate) fn unforget(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_unforget"));
    for variable in ["UNFORGET_STORE", "MEMORY_FILE_PATH", "XDG_DATA_HOME"] {
        command.env_remove(variable);
    }
    command.env("HOME", home).stdin(Stdio::null());
    command
}

/// A place for one store, removed at the end of the test.
pub(crate) struct Store {
    root: TempDir,
}

impl Store {
    /// A store that has nothing in it.
    pub(crate) fn new() -> Self {
        let store = Self::missing();
        store.run(["init"]).data();
        store
    }

    /// A place where no store is yet; its directory does not exist.
    pub(crate) fn missing() -> Self {
        Self { root: tempfile::tempdir().expect("a directory for the test") }
    }

    /// A directory that exists and is empty.
    pub(crate) fn empty(mode: u32) -> Self {
        let store = Self::missing();
        std::fs::create_dir(store.path()).expect("a new directory");
        set_mode(&store.path(), mode);
        store
    }

    /// The store's directory.
    pub(crate) fn path(&self) -> PathBuf {
        self.root.path().join("store")
    }

    /// The directory around it.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// A command on this store that answers in JSON.
    pub(crate) fn json<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.text(["--json"]);
        command.args(args);
        command
    }

    /// A command on this store that answers in text.
    pub(crate) fn text<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = unforget(self.root());
        command.arg("--store").arg(self.path()).args(args);
        command
    }

    /// Runs a command that answers in JSON.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Answer {
        run(&mut self.json(args))
    }

    /// Runs a command that answers in JSON and gives it `input` to read.
    pub(crate) fn feed<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>, input: &[u8]) -> Answer {
        feed(&mut self.json(args), input)
    }

    /// Runs a command that answers in text, and returns what it says.
    pub(crate) fn say<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> String {
        run(&mut self.text(args)).text()
    }

    /// Stores one turn and returns its id.
    pub(crate) fn remember(&self, content: &str) -> String {
        let id = self.run(["remember", "--", content]).data()["turn_id"].clone();
        id.as_str().expect("an id").to_owned()
    }

    /// The hits of a query.
    pub(crate) fn recall<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Vec<Value> {
        let mut command = self.json(["recall"]);
        let data = run(command.args(args)).data();
        data["hits"].as_array().expect("hits are an array").clone()
    }

    /// How many turns the store has.
    pub(crate) fn turns(&self) -> u64 {
        self.run(["stats"]).data()["turns"].as_u64().expect("a number of turns")
    }

    /// Writes a file beside the store.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.root().join(name);
        std::fs::write(&path, content).expect("a file beside the store");
        path
    }

    /// The database, for a look past the command.
    pub(crate) fn database(&self) -> Connection {
        Connection::open(self.path().join("unforget.db")).expect("the store's database")
    }
}

/// How a command ended and what it said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) exit: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Answer {
    /// The one object on standard output.
    pub(crate) fn object(&self) -> Value {
        let value: Value = serde_json::from_str(&self.stdout).expect("one JSON value and nothing else");
        assert!(value.is_object(), "the value is an object: {value}");
        assert_eq!(self.stdout.matches('\n').count(), 1, "the object is one line: {:?}", self.stdout);
        value
    }

    /// The data of a command that succeeded.
    pub(crate) fn data(&self) -> Value {
        assert_eq!(self.exit, Some(0), "the command succeeds: {self:?}");
        let object = self.object();
        assert_eq!(keys(&object), ["data", "ok"], "the envelope has two fields");
        assert_eq!(object["ok"], json!(true), "success is told in the envelope too");
        object["data"].clone()
    }

    /// The message of a command that failed in JSON, with its hint behind it.
    pub(crate) fn refusal(&self, exit: i32, code: &str) -> String {
        assert_eq!(self.exit, Some(exit), "the exit code says what kind of failure it is: {self:?}");
        let object = self.object();
        assert_eq!(keys(&object), ["error", "ok"], "the envelope has two fields");
        let error = &object["error"];
        assert_eq!(keys(error), ["code", "hint", "message"], "an error has three fields");
        assert_eq!((&object["ok"], &error["code"]), (&json!(false), &json!(code)), "{object}");
        assert_eq!(self.stderr, "", "with --json nothing is said beside the object");
        let (message, hint) = (error["message"].as_str(), error["hint"].as_str());
        let message = message.filter(|message| !message.is_empty()).expect("a failure says what is wrong");
        format!("{message}\n{}", hint.expect("the hint is a text"))
    }

    /// What a command that succeeded says to people.
    pub(crate) fn text(self) -> String {
        assert_eq!((self.exit, self.stderr.as_str()), (Some(0), ""), "the command succeeds: {self:?}");
        self.stdout
    }
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("what it says is UTF-8");
        Self { exit: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Answer {
    command.output().expect("the command starts").into()
}

/// Runs a command and gives it `input` on standard input.
pub(crate) fn feed(command: &mut Command, input: &[u8]) -> Answer {
    let mut child = start(command);
    let mut stdin = child.stdin.take().expect("piped");
    let output = std::thread::scope(|scope| {
        // The command may have heard enough before the input ends.
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output()
    });
    output.expect("the command ends").into()
}

/// Starts a command with pipes.
pub(crate) fn start(command: &mut Command) -> Child {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    piped.spawn().expect("the command starts")
}

/// The names of an object's fields, sorted.
pub(crate) fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = object.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// A line for `import`: turn `number` of a user called `ada`.
pub(crate) fn line(number: usize) -> String {
    let content = format!("The glider flew round {number}.");
    json!({"user_id": "ada", "session_id": "s", "turn_id": format!("t{number}"), "content": content})
        .to_string()
}

/// A file of that many lines for `import`.
pub(crate) fn lines(count: usize) -> String {
    (0..count).map(|number| line(number) + "\n").collect()
}

/// Every entry below a directory: its name, its mode and its content.
pub(crate) fn entries(directory: &Path) -> Vec<(PathBuf, u32, Vec<u8>)> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        let found = std::fs::symlink_metadata(&path).expect("it is there");
        let content = if found.is_file() { std::fs::read(&path).expect("a file") } else { Vec::new() };
        entries.push((path, found.permissions().mode(), content));
    }
    entries.sort();
    entries
}

/// The permission bits of a file or directory.
pub(crate) fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it exists").permissions().mode() & 0o777
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("it is ours");
}

/// Waits until `condition` holds.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let since = Instant::now();
    while !condition() {
        assert!(since.elapsed() < DEADLINE, "{what} did not happen");
        std::thread::yield_now();
    }
}
