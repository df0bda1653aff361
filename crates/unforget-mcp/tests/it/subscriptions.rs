//! Who is told that the graph has changed.

use serde_json::{Value, json};
use unforget::{Entity, Unforget};
use unforget_mcp::Settings;

use crate::connection::{Connection, modern_meta};

const GRAPH: &str = "memory://knowledge-graph";

fn updated() -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": GRAPH}})
}

async fn create(connection: &mut Connection, name: &str, meta: Option<Value>) -> u64 {
    let mut call = json!({"name": "create_entities", "arguments": crate::connection::entities(&[name])});
    if let Some(meta) = meta {
        call["_meta"] = meta;
    }
    connection.begin("tools/call", call).await
}

#[tokio::test]
async fn a_subscriber_is_told_of_each_change_before_its_answer() {
    let mut connection = Connection::greeted().await;
    connection.create(&["before"]).await;
    let subscribed = connection.request("resources/subscribe", json!({"uri": GRAPH})).await;
    assert_eq!(subscribed["result"], json!({}));
    for name in ["Ada", "glider"] {
        let id = create(&mut connection, name, None).await;
        assert_eq!(connection.hear().await, Some(updated()), "it is told first");
        assert_eq!(connection.hear().await.expect("an answer")["id"], id);
    }
    connection.create(&["Ada"]).await;
    connection.request("resources/unsubscribe", json!({"uri": GRAPH})).await;
    connection.create(&["unseen"]).await;
    connection.hang_up().await;
    assert!(
        connection.ended().await.is_empty(),
        "what changed nothing, or was not subscribed to, is not told"
    );
}

#[tokio::test]
async fn listeners_leave_room_for_calls() {
    let mut connection = Connection::start(Settings::default());
    let wanted = json!({"resourceSubscriptions": [GRAPH]});
    let listen = json!({"notifications": wanted, "_meta": modern_meta()});
    let mut listening = Vec::new();
    let refused = loop {
        let id = connection.begin("subscriptions/listen", listen.clone()).await;
        let said = connection.hear().await.expect("an acknowledgement or a refusal");
        if said["id"] == id {
            break said;
        }
        listening.push(id);
    };
    assert_eq!(listening.len(), 32, "each takes the place of a call for as long as it listens");
    assert_eq!(
        refused["error"]["message"],
        "32 requests listen on this connection, and no more can; cancel one, or listen for all in one request"
    );
    let cancelled = json!({"requestId": listening[0]});
    connection
        .say(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancelled}))
        .await;
    let tools = connection.request("tools/list", json!({"_meta": modern_meta()})).await;
    assert!(tools["result"]["tools"].is_array(), "and calls are answered: {tools}");
    connection.begin("subscriptions/listen", listen).await;
    let acknowledged = connection.hear().await.expect("an acknowledgement");
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged", "one has gone");
    connection.hang_up().await;
    assert_eq!(connection.ended().await.len(), 32, "each that still listens is told that it is over");
}

#[tokio::test]
async fn any_other_resource_can_be_subscribed_to_and_never_changes() {
    let mut connection = Connection::greeted().await;
    let subscribed = connection.request("resources/subscribe", json!({"uri": "memory://other"})).await;
    assert_eq!(subscribed["result"], json!({}));
    connection.create(&["Ada"]).await;
    connection.hang_up().await;
    assert!(connection.ended().await.is_empty());
}

#[tokio::test]
async fn a_subscriber_is_told_of_what_others_change() {
    let mut connection = Connection::greeted().await;
    connection.request("resources/subscribe", json!({"uri": GRAPH})).await;
    let store = Unforget::open(connection.directory()).expect("the store can be opened");
    store.graph().create_entities(vec![Entity::new("foreign", "thing")]).expect("it is created");
    assert_eq!(connection.hear().await, Some(updated()));
    // A turn is a commit too, and no change of the graph.
    store.memories().remember(unforget::NewTurn::new("a", "b", "c")).expect("it is stored");
    store.graph().create_entities(vec![Entity::new("again", "thing")]).expect("it is created");
    assert_eq!(connection.hear().await, Some(updated()));
    drop(store);
    connection.hang_up().await;
    assert!(connection.ended().await.is_empty(), "each change is told once");
}

#[tokio::test]
async fn a_new_client_listens_until_it_cancels() {
    let mut connection = Connection::start(Settings::default());
    let wanted = json!({"resourceSubscriptions": [GRAPH, "memory://other"], "promptsListChanged": true});
    let listen = json!({"notifications": wanted, "_meta": modern_meta()});
    let id = connection.begin("subscriptions/listen", listen.clone()).await;
    let acknowledged = connection.hear().await.expect("an acknowledgement");
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(
        acknowledged["params"]["notifications"],
        json!({"resourceSubscriptions": [GRAPH]}),
        "what can change"
    );

    let call = create(&mut connection, "Ada", Some(modern_meta())).await;
    // The listener is entered after it was acknowledged, so the answer may come before it is told.
    let said = [connection.hear().await, connection.hear().await].map(|said| said.expect("two messages"));
    let told = said.iter().find(|said| said.get("id").is_none()).expect("one is a notification");
    assert!(said.iter().any(|said| said["id"] == call), "one is the answer: {said:?}");
    assert_eq!(told["method"], "notifications/resources/updated");
    assert_eq!(told["params"]["uri"], GRAPH);
    assert_eq!(told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], id, "{told}");

    connection
        .say(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}))
        .await;
    let again = connection.begin("subscriptions/listen", listen).await;
    assert_eq!(connection.hear().await.expect("it can listen again")["method"], acknowledged["method"]);
    connection.hang_up().await;
    let rest = connection.ended().await;
    let ids: Vec<_> = rest.iter().map(|message| message["id"].as_u64()).collect();
    assert_eq!(ids, [Some(again)], "only who still listens is told that it is over: {rest:?}");
}
