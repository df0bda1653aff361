//! The tools that the official server does not have.

use serde_json::json;

use crate::connection::Connection;

#[tokio::test]
async fn what_is_remembered_is_recalled() {
    let mut connection = Connection::greeted().await;
    let said = json!({"content": "The glider is in the north hangar.", "user": "ada", "session": "monday"});
    let remembered = connection.call("remember", said).await;
    let turn_id = remembered["structuredContent"]["turnId"].as_str().expect("an id").to_owned();
    connection.call("remember", json!({"content": "Lunch was fine.", "speaker": "Bob"})).await;

    let recalled = connection.call("recall", json!({"query": "where is the glider?", "limit": 5})).await;
    let hits = recalled["structuredContent"]["hits"].as_array().expect("hits");
    assert_eq!(hits.len(), 1, "only what fits: {recalled}");
    assert_eq!(
        (hits[0]["turnId"].as_str(), hits[0]["user"].as_str(), hits[0]["session"].as_str()),
        (Some(&*turn_id), Some("ada"), Some("monday"))
    );
    let others = connection.call("recall", json!({"query": "glider", "user": "default"})).await;
    assert_eq!(others["structuredContent"], json!({"hits": []}), "another user's memories are not looked at");
}

#[tokio::test]
async fn wrong_arguments_of_ours_are_told_in_the_same_way() {
    let mut connection = Connection::greeted().await;
    let invalid = "MCP error -32602: Input validation error: Invalid arguments for tool";
    for (tool, arguments, said) in [
        (
            "remember",
            json!({"user": 1}),
            format!(
                "{invalid} remember: Invalid input: expected string, received undefined at content\n\
                 Invalid input: expected string, received number at user"
            ),
        ),
        (
            "recall",
            json!({"query": "a", "limit": 0}),
            format!("{invalid} recall: `limit` is 0; give a number from 1 to 1000"),
        ),
        (
            "recall",
            json!({"query": "a", "limit": 2.5}),
            format!("{invalid} recall: Invalid input: expected int, received number at limit"),
        ),
        (
            "recall",
            json!({"query": "?"}),
            "the query holds no word to look for; give at least one letter or digit".into(),
        ),
        ("remember", json!({"content": ""}), "field `content` is empty; there is nothing to remember".into()),
    ] {
        assert_eq!(connection.refused(tool, arguments).await, said);
    }
}
