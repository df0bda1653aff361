//! The contract of the official server: names, schemas, texts, data and errors.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::connection::{Connection, entities};

/// Of the nine tools as `@modelcontextprotocol/server-memory` 2026.8.31 lists them: the first bytes of the SHA-256 of their JSON,
/// without spaces and with sorted keys.
const OFFICIAL: &str = "[62, 1f, a2, 23, ec, 1c, 6b, 39]";

fn text(result: &Value) -> &str {
    assert_eq!(result.get("isError"), None, "it went well: {result}");
    result["content"][0]["text"].as_str().expect("a text")
}

#[tokio::test]
async fn the_nine_tools_are_listed_as_the_official_server_lists_them() {
    let mut connection = Connection::greeted().await;
    let answer = connection.request("tools/list", json!({})).await;
    let tools = answer["result"]["tools"].as_array().expect("tools");
    let nine = serde_json::to_string(&tools[..9]).expect("JSON");
    let digest = format!("{:x?}", &Sha256::digest(nine)[..8]);
    assert_eq!(digest, OFFICIAL, "the first nine tools are the official ones, letter by letter");
    let ours: Vec<_> = tools[9..].iter().map(|tool| tool["name"].as_str().expect("a name")).collect();
    assert_eq!(ours, ["remember", "recall"]);
}

#[tokio::test]
async fn creating_answers_what_is_new_as_text_and_as_data() {
    let mut connection = Connection::greeted().await;
    let ada = json!({"name": "Ada", "entityType": "person", "observations": ["flies"], "extra": 1});
    let result = connection.call("create_entities", json!({"entities": [ada, ada]})).await;
    let new = json!([{"name": "Ada", "entityType": "person", "observations": ["flies"]}]);
    assert_eq!(
        result["structuredContent"],
        json!({"entities": new}),
        "each new one once, without what is unknown"
    );
    assert_eq!(
        text(&result),
        "[\n  {\n    \"name\": \"Ada\",\n    \"entityType\": \"person\",\n    \"observations\": [\n      \"flies\"\n    ]\n  }\n]"
    );
    let result = connection.create(&["Ada", "glider"]).await;
    assert_eq!(result["structuredContent"]["entities"][0]["name"], "glider", "what is known is left out");

    let flies = json!({"from": "Ada", "to": "glider", "relationType": "flies"});
    let result = connection.call("create_relations", json!({"relations": [flies]})).await;
    assert_eq!(result["structuredContent"], json!({"relations": [flies]}));
    let result = connection.call("create_relations", json!({"relations": [flies]})).await;
    assert_eq!((text(&result), &result["structuredContent"]), ("[]", &json!({"relations": []})));

    let more = json!({"observations": [{"entityName": "Ada", "contents": ["flies", "sings"]}]});
    let result = connection.call("add_observations", more).await;
    let added = json!([{"entityName": "Ada", "addedObservations": ["sings"]}]);
    assert_eq!(result["structuredContent"], json!({"results": added}));
}

#[tokio::test]
async fn reading_answers_the_graph_as_text_and_as_data() {
    let mut connection = Connection::greeted().await;
    connection.create(&["Ada", "glider"]).await;
    let flies = json!({"from": "Ada", "to": "glider", "relationType": "flies"});
    connection.call("create_relations", json!({"relations": [flies]})).await;
    let named = |name: &str| json!({"name": name, "entityType": "thing", "observations": []});
    let whole = json!({"entities": [named("Ada"), named("glider")], "relations": [flies]});
    let part = json!({"entities": [named("glider")], "relations": [flies]});
    let nothing = json!({"entities": [], "relations": []});
    for (tool, arguments, graph) in [
        ("read_graph", json!({}), &whole),
        ("search_nodes", json!({"query": ""}), &whole),
        ("search_nodes", json!({"query": "LID"}), &part),
        ("open_nodes", json!({"names": ["glider", "nobody"]}), &part),
        ("open_nodes", json!({"names": []}), &nothing),
    ] {
        let result = connection.call(tool, arguments.clone()).await;
        assert_eq!(&result["structuredContent"], graph, "{tool} {arguments}");
        let shown: Value = serde_json::from_str(text(&result)).expect("the text is JSON");
        assert_eq!(&shown, graph, "{tool} {arguments}");
    }
    let nothing = connection.call("search_nodes", json!({"query": "zeppelin"})).await;
    assert_eq!(text(&nothing), "{\n  \"entities\": [],\n  \"relations\": []\n}");
}

#[tokio::test]
async fn deleting_says_how_much_there_was() {
    let mut connection = Connection::greeted().await;
    connection.create(&["Ada", "glider"]).await;
    let flies = json!({"from": "Ada", "to": "glider", "relationType": "flies"});
    let other = json!({"from": "glider", "to": "Ada", "relationType": "flies"});
    connection.call("create_relations", json!({"relations": [flies]})).await;
    let seen = json!({"observations": [{"entityName": "Ada", "contents": ["flies"]}]});
    connection.call("add_observations", seen).await;
    let of = |name: &str, what: &[&str]| json!({"entityName": name, "observations": what});
    for (tool, arguments, message) in [
        (
            "delete_observations",
            json!({"deletions": [of("Ada", &["flies"])]}),
            "Observations deleted successfully",
        ),
        (
            "delete_observations",
            json!({"deletions": [of("Ada", &["flies"]), of("nobody", &["a"])]}),
            "Deleted 0 of 2 observations. Entities not found: nobody",
        ),
        (
            "delete_relations",
            json!({"relations": [flies, other]}),
            "Deleted 1 of 2 relations. The rest matched nothing.",
        ),
        ("delete_relations", json!({"relations": []}), "Relations deleted successfully"),
        ("delete_entities", json!({"entityNames": ["Ada"]}), "Entities deleted successfully"),
        (
            "delete_entities",
            json!({"entityNames": ["Ada", "glider", "Bob"]}),
            "Deleted 1 of 3 entities. Not found: Ada, Bob",
        ),
    ] {
        let result = connection.call(tool, arguments.clone()).await;
        assert_eq!(text(&result), message, "{tool} {arguments}");
        assert_eq!(result["structuredContent"], json!({"success": true, "message": message}));
    }
    assert_eq!(connection.stored_names(), [""; 0], "nothing is left");
}

#[tokio::test]
async fn a_call_that_names_an_unknown_entity_changes_nothing() {
    let mut connection = Connection::greeted().await;
    connection.create(&["Ada"]).await;
    let to = |name: &str| json!({"from": "Ada", "to": name, "relationType": "knows"});
    let said = connection.refused("create_relations", json!({"relations": [to("Ada"), to("Bob")]})).await;
    assert_eq!(said, "Entity with name Bob not found");
    let about = |name: &str| json!({"entityName": name, "contents": ["a"]});
    let said =
        connection.refused("add_observations", json!({"observations": [about("Ada"), about("Bob")]})).await;
    assert_eq!(said, "Entity with name Bob not found");
    let stored = connection.stored();
    assert!(stored.relations.is_empty() && stored.entities[0].observations.is_empty(), "{stored:?}");
}

#[tokio::test]
async fn wrong_arguments_are_results_that_say_where_they_are_wrong() {
    let mut connection = Connection::greeted().await;
    let wrong =
        json!({"entities": [1, {"name": 5}, {"name": "a", "entityType": null, "observations": [true]}]});
    let issues = "Invalid input: expected object, received number at entities[0]\n\
        Invalid input: expected string, received number at entities[1].name\n\
        Invalid input: expected string, received undefined at entities[1].entityType\n\
        Invalid input: expected array, received undefined at entities[1].observations\n\
        Invalid input: expected string, received null at entities[2].entityType\n\
        Invalid input: expected string, received boolean at entities[2].observations[0]";
    for (tool, arguments, issues) in [
        ("create_entities", wrong, issues),
        ("create_entities", json!({}), "Invalid input: expected array, received undefined at entities"),
        (
            "create_relations",
            json!({"relations": {}}),
            "Invalid input: expected array, received object at relations",
        ),
        ("search_nodes", json!({"query": 7}), "Invalid input: expected string, received number at query"),
        ("open_nodes", json!({"names": [[]]}), "Invalid input: expected string, received array at names[0]"),
    ] {
        let said = connection.refused(tool, arguments).await;
        let begin = format!("MCP error -32602: Input validation error: Invalid arguments for tool {tool}: ");
        assert_eq!(said.strip_prefix(&begin), Some(issues), "{said}");
    }
    assert_eq!(connection.refused("no_such", json!({})).await, "MCP error -32602: Tool no_such not found");
    assert_eq!(connection.stored_names(), [""; 0], "nothing was created");
}

#[tokio::test]
async fn a_field_that_is_too_large_is_named_with_its_limit() {
    let mut connection = Connection::greeted().await;
    let said = connection.refused("create_entities", entities(&[&"a".repeat(5000)])).await;
    assert_eq!(said, "field `name` has 5000 bytes; at most 4096 are allowed");
}

#[tokio::test]
async fn parameters_of_the_wrong_shape_are_told_as_the_official_server_tells_them() {
    let mut connection = Connection::greeted().await;
    let said = |expected: &str, path: &str, received: &str| {
        format!(
            "[\n  {{\n    \"expected\": \"{expected}\",\n    \"code\": \"invalid_type\",\n    \"path\": [\n      {path}\n    ],\n    \
             \"message\": \"Invalid input: expected {expected}, received {received}\"\n  }}\n]"
        )
    };
    let in_params = |key: &str| format!("\"params\",\n      \"{key}\"");
    for (method, params, message) in [
        ("tools/call", json!({"name": 5}), said("string", &in_params("name"), "number")),
        (
            "tools/call",
            json!({"name": "a", "arguments": [1]}),
            said("record", &in_params("arguments"), "array"),
        ),
        ("tools/call", json!(null), said("object", "\"params\"", "null")),
        ("resources/read", json!({}), said("string", &in_params("uri"), "undefined")),
        (
            "initialize",
            json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": "me"}),
            said("object", &in_params("clientInfo"), "string"),
        ),
    ] {
        let error = connection.request(method, params).await["error"].clone();
        assert_eq!(
            (error["code"].as_i64(), error["message"].as_str()),
            (Some(-32603), Some(&*message)),
            "{method}"
        );
    }
}

#[tokio::test]
async fn what_the_official_server_does_not_know_is_not_found() {
    let mut connection = Connection::greeted().await;
    for method in
        ["foo/bar", "prompts/list", "prompts/get", "completion/complete", "logging/setLevel", "tasks/get"]
    {
        let error = connection.request(method, json!({})).await["error"].clone();
        assert_eq!(error, json!({"code": -32601, "message": "Method not found"}), "{method}");
    }
}

#[tokio::test]
async fn the_graph_is_a_resource() {
    let mut connection = Connection::greeted().await;
    let list = connection.request("resources/list", json!({})).await;
    let graph = json!({
        "uri": "memory://knowledge-graph", "name": "knowledge-graph", "title": "Knowledge Graph",
        "description": "The full knowledge graph with all entities and relations", "mimeType": "application/json",
    });
    assert_eq!(list["result"], json!({"resources": [graph]}));
    connection.create(&["Ada", "glider", "hangar"]).await;
    let read = connection.call("read_graph", json!({})).await;
    let resource = connection.request("resources/read", json!({"uri": "memory://knowledge-graph"})).await;
    let contents =
        json!({"uri": "memory://knowledge-graph", "mimeType": "application/json", "text": text(&read)});
    assert_eq!(resource["result"], json!({"contents": [contents]}));
    let error = connection.request("resources/read", json!({"uri": "memory://nope"})).await["error"].clone();
    assert_eq!(
        error,
        json!({"code": -32602, "message": "MCP error -32602: Resource memory://nope not found"})
    );
}

#[tokio::test]
async fn the_graph_can_be_read_in_parts() {
    let mut connection = Connection::greeted().await;
    connection.create(&["a", "b", "c"]).await;
    let mut names = Vec::new();
    let mut after = String::new();
    loop {
        let uri = format!("memory://knowledge-graph?limit=2{after}");
        let answer = connection.request("resources/read", json!({"uri": uri})).await;
        let text = answer["result"]["contents"][0]["text"].as_str().expect("a text");
        let part: Value = serde_json::from_str(text).expect("the text is JSON");
        let entities = part["entities"].as_array().expect("entities");
        assert!(entities.len() <= 2, "no more than was asked for: {part}");
        names.extend(entities.iter().map(|entity| entity["name"].as_str().expect("a name").to_owned()));
        let Some(next) = part["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(names, ["a", "b", "c"], "each comes once, in order");
}
