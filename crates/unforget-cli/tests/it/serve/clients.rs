//! The Rust client of the protocol's authors, in both eras.

use rmcp::model::{CallToolRequestParams, CallToolResult, ProtocolVersion};
use rmcp::service::{RoleClient, RunningService};
use rmcp::transport::TokioChildProcess;
use rmcp::{ClientHandler, ClientLifecycleMode, ClientServiceExt};
use serde_json::{Value, json};

use crate::command::Store;

struct Client;

impl ClientHandler for Client {}

type Connected = RunningService<RoleClient, Client>;

async fn connect(store: &Store, mode: ClientLifecycleMode) -> Connected {
    let command = tokio::process::Command::from(store.text(["serve"]));
    let process = TokioChildProcess::new(command).expect("the server starts");
    Client.serve_with_lifecycle(process, mode).await.expect("they agree")
}

async fn call(client: &Connected, tool: &'static str, arguments: Value) -> CallToolResult {
    let arguments = arguments.as_object().expect("arguments are an object").clone();
    client.call_tool(CallToolRequestParams::new(tool).with_arguments(arguments)).await.expect("it answers")
}

async fn graph(client: &Connected) -> Value {
    call(client, "read_graph", json!({})).await.structured_content.expect("data")
}

#[tokio::test]
async fn a_client_of_either_era_finds_what_one_of_the_other_era_stored() {
    let new = || ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] };
    let store = Store::missing();
    let old = connect(&store, ClientLifecycleMode::Initialize).await;
    let entity = |name: &str| json!({"name": name, "entityType": "thing", "observations": ["seen"]});
    call(&old, "create_entities", json!({"entities": [entity("Ada"), entity("glider")]})).await;

    let young = connect(&store, new()).await;
    assert_eq!(young.list_all_tools().await.expect("tools").len(), 11);
    let flies = json!({"from": "Ada", "to": "glider", "relationType": "flies"});
    let related = call(&young, "create_relations", json!({"relations": [flies]})).await;
    assert_eq!(related.structured_content, Some(json!({"relations": [flies]})), "it knows both ends");
    let whole = json!({"entities": [entity("Ada"), entity("glider")], "relations": [flies]});
    assert_eq!(
        (graph(&old).await, graph(&young).await),
        (whole.clone(), whole.clone()),
        "both read the same"
    );
    old.cancel().await.expect("it hangs up");
    young.cancel().await.expect("it hangs up");

    let later = connect(&store, new()).await;
    assert_eq!(graph(&later).await, whole, "a later server reads it too");
    later.cancel().await.expect("it hangs up");
}
