//! A program that is a memory server, and the client that starts it, on unforget-mcp alone.

use std::env;
use std::io::{BufRead, BufReader, Result, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use unforget_mcp::unforget::Unforget;
use unforget_mcp::{Memory, Settings, serve_stdio};

const STORE: &str = "UNFORGET_DOWNSTREAM_STORE";

/// Plays the server where the environment names a store; in an ordinary run it names none.
#[test]
fn entry() {
    let Some(store) = env::var_os(STORE) else { return };
    let open = move || Ok(Memory::new(Unforget::open(&store)?));
    serve_stdio(open, Settings::default().timeout(Duration::from_secs(10))).expect("it serves to the end");
}

#[test]
fn a_program_that_is_a_server_answers_and_ends_with_its_input() -> Result<()> {
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("server-{}", std::process::id()));
    let mut server = Command::new(env::current_exe()?)
        .args(["--exact", "entry", "--nocapture"])
        .env(STORE, &place)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut requests = server.stdin.take().expect("piped");
    for request in [
        r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}"#,
        r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"create_entities","arguments":{"entities":[{"name":"Ada","entityType":"person","observations":[]}]}}}"#,
    ] {
        writeln!(requests, "{request}")?;
    }
    drop(requests);
    // The test harness says things too, also at the beginning of a line.
    let lines = BufReader::new(server.stdout.take().expect("piped")).lines();
    let answer = |line: String| line.find('{').map(|at| line[at..].to_owned());
    let answers: Vec<_> = lines.map_while(Result::ok).filter_map(answer).collect();
    assert!(server.wait()?.success(), "it ended well");
    assert_eq!(answers.len(), 2, "each request is answered: {answers:?}");
    assert!(answers[1].contains(r#""structuredContent":{"entities":[{"#), "{}", answers[1]);

    let store = Unforget::open(&place).expect("the store can be opened");
    let graph = store.graph().read().expect("the graph can be read");
    assert_eq!(graph.entities[0].name, "Ada", "what was answered is stored");
    drop(store);
    std::fs::remove_dir_all(place)
}
