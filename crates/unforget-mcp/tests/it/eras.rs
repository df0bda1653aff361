//! Both eras of the protocol; the first message decides.

use rmcp::model::{CallToolRequestParams, ProtocolVersion};
use rmcp::service::{RoleClient, RunningService};
use rmcp::{ClientHandler, ClientLifecycleMode, ClientServiceExt};
use serde_json::{Value, json};
use unforget::Unforget;
use unforget_mcp::{Memory, Settings, serve};

use crate::connection::{Connection, entities, modern_meta};

#[tokio::test]
async fn every_old_version_is_agreed_to() {
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let mut connection = Connection::start(Settings::default());
        let greeting = connection.greet(version).await["result"].clone();
        let server = json!({"name": "unforget", "version": env!("CARGO_PKG_VERSION")});
        let can =
            json!({"tools": {"listChanged": true}, "resources": {"listChanged": true, "subscribe": true}});
        assert_eq!(greeting, json!({"protocolVersion": version, "capabilities": can, "serverInfo": server}));
        let created = connection.create(&["Ada"]).await;
        assert_eq!(created["structuredContent"]["entities"][0]["name"], "Ada", "{version}");
        assert_eq!(created.get("resultType"), None, "an old client gets no field it does not know");
    }
}

#[tokio::test]
async fn a_version_that_nobody_knows_is_answered_with_the_newest_old_one() {
    let mut connection = Connection::start(Settings::default());
    let greeting = connection.greet("1999-01-01").await;
    assert_eq!(greeting["result"]["protocolVersion"], "2025-11-25");
}

#[tokio::test]
async fn a_new_client_is_served_without_a_greeting() {
    let mut connection = Connection::start(Settings::default());
    let found =
        connection.request("server/discover", json!({"_meta": modern_meta()})).await["result"].clone();
    let versions = found["supportedVersions"].as_array().expect("versions");
    assert!(versions.contains(&json!("2026-07-28")) && versions.contains(&json!("2025-11-25")), "{found}");
    assert_eq!(found["capabilities"]["resources"]["subscribe"], true);

    let list = connection.request("tools/list", json!({"_meta": modern_meta()})).await["result"].clone();
    assert_eq!(list["resultType"], "complete", "a new client gets the fields it is to get");
    assert_eq!(list["tools"].as_array().map(Vec::len), Some(11));
    let mut call = json!({"name": "create_entities", "arguments": entities(&["Ada"])});
    call["_meta"] = modern_meta();
    let created = connection.request("tools/call", call).await["result"].clone();
    assert_eq!(created["resultType"], "complete");
    assert_eq!(created["structuredContent"]["entities"][0]["name"], "Ada");

    let error = connection.request("tools/list", json!({})).await["error"].clone();
    assert_eq!(error["code"], -32602, "every request of a new client says who it is: {error}");
    let error =
        connection.request("resources/subscribe", json!({"uri": "memory://a", "_meta": modern_meta()})).await;
    assert_eq!(error["error"]["code"], -32601, "what the new era does not have is not found");
}

#[tokio::test]
async fn what_is_said_before_the_greeting_ends_nothing() {
    let mut connection = Connection::start(Settings::default());
    connection.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    connection.say(&json!({"jsonrpc": "2.0", "id": 9, "result": {}})).await;
    let early = connection.request("tools/list", json!({})).await;
    assert_eq!(early["error"]["code"], -32602, "{early}");
    assert_eq!(connection.request("ping", json!({})).await["result"], json!({}));
    connection.greet("2025-11-25").await;
    connection.create(&["Ada"]).await;
    assert_eq!(connection.stored_names(), ["Ada"]);
}

#[tokio::test]
async fn a_ping_decides_for_no_era() {
    let mut connection = Connection::start(Settings::default());
    let answer = connection.request("ping", json!({"_meta": modern_meta()})).await;
    assert_eq!(answer["result"], json!({}));
    connection.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    connection.greet("2025-11-25").await;
    connection.create(&["Ada"]).await;
    assert_eq!(connection.stored_names(), ["Ada"]);
}

struct Client;

impl ClientHandler for Client {}

/// The story of a client of rmcp, whichever way it begins.
async fn story(client: RunningService<RoleClient, Client>) {
    let tools = client.list_all_tools().await.expect("tools");
    assert_eq!(tools.len(), 11);
    let call = |name: &'static str, arguments: Value| {
        let arguments = arguments.as_object().expect("arguments are an object").clone();
        client.call_tool(CallToolRequestParams::new(name).with_arguments(arguments))
    };
    let flies = json!({"relations": [{"from": "Ada", "to": "glider", "relationType": "flies"}]});
    let seen = json!({"observations": [{"entityName": "Ada", "contents": ["sings"]}]});
    let sings = json!({"deletions": [{"entityName": "Ada", "observations": ["sings"]}]});
    for (tool, arguments) in [
        ("create_entities", entities(&["Ada", "glider"])),
        ("create_relations", flies.clone()),
        ("add_observations", seen),
        ("read_graph", json!({})),
        ("search_nodes", json!({"query": "sing"})),
        ("open_nodes", json!({"names": ["Ada"]})),
        ("delete_observations", sings),
        ("delete_relations", flies),
        ("delete_entities", json!({"entityNames": ["glider"]})),
        ("remember", json!({"content": "Ada sold the glider."})),
        ("recall", json!({"query": "glider"})),
    ] {
        let result = call(tool, arguments).await.expect(tool);
        assert_ne!(result.is_error, Some(true), "{tool}: {result:?}");
        assert!(result.structured_content.is_some_and(|data| data.is_object()), "{tool} answers data");
    }
    let wrong = call("open_nodes", json!({})).await.expect("an answer");
    assert_eq!(wrong.is_error, Some(true), "a wrong call is answered and not refused: {wrong:?}");
    client.cancel().await.expect("it hangs up");
}

#[tokio::test]
async fn the_rust_client_speaks_either_era() {
    let new = ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] };
    for mode in [ClientLifecycleMode::Initialize, new] {
        let root = tempfile::tempdir().expect("a directory for the test");
        let directory = root.path().join("store");
        let (client, server) = tokio::io::duplex(1 << 16);
        let (input, output) = tokio::io::split(server);
        let open = move || Ok(Memory::new(Unforget::open(&directory)?));
        let end = tokio::spawn(serve(open, input, output, Settings::default(), std::future::pending()));
        story(Client.serve_with_lifecycle(client, mode).await.expect("they agree")).await;
        end.await.expect("it did not panic").expect("it ended well");
    }
}
