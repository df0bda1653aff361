//! A server process, and a client that writes and reads lines.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::command::{Store, wait_until};

/// Nothing that is waited for takes a tenth of this, also on a busy machine; reaching it is a failure.
pub(crate) const DEADLINE: Duration = Duration::from_mins(2);

/// A server that is killed when this is dropped.
pub(crate) struct Server {
    process: Child,
    requests: Option<Box<dyn Write>>,
    answers: Receiver<Value>,
    id: u64,
}

impl Server {
    /// A server on a store that has been greeted.
    pub(crate) fn on(store: &Store) -> Self {
        Self::start(&mut store.text(["serve"]))
    }

    /// A server that has been greeted.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::start_silent(command).greeted()
    }

    /// A server as Node starts it: not with pipes but with sockets. It has been greeted.
    pub(crate) fn over_sockets(command: &mut Command) -> Self {
        let (process, requests, answers) = start_over_sockets(command);
        Self::talk(process, requests, answers).greeted()
    }

    fn greeted(mut self) -> Self {
        let client = json!({"name": "test", "version": "1"});
        let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client});
        self.request("initialize", &hello);
        self.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        self
    }

    /// A server to which nothing was said.
    pub(crate) fn start_silent(command: &mut Command) -> Self {
        let mut process =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the server starts");
        let (requests, answers) =
            (process.stdin.take().expect("piped"), process.stdout.take().expect("piped"));
        Self::talk(process, requests, answers)
    }

    fn talk(process: Child, requests: impl Write + 'static, answers: impl Read + Send + 'static) -> Self {
        let lines = BufReader::new(answers).lines();
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let answer = serde_json::from_str(&line).expect("every line is JSON");
                if sender.send(answer).is_err() {
                    break;
                }
            }
        });
        Self { requests: Some(Box::new(requests)), process, answers, id: 0 }
    }

    pub(crate) fn say(&mut self, message: &Value) {
        let requests = self.requests.as_mut().expect("the client has not hung up");
        writeln!(requests, "{message}").expect("the server listens");
    }

    /// Says a request, also to a server that may be gone, and does not wait for its answer; returns its id.
    pub(crate) fn begin(&mut self, method: &str, params: &Value) -> u64 {
        self.id += 1;
        let request = json!({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params});
        let requests = self.requests.as_mut().expect("the client has not hung up");
        let _it_may_be_gone = writeln!(requests, "{request}");
        self.id
    }

    /// The next message; `None` once the server has hung up.
    pub(crate) fn hear(&self) -> Option<Value> {
        match self.answers.recv_timeout(DEADLINE) {
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("the server says nothing within {DEADLINE:?}"),
        }
    }

    /// Says a request and returns its answer; notifications before it are passed over.
    pub(crate) fn request(&mut self, method: &str, params: &Value) -> Value {
        let id = self.begin(method, params);
        loop {
            let message = self.hear().expect("the server answers");
            if message["id"] == id {
                return message;
            }
        }
    }

    /// Calls a tool and returns its result.
    pub(crate) fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        self.request("tools/call", &json!({"name": tool, "arguments": arguments}))["result"].clone()
    }

    /// Begins to create an entity.
    pub(crate) fn begin_to_create(&mut self, name: &str) -> u64 {
        self.begin("tools/call", &json!({"name": "create_entities", "arguments": entity(name)}))
    }

    /// Creates an entity.
    pub(crate) fn create(&mut self, name: &str) {
        let result = self.call("create_entities", &entity(name));
        assert_eq!(result["structuredContent"]["entities"][0]["name"], name, "{result}");
    }

    /// The names of all entities.
    pub(crate) fn names(&mut self) -> Vec<String> {
        let graph = self.call("read_graph", &json!({}))["structuredContent"].clone();
        let entities = graph["entities"].as_array().expect("entities").iter();
        entities.map(|entity| entity["name"].as_str().expect("a name").to_owned()).collect()
    }

    /// Says no more.
    pub(crate) fn hang_up(&mut self) {
        self.requests = None;
    }

    /// What it says until it hangs up.
    pub(crate) fn rest(&self) -> Vec<Value> {
        std::iter::from_fn(|| self.hear()).collect()
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the end of the server", || {
            status = self.process.try_wait().expect("it is our child");
            status.is_some()
        });
        status.expect("it has ended")
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let id = Pid::from_child(&self.process);
        kill_process(id, signal).expect("it is our child");
    }

    /// Kills it and returns what it had said.
    pub(crate) fn kill(&mut self) -> Vec<Value> {
        self.process.kill().expect("it is our child");
        self.process.wait().expect("it ends");
        self.rest()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _it_may_have_ended = self.process.kill();
        let _status = self.process.wait();
    }
}

/// Starts a server as Node does, with the sockets to talk to it and to hear it.
pub(crate) fn start_over_sockets(command: &mut Command) -> (Child, UnixStream, UnixStream) {
    let [(requests, input), (answers, output)] =
        [(); 2].map(|()| UnixStream::pair().expect("a pair of sockets"));
    let process =
        command.stdin(OwnedFd::from(input)).stdout(OwnedFd::from(output)).spawn().expect("the server starts");
    // What was given to the process would hold the sockets open here too.
    command.stdin(Stdio::null()).stdout(Stdio::null());
    (process, requests, answers)
}

/// Arguments that create one entity.
pub(crate) fn entity(name: &str) -> Value {
    json!({"entities": [{"name": name, "entityType": "thing", "observations": []}]})
}

/// Ids of calls that were carried out, among what a server said.
pub(crate) fn acknowledged(messages: &[Value]) -> Vec<u64> {
    let done = messages.iter().filter(|message| message["result"]["structuredContent"].is_object());
    done.map(|message| message["id"].as_u64().expect("an id")).collect()
}

/// The memory that a process has, in KiB.
pub(crate) fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// How long something took, with what it returned.
pub(crate) fn timed<T>(f: impl FnOnce() -> T) -> (T, Duration) {
    let since = Instant::now();
    (f(), since.elapsed())
}
