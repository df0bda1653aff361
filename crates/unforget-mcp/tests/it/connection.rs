//! A client that writes and reads lines, so that a test sees all that is said.

use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use unforget::{KnowledgeGraph, Unforget};
use unforget_mcp::{Memory, Settings, serve};

/// Nothing that is waited for takes a tenth of this, also on a busy machine; reaching it is a failure.
const DEADLINE: Duration = Duration::from_mins(1);

/// How much one side may write before the other reads.
const PIPE: usize = 1 << 16;

/// What a client of 2026-07-28 says of itself in each request.
pub(crate) fn modern_meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

/// A connection to a server with a store of its own.
pub(crate) struct Connection {
    requests: Option<WriteHalf<DuplexStream>>,
    answers: Lines<BufReader<ReadHalf<DuplexStream>>>,
    end: JoinHandle<unforget_mcp::Result<()>>,
    stop: Option<oneshot::Sender<()>>,
    root: TempDir,
    id: u64,
}

impl Connection {
    /// A connection that has been greeted, to a server that has nothing set.
    pub(crate) async fn greeted() -> Self {
        Self::greeted_with(Settings::default()).await
    }

    pub(crate) async fn greeted_with(settings: Settings) -> Self {
        let mut connection = Self::start(settings);
        connection.greet("2025-11-25").await;
        connection
    }

    /// A connection on which nothing was said.
    pub(crate) fn start(settings: Settings) -> Self {
        Self::start_behind(settings).0
    }

    /// A connection to a server that has its store once it is let go on, or once nobody can let it any more.
    pub(crate) fn start_behind(settings: Settings) -> (Self, Sender<()>) {
        let (go_on, gate) = channel();
        let root = tempfile::tempdir().expect("a directory for the test");
        let directory = root.path().join("store");
        let connection = Self::serve(root, settings, move || {
            let _either_way = gate.recv();
            Ok(Memory::new(Unforget::open(&directory)?))
        });
        (connection, go_on)
    }

    pub(crate) fn serve(
        root: TempDir,
        settings: Settings,
        open: impl FnMut() -> unforget::Result<Memory> + Send + 'static,
    ) -> Self {
        let (client, server) = tokio::io::duplex(PIPE);
        let (input, output) = tokio::io::split(server);
        let (stop, stopped) = oneshot::channel();
        let stopped = async {
            // Whoever lets the sender go asks for nothing.
            if stopped.await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let end = tokio::spawn(serve(open, input, output, settings, stopped));
        let (answers, requests) = tokio::io::split(client);
        let answers = BufReader::new(answers).lines();
        Self { requests: Some(requests), answers, end, stop: Some(stop), root, id: 0 }
    }

    pub(crate) async fn greet(&mut self, version: &str) -> Value {
        let client = json!({"name": "test", "version": "1"});
        let hello = json!({"protocolVersion": version, "capabilities": {}, "clientInfo": client});
        let greeting = self.request("initialize", hello).await;
        self.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        greeting
    }

    pub(crate) async fn say(&mut self, message: &Value) {
        self.say_raw(format!("{message}\n").as_bytes()).await;
    }

    pub(crate) async fn say_raw(&mut self, bytes: &[u8]) {
        let requests = self.requests.as_mut().expect("the client has not hung up");
        within(requests.write_all(bytes)).await.expect("the server listens");
    }

    /// The next line; `None` once the server has hung up.
    pub(crate) async fn hear(&mut self) -> Option<Value> {
        let line = within(self.answers.next_line()).await.expect("the pipe can be read");
        line.map(|line| serde_json::from_str(&line).expect("every line is JSON"))
    }

    /// Says a request and does not wait for its answer; returns its id.
    pub(crate) async fn begin(&mut self, method: &str, params: Value) -> u64 {
        self.id += 1;
        self.say(&json!({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params})).await;
        self.id
    }

    /// Says a request and returns its answer; nothing else is to be said before it.
    pub(crate) async fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.begin(method, params).await;
        let answer = self.hear().await.expect("the server answers");
        assert_eq!(answer["id"], id, "the answer is to the request: {answer}");
        answer
    }

    /// Calls a tool and returns its result.
    pub(crate) async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        self.request("tools/call", json!({"name": tool, "arguments": arguments})).await["result"].clone()
    }

    /// Calls a tool that is to fail, and returns what it says.
    pub(crate) async fn refused(&mut self, tool: &str, arguments: Value) -> String {
        let result = self.call(tool, arguments).await;
        assert_eq!(result["isError"], true, "it is an error: {result}");
        assert_eq!(result.get("structuredContent"), None, "an error has no data: {result}");
        result["content"][0]["text"].as_str().expect("an error has a text").to_owned()
    }

    /// Creates entities that are only names.
    pub(crate) async fn create(&mut self, names: &[&str]) -> Value {
        self.call("create_entities", entities(names)).await
    }

    /// Says no more.
    pub(crate) async fn hang_up(&mut self) {
        let mut requests = self.requests.take().expect("the client has not hung up");
        within(requests.shutdown()).await.expect("the pipe can be closed");
    }

    /// Asks the server to stop, as a signal does.
    pub(crate) fn stop(&mut self) {
        self.stop.take().expect("it was not asked before").send(()).expect("it serves");
    }

    /// Hears the rest, waits for the server to end, and returns what it said.
    pub(crate) async fn ended(&mut self) -> Vec<Value> {
        let mut rest = Vec::new();
        while let Some(message) = self.hear().await {
            rest.push(message);
        }
        within(&mut self.end).await.expect("it did not panic").expect("it ended well");
        rest
    }

    /// Waits for the server to end without hearing any more.
    pub(crate) async fn outcome(&mut self) -> unforget_mcp::Result<()> {
        within(&mut self.end).await.expect("it did not panic")
    }

    pub(crate) fn directory(&self) -> PathBuf {
        self.root.path().join("store")
    }

    /// What is in the store.
    pub(crate) fn stored(&self) -> KnowledgeGraph {
        let store = Unforget::open(self.directory()).expect("the store can be opened");
        store.graph().read().expect("the graph can be read")
    }

    pub(crate) fn stored_names(&self) -> Vec<String> {
        self.stored().entities.into_iter().map(|entity| entity.name).collect()
    }
}

/// Arguments that create entities which are only names.
pub(crate) fn entities(names: &[&str]) -> Value {
    let entity = |name: &&str| json!({"name": name, "entityType": "thing", "observations": []});
    json!({"entities": names.iter().map(entity).collect::<Vec<_>>()})
}

/// Whether something happens while the runtime has anything to do.
pub(crate) async fn soon<T>(f: impl Future<Output = T>) -> bool {
    let idle = async {
        for _ in 0..2_000 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        _ = f => true,
        () = idle => false,
    }
}

/// Waits for something that must happen. Real time: a test that moves its clock does not wait shorter.
async fn within<T>(f: impl Future<Output = T>) -> T {
    let (late, over) = oneshot::channel();
    let (done, waiting) = std::sync::mpsc::channel::<()>();
    std::thread::spawn(move || {
        if waiting.recv_timeout(DEADLINE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            let _done_meanwhile = late.send(());
        }
    });
    let outcome = tokio::select! {
        outcome = f => outcome,
        Ok(()) = over => panic!("nothing happened within {DEADLINE:?}"),
    };
    drop(done);
    outcome
}
