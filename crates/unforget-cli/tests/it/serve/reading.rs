//! A client that sends and does not read, and one that is answered while others wait.

use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use super::server::{Server, acknowledged, start_over_sockets, timed};
use crate::command::{Store, start, wait_until};

/// The graph has about this much text.
const GRAPH: usize = 2 << 20;

/// How long a server that takes requests goes at most without taking one.
const STALLED: Duration = Duration::from_secs(3);

#[test]
fn a_client_that_does_not_read_is_not_read_and_fills_no_memory() {
    let store = Store::missing();
    let mut writer = Server::on(&store);
    let observations: Vec<_> = (0..32).map(|n| format!("{n} {}", "x".repeat(GRAPH / 32))).collect();
    let entity = json!({"name": "large", "entityType": "thing", "observations": observations});
    writer.call("create_entities", &json!({"entities": [entity]}));
    drop(writer);

    let mut process = start(&mut store.text(["serve"]));
    let mut requests = process.stdin.take().expect("piped");
    let answers = process.stdout.take().expect("piped");
    let (sent, progress) = channel();
    let sender = std::thread::spawn(move || {
        let client = json!({"name": "test", "version": "1"});
        let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client});
        writeln!(
            requests,
            "{}",
            json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": hello})
        )?;
        for id in 1_u64.. {
            let read = json!({"name": "read_graph", "arguments": {"padding": " ".repeat(1000)}});
            writeln!(
                requests,
                "{}",
                json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": read})
            )?;
            let _nobody_counts_any_more = sent.send(id);
        }
        std::io::Result::Ok(())
    });
    let mut taken = 0;
    loop {
        match progress.recv_timeout(STALLED) {
            Ok(id) => taken = id,
            Err(RecvTimeoutError::Timeout) => break,
            Err(RecvTimeoutError::Disconnected) => panic!("the server ended after {taken} requests"),
        }
    }
    assert!((1..1000).contains(&taken), "it stops reading; {taken} requests were sent");
    let resident = super::server::resident(process.id());
    assert!(resident < 150 << 10, "a few answers are in memory and not {taken}: {resident} KiB");

    drop(answers);
    wait_until("the end of a server whose client went away", || {
        process.try_wait().expect("it is our child").is_some()
    });
    assert!(sender.join().expect("no panic").is_err(), "nobody reads any more");
}

#[test]
fn a_client_that_does_not_read_does_not_keep_a_server_that_is_to_end() {
    let store = Store::missing();
    let (mut process, mut requests, answers) = start_over_sockets(&mut store.text(["serve"]));
    requests.set_write_timeout(Some(STALLED)).expect("a socket can time out");
    let read_no_more = (0..100_000).find(|ping| {
        let ping = json!({"jsonrpc": "2.0", "id": format!("{ping} {}", "x".repeat(4096)), "method": "ping"});
        writeln!(requests, "{ping}").is_err()
    });
    assert!(read_no_more.is_some(), "a client that does not read is not read");
    kill_process(Pid::from_child(&process), Signal::TERM).expect("it is our child");
    let mut status = None;
    wait_until("the end of the server", || {
        status = process.try_wait().expect("it is our child");
        status.is_some()
    });
    assert_eq!(status.and_then(|status| status.code()), Some(0), "it ended well");
    drop(answers);
}

#[test]
fn a_ping_does_not_wait_for_calls_that_wait() {
    /// More than the threads that carry calls out.
    const CALLS: usize = 100;
    for start in [Server::start, Server::over_sockets] {
        let store = Store::missing();
        let mut server = start(&mut store.text(["serve"]));
        server.create("first");
        let in_the_way = store.database();
        in_the_way.execute_batch("BEGIN IMMEDIATE").expect("another program may write");
        for call in 0..CALLS {
            server.begin_to_create(&call.to_string());
        }
        let ping = server.begin("ping", &json!({}));
        let (answer, took) = timed(|| server.hear().expect("it answers"));
        assert_eq!(answer["id"], ping, "no call can be done");
        // A call gives up after ten seconds.
        assert!(took < Duration::from_secs(5), "the ping waited for calls: {took:?}");
        in_the_way.execute_batch("ROLLBACK").expect("it lets go");
        server.hang_up();
        assert_eq!(acknowledged(&server.rest()).len(), CALLS, "every call is carried out");
    }
}
