//! What is not sensible, and what is too much.

use serde_json::{Value, json};
use unforget_mcp::Settings;

use crate::connection::{Connection, entities, soon};

#[tokio::test]
async fn what_is_no_message_is_passed_over() {
    let mut connection = Connection::greeted().await;
    for garbage in [
        "garbage",
        "",
        "{}",
        "[]",
        "\"text\"",
        "{\"jsonrpc\":\"2.0\"",
        "{\"jsonrpc\":\"2.0\",\"id\":77}",
        "{\"id\":78,\"method\":\"ping\"}",
        "{\"jsonrpc\":\"1.0\",\"id\":78,\"method\":\"ping\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}",
        "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}",
        "{\"jsonrpc\":\"2.0\",\"method\":7}",
        "[{\"jsonrpc\":\"2.0\",\"id\":79,\"method\":\"ping\"}]",
    ] {
        connection.say_raw(format!("{garbage}\n").as_bytes()).await;
    }
    connection.say_raw(b"\xff\xfe\x00\r\n").await;
    let answer = connection.request("ping", json!({})).await;
    assert_eq!(answer["result"], json!({}), "the first that is answered is the first that is a request");
}

#[tokio::test]
async fn half_a_character_becomes_the_sign_for_one() {
    let mut connection = Connection::greeted().await;
    let call = "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"tools/call\",\"params\":{\"name\":\"create_entities\",\
        \"arguments\":{\"entities\":[{\"name\":\"cut \\ud83d\",\"entityType\":\"t\",\"observations\":[]}]}}}\n";
    connection.say_raw(call.as_bytes()).await;
    assert_eq!(connection.hear().await.expect("an answer")["id"], "x");
    assert_eq!(connection.stored_names(), ["cut \u{fffd}"]);
}

#[tokio::test]
async fn a_line_that_is_too_long_is_answered_and_the_next_one_is_read() {
    let mut connection = Connection::greeted_with(Settings::default().line_limit(100_000)).await;
    let huge = json!({"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {
        "name": "create_entities", "arguments": entities(&[&"a".repeat(100_000)]),
    }});
    connection.say(&huge).await;
    let answer = connection.hear().await.expect("an answer");
    assert_eq!(answer["error"]["code"], -32600, "{answer}");
    assert_eq!(answer["error"]["message"], "the line is longer than 100000 bytes; send less at once");
    assert_eq!(answer.get("id"), None, "an id was not read");
    connection.create(&["Ada"]).await;
    assert_eq!(connection.stored_names(), ["Ada"], "nothing of the line was taken");
}

#[tokio::test]
async fn a_line_of_ten_megabytes_is_taken() {
    let mut connection = Connection::greeted().await;
    let many = (0..64).map(|n| format!("{n} {}", "y".repeat(160_000))).collect::<Vec<_>>();
    let entity = json!({"name": "Ada", "entityType": "person", "observations": many});
    let result = connection.call("create_entities", json!({"entities": [entity]})).await;
    assert_eq!(result["structuredContent"]["entities"][0]["observations"].as_array().map(Vec::len), Some(64));
    assert_eq!(connection.stored().entities[0].observations, many);
}

#[tokio::test]
async fn what_is_nested_too_deep_is_answered() {
    let mut connection = Connection::greeted().await;
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    connection
        .say_raw(
            format!("{{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"ping\",\"params\":{deep}}}\n").as_bytes(),
        )
        .await;
    let answer = connection.hear().await.expect("an answer");
    assert_eq!(
        answer["error"]["message"], "arrays and objects are more than 100 deep in each other",
        "{answer}"
    );
    assert_eq!(connection.request("ping", json!({})).await["result"], json!({}));
}

#[tokio::test]
async fn what_has_too_many_values_is_answered() {
    let mut connection = Connection::greeted().await;
    let many = json!({"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {
        "name": "read_graph", "arguments": {"unknown": vec![json!({"": 0}); 300_000]},
    }});
    connection.say(&many).await;
    let answer = connection.hear().await.expect("an answer");
    assert_eq!(
        answer["error"]["message"], "the line has more than 500000 values; send less at once",
        "{answer}"
    );
    assert_eq!(connection.request("ping", json!({})).await["result"], json!({}));
}

#[tokio::test]
async fn many_mistakes_are_told_in_a_few_lines() {
    let mut connection = Connection::greeted().await;
    let said = connection.refused("open_nodes", json!({"names": vec![1; 400_000]})).await;
    assert_eq!(said.lines().count(), 101, "a hundred, and how many more");
    assert_eq!(said.lines().last(), Some("and 399900 more"));
}

#[tokio::test]
async fn an_id_that_is_in_flight_is_refused() {
    let (mut connection, open) = Connection::start_behind(Settings::default());
    connection.greet("2025-11-25").await;
    let call = |name: &str| {
        json!({"jsonrpc": "2.0", "id": "same", "method": "tools/call", "params": {
            "name": "create_entities", "arguments": entities(&[name]),
        }})
    };
    connection.say(&call("first")).await;
    connection.say(&call("second")).await;
    let refused = connection.hear().await.expect("an answer");
    assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!("same"), &json!(-32600)), "{refused}");
    open.send(()).expect("it waits");
    let created = connection.hear().await.expect("an answer");
    assert_eq!(created["result"]["structuredContent"]["entities"][0]["name"], "first");
    connection.say(&call("third")).await;
    connection.hear().await.expect("an id that was answered can be used again");
    assert_eq!(connection.stored_names(), ["first", "third"]);
}

/// Sends requests of `bytes` bytes until the server reads no more, and answers how many that are.
async fn fill(connection: &mut Connection, bytes: usize, most: usize) -> usize {
    for sent in 0..most {
        let name = format!("{sent} {}", " ".repeat(bytes));
        let begun =
            connection.begin("tools/call", json!({"name": "open_nodes", "arguments": {"names": [name]}}));
        if !soon(begun).await {
            return sent;
        }
    }
    most
}

#[tokio::test]
async fn no_more_is_read_while_many_requests_are_in_flight() {
    let (mut connection, open) = Connection::start_behind(Settings::default());
    connection.greet("2025-11-25").await;
    let sent = fill(&mut connection, 4096, 2000).await;
    // Beyond the 256 there is what waits in the pipe and in the buffer, 64 KiB each, and a line or two on their way.
    assert!((256..300).contains(&sent), "{sent} requests were read or are on their way");
    open.send(()).expect("it waits");
    for _ in 0..sent {
        let answer: Value = connection.hear().await.expect("an answer");
        assert!(answer["result"].is_object(), "each that was read is answered: {answer}");
    }
}

#[tokio::test]
async fn no_more_is_read_while_large_requests_are_in_flight() {
    let (mut connection, open) = Connection::start_behind(Settings::default());
    connection.greet("2025-11-25").await;
    let sent = fill(&mut connection, 4 << 20, 100).await;
    assert!((15..18).contains(&sent), "64 MiB are in flight, and {sent} requests of 4 MiB");
    open.send(()).expect("it waits");
    for _ in 0..sent {
        connection.hear().await.expect("an answer");
    }
}

#[tokio::test]
async fn no_more_is_read_while_requests_of_many_values_are_in_flight() {
    let (mut connection, open) = Connection::start_behind(Settings::default());
    connection.greet("2025-11-25").await;
    let call = json!({"name": "read_graph", "arguments": {"unknown": vec![json!({"": 0}); 50_000]}});
    let mut sent = 0;
    while soon(connection.begin("tools/call", call.clone())).await {
        sent += 1;
        assert!(sent < 10, "each takes 32 MB, half of what all may");
    }
    open.send(()).expect("it waits");
    for _ in 0..sent {
        connection.hear().await.expect("an answer");
    }
}

#[tokio::test]
async fn an_answer_that_would_be_too_large_says_how_to_ask_for_less() {
    let mut connection = Connection::greeted_with(Settings::default().answer_limit(1000)).await;
    for name in ["a", "b", "c"] {
        connection.create(&[&name.repeat(300)]).await;
    }
    let said = connection.refused("read_graph", json!({})).await;
    assert!(
        said.contains("larger than 1000 bytes") && said.contains("memory://knowledge-graph?limit="),
        "{said}"
    );
    let found = connection.call("search_nodes", json!({"query": "aaa"})).await;
    assert_eq!(found["structuredContent"]["entities"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_change_is_answered_as_done_however_long_its_answer_is() {
    let mut connection = Connection::greeted_with(Settings::default().answer_limit(100)).await;
    let name = "a".repeat(300);
    let created = connection.create(&[&name]).await;
    assert_eq!(created["structuredContent"]["entities"][0]["name"], name, "what is stored was not refused");
    assert_eq!(connection.stored_names(), [name]);
}
