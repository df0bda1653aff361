//! How often, and how long. The clock is the test's.

use std::time::Duration;

use serde_json::json;
use unforget_mcp::{RateLimit, Settings};

use crate::connection::{Connection, entities};

#[tokio::test(start_paused = true)]
async fn a_tool_is_called_no_more_often_than_its_limit() {
    let mut connection = Connection::greeted_with(Settings::default().rate_limit(RateLimit::STRICT)).await;
    for call in 0..5 {
        let created = connection.create(&[&format!("entity {call}")]).await;
        assert_eq!(created.get("isError"), None, "call {call} is within the limit: {created}");
    }
    let said = connection.refused("create_entities", entities(&["too many"])).await;
    assert_eq!(said, "create_entities is limited to 5/minute; try again in 12 s");
    let read = connection.call("read_graph", json!({})).await;
    assert_eq!(
        read["structuredContent"]["entities"].as_array().map(Vec::len),
        Some(5),
        "each tool has its own limit"
    );

    tokio::time::advance(Duration::from_secs(12)).await;
    assert_eq!(connection.create(&["later"]).await.get("isError"), None, "a call has become possible");
    let said = connection.refused("create_entities", entities(&["too many"])).await;
    assert!(said.ends_with("try again in 12 s"), "and no more than one: {said}");
    assert!(
        !connection.stored_names().contains(&"too many".to_owned()),
        "what was refused is not carried out"
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_with_wrong_arguments_does_not_count() {
    let mut connection = Connection::greeted_with(Settings::default().rate_limit(RateLimit::STRICT)).await;
    for _ in 0..10 {
        connection.refused("create_entities", json!({})).await;
    }
    assert_eq!(connection.create(&["Ada"]).await.get("isError"), None);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_takes_too_long_is_answered() {
    let (mut connection, open) = Connection::start_behind(Settings::default());
    connection.greet("2025-11-25").await;
    let call = json!({"name": "create_entities", "arguments": entities(&["Ada"])});
    connection.begin("tools/call", call).await;
    let begun = tokio::time::Instant::now();
    let clock = async {
        loop {
            tokio::time::advance(Duration::from_secs(1)).await;
        }
    };
    let answer = tokio::select! {
        answer = connection.hear() => answer.expect("an answer"),
        () = clock => unreachable!("the clock does not stop"),
    };
    let said = answer["result"]["content"][0]["text"].as_str().expect("a text");
    assert_eq!(
        said,
        "create_entities was not done within 30s; it may still be carried out, so look before you repeat it"
    );
    assert!(begun.elapsed() >= Duration::from_secs(30), "no earlier");
    open.send(()).expect("it waits");
}
