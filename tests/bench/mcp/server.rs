//! A server as a child process, and a client that is the same for every one of them.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Longer than any answer takes, so that a server that is silent ends the run and not the patience.
const SILENCE: Duration = Duration::from_mins(2);

/// A server that can be started.
#[derive(Clone)]
pub(crate) enum Program {
    /// Our command.
    Ours(PathBuf),
    /// The official server, a script for node.
    Official(PathBuf),
}

impl Program {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Ours(_) => "unforget",
            Self::Official(_) => "official",
        }
    }

    fn command(&self) -> Command {
        match self {
            Self::Ours(program) => {
                let mut command = Command::new(program);
                command.arg("serve");
                command
            }
            Self::Official(script) => {
                let mut command = Command::new("node");
                command.arg(script);
                command
            }
        }
    }
}

/// A running server; it is killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    input: Option<ChildStdin>,
    answers: Receiver<Value>,
    /// Answers that came before they were asked for.
    early: HashMap<u64, Value>,
    next: u64,
}

impl Server {
    /// Starts a server on a memory file and shakes hands.
    pub(crate) fn start(program: &Program, file: &Path) -> Self {
        let mut child = program
            .command()
            .env("MEMORY_FILE_PATH", file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let (tell, answers) = channel();
        let output = BufReader::new(child.stdout.take().expect("it has an output"));
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let Ok(message) = serde_json::from_str(&line) else { continue };
                if tell.send(message).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take();
        let mut server = Self { child, input, answers, early: HashMap::new(), next: 0 };
        let hello = json!({
            "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "bench", "version": "1" }
        });
        let asked = server.ask("initialize", &hello);
        server.answer(asked).expect("it answers");
        server.write(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        server
    }

    /// Sends a request and does not wait; the number is for [`answer`](Self::answer).
    pub(crate) fn ask(&mut self, method: &str, params: &Value) -> u64 {
        self.next += 1;
        let id = self.next;
        self.write(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        id
    }

    /// Sends a call of a tool and does not wait.
    pub(crate) fn send(&mut self, tool: &str, arguments: &Value) -> u64 {
        self.ask("tools/call", &json!({ "name": tool, "arguments": arguments }))
    }

    /// Waits for the answer to a request: the whole message, or nothing if the server is gone.
    pub(crate) fn answer(&mut self, id: u64) -> Option<Value> {
        if let Some(answer) = self.early.remove(&id) {
            return Some(answer);
        }
        let deadline = Instant::now() + SILENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the server is silent");
            let Ok(message) = self.answers.recv_timeout(left) else { return None };
            match message.get("id").and_then(Value::as_u64) {
                Some(found) if found == id => return Some(message),
                Some(other) => drop(self.early.insert(other, message)),
                None => {}
            }
        }
    }

    /// Calls a tool and waits for its result.
    pub(crate) fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        let asked = self.send(tool, arguments);
        self.answer(asked).expect("the server is there")
    }

    /// How long a call took, in microseconds.
    pub(crate) fn time(&mut self, tool: &str, arguments: &Value) -> f64 {
        let began = Instant::now();
        let answer = self.call(tool, arguments);
        let microseconds = began.elapsed().as_secs_f64() * 1e6;
        assert!(succeeded(&answer), "{tool}: {answer}");
        microseconds
    }

    /// Ends the input and waits until the server has ended.
    pub(crate) fn finish(mut self) {
        self.input = None;
        self.child.wait().expect("it ends");
    }

    /// Kills it, and says which of these requests it had answered with success.
    pub(crate) fn kill(mut self, asked: Vec<(u64, String)>) -> Vec<String> {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
        let answered = |(id, name)| self.answer(id).filter(succeeded).map(|_| name);
        asked.into_iter().filter_map(answered).collect()
    }

    /// Resident memory in MiB, and its highest so far.
    pub(crate) fn resident(&self) -> (f64, f64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let figure = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.trim_matches([':', ' ', '\t', 'k', 'B']).parse::<f64>().ok());
            kib.map_or(f64::NAN, |kib| kib / 1024.0)
        };
        (figure("VmRSS"), figure("VmHWM"))
    }

    fn write(&mut self, message: &Value) {
        let input = self.input.as_mut().expect("its input is open");
        // A server that was killed does not listen, which its answers tell.
        let _ = writeln!(input, "{message}").and_then(|()| input.flush());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a call of a tool did what it was asked for.
pub(crate) fn succeeded(answer: &Value) -> bool {
    answer.get("result").is_some_and(|result| result.get("isError") != Some(&Value::Bool(true)))
}

/// The names of all entities, as a fresh server reads them.
pub(crate) fn names(program: &Program, file: &Path) -> Vec<String> {
    let mut server = Server::start(program, file);
    let answer = server.call("read_graph", &json!({}));
    let entities = answer["result"]["structuredContent"]["entities"].as_array().cloned().unwrap_or_default();
    entities.iter().filter_map(|entity| entity["name"].as_str().map(str::to_owned)).collect()
}
