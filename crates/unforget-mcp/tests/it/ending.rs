//! The end: everything accepted is answered, and nothing hangs.

use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use serde_json::json;
use unforget::{Create, Options};
use unforget_mcp::{Memory, Settings};

use crate::connection::{Connection, entities, soon};

/// How many calls are in flight at the end.
const CALLS: usize = 20;

/// A connection with calls in flight, none of which is done before the store is opened.
async fn in_flight(settings: Settings) -> (Connection, Sender<()>) {
    let (mut connection, open) = Connection::start_behind(settings);
    connection.greet("2025-11-25").await;
    for call in 0..CALLS {
        let arguments = entities(&[&format!("entity {call}")]);
        connection.begin("tools/call", json!({"name": "create_entities", "arguments": arguments})).await;
    }
    // It is answered at once, and it was read after the calls.
    connection.request("ping", json!({})).await;
    (connection, open)
}

#[tokio::test]
async fn what_is_in_flight_at_the_end_of_the_input_is_answered() {
    let (mut connection, open) = in_flight(Settings::default()).await;
    connection.hang_up().await;
    open.send(()).expect("it waits");
    let answers = connection.ended().await;
    assert_eq!(answers.len(), CALLS, "each call is answered: {answers:?}");
    assert!(answers.iter().all(|answer| answer["result"]["structuredContent"].is_object()), "{answers:?}");
    assert_eq!(connection.stored_names().len(), CALLS, "what was answered is stored");
}

#[tokio::test]
async fn what_is_in_flight_when_it_is_to_stop_is_answered_and_nothing_more_is_read() {
    let (mut connection, open) = in_flight(Settings::default()).await;
    connection.stop();
    tokio::task::yield_now().await;
    open.send(()).expect("it waits");
    let answers = connection.ended().await;
    assert_eq!(answers.len(), CALLS, "each call is answered: {answers:?}");
    assert_eq!(connection.stored_names().len(), CALLS, "what was answered is stored");
}

#[tokio::test]
async fn a_call_that_does_not_end_is_answered_when_the_time_to_drain_is_over() {
    let (mut connection, open) = in_flight(Settings::default().drain(Duration::from_millis(50))).await;
    connection.hang_up().await;
    let answers = connection.ended().await;
    assert_eq!(answers.len(), CALLS, "nobody is left without an answer: {answers:?}");
    for answer in answers {
        let said = answer["result"]["content"][0]["text"].as_str().expect("a text");
        assert_eq!(said, "the server ended before create_entities was done; look before you repeat it");
    }
    open.send(()).expect("it waits");
}

#[tokio::test]
async fn a_line_that_the_end_cut_off_is_not_carried_out() {
    let mut connection = Connection::greeted().await;
    connection.create(&["Ada"]).await;
    let call = json!({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {
        "name": "create_entities", "arguments": entities(&["cut"]),
    }});
    connection.say_raw(call.to_string().as_bytes()).await;
    connection.hang_up().await;
    assert!(connection.ended().await.is_empty(), "nothing was asked");
    assert_eq!(connection.stored_names(), ["Ada"]);
}

#[tokio::test]
async fn a_client_that_says_nothing_is_no_error() {
    let mut connection = Connection::start(Settings::default());
    connection.hang_up().await;
    assert!(connection.ended().await.is_empty());
}

#[tokio::test]
async fn a_client_that_never_read_does_not_keep_a_server_that_is_to_stop() {
    let mut connection = Connection::start(Settings::default().drain(Duration::from_millis(50)));
    // Before the greeting, answers are written one after the other by who would see the end of the input.
    for ping in 0.. {
        let id = format!("{ping} {}", "x".repeat(4096));
        if !soon(connection.say(&json!({"jsonrpc": "2.0", "id": id, "method": "ping"}))).await {
            break;
        }
    }
    connection.stop();
    connection.outcome().await.expect("a client that does not read is no failure");
}

#[tokio::test]
async fn a_store_that_others_use_does_not_keep_a_server_that_is_to_end() {
    const LONG: Duration = Duration::from_secs(10);
    for (deadline, drain) in [(LONG, Duration::from_millis(50)), (Duration::from_secs(1), LONG)] {
        let root = tempfile::tempdir().expect("a directory for the test");
        let options = Options::default().create(Create::Always).deadline(deadline);
        let directory = root.path().join("store");
        let mut connection = Connection::serve(root, Settings::default().drain(drain), move || {
            Ok(Memory::new(options.open(&directory)?))
        });
        connection.greet("2025-11-25").await;
        connection.create(&["Ada"]).await;
        let turn = ["turn.queue", "turn.lock"].map(|file| {
            let file = std::fs::File::open(connection.directory().join(file)).expect("it is in the store");
            file.lock().expect("nobody has it for long");
            file
        });
        let call = json!({"name": "create_entities", "arguments": entities(&["Bob"])});
        let id = connection.begin("tools/call", call).await;
        connection.hang_up().await;
        let since = Instant::now();
        let answers = connection.ended().await;
        assert!(since.elapsed() < LONG, "it ended only after {:?}", since.elapsed());
        assert_eq!(answers.iter().map(|answer| &answer["id"]).collect::<Vec<_>>(), [id], "it is answered");
        drop(turn);
    }
}

#[tokio::test]
async fn a_panic_while_the_store_is_opened_ends_the_server() {
    let root = tempfile::tempdir().expect("a directory for the test");
    let mut connection = Connection::serve(root, Settings::default(), || panic!("of the test"));
    let ended = connection.outcome().await;
    assert!(
        matches!(ended, Err(unforget_mcp::Error::Memory(unforget::Error::Panicked))),
        "there is nothing to serve, and it says why: {ended:?}"
    );
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_is_told_to_the_client_and_ends_the_server() {
    let root = tempfile::tempdir().expect("a directory for the test");
    let missing = root.path().join("missing");
    let (open, gate) = channel::<()>();
    let mut connection = Connection::serve(root, Settings::default(), move || {
        let _either_way = gate.recv();
        Err(unforget::Error::NotFound { path: missing.clone() })
    });
    connection.greet("2025-11-25").await;
    let call = json!({"name": "read_graph", "arguments": {}});
    connection.begin("tools/call", call).await;
    connection.request("ping", json!({})).await;
    open.send(()).expect("it waits");
    let answer = connection.hear().await.expect("an answer");
    let said = answer["result"]["content"][0]["text"].as_str().expect("a text");
    assert!(said.starts_with("there is no store in "), "{answer}");
    assert!(
        matches!(connection.outcome().await, Err(unforget_mcp::Error::Memory(_))),
        "it says why it ended"
    );
}

#[tokio::test]
async fn a_call_that_is_cancelled_before_it_began_changes_nothing() {
    let (mut connection, open) = in_flight(Settings::default()).await;
    let params = json!({"name": "create_entities", "arguments": entities(&["cancelled"])});
    let id = connection.begin("tools/call", params).await;
    let cancelled = json!({"requestId": id, "reason": "no longer wanted"});
    connection
        .say(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancelled}))
        .await;
    // It is answered at once, and it was read after the cancellation.
    connection.request("ping", json!({})).await;
    open.send(()).expect("it waits");
    connection.hang_up().await;
    let answers = connection.ended().await;
    assert!(answers.iter().all(|answer| answer["id"] != id), "it is not answered");
    assert_eq!(answers.len(), CALLS, "the others are");
    assert!(!connection.stored_names().contains(&"cancelled".to_owned()), "and it is not carried out");
}
