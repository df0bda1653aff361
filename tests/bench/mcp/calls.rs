//! Calls of which the two servers have to make the same.

use serde_json::{Value, json};

/// Later than the version that is installed: what its maintainers merged, and the next one answers.
const MAIN: &str = "as the official server's main branch answers";
const ONCE: &str = "what a call says twice is added once";
const RANKED: &str = "ranked words where no text has the query as it is";
const LIMIT: &str = "no limit of 2048 characters, or another";

/// A call, and why its answer may differ; nothing where it must not.
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) params: Value,
    pub(crate) differs: Option<&'static str>,
}

/// Every corner that is known, in an order in which they meet.
pub(crate) fn scripted() -> Vec<Call> {
    [lists(), creates(), additions(), searches(), deletions(), refused()].into_iter().flatten().collect()
}

/// Calls that both versions answer alike, drawn over few names so that they meet.
pub(crate) fn drawn(count: usize) -> Vec<Call> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut draw = move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let mut numbers = move || [12, 8, 8, 3, 6].map(&mut draw);
    (0..count).map(|_| drawn_call(numbers())).collect()
}

fn drawn_call([choice, one, other, kind, said]: [u64; 5]) -> Call {
    let name = format!("E{one}");
    let text = format!("Observation {said} of many");
    match choice {
        0..=2 => {
            let kind = format!("Kind{kind}");
            create(&json!([{ "name": name, "entityType": kind, "observations": [text, "common"] }]))
        }
        // To an entity that one version may not have, both refuse.
        3 | 4 => add(&json!([{ "entityName": name, "contents": [text, format!("more {other}")] }])),
        5 => tool("open_nodes", &json!({ "names": [name, format!("E{other}")] })),
        6 => differs(RANKED, search(&format!("ation {said}"))),
        7 => search(&format!("e{one}")),
        8 => search(&other.to_string()),
        9 if said == 0 => differs(MAIN, delete(&[&name])),
        10 => differs(MAIN, forget(&json!([{ "entityName": name, "observations": [text] }]))),
        _ => tool("read_graph", &json!({})),
    }
}

fn tool(name: &str, arguments: &Value) -> Call {
    other("tools/call", json!({ "name": name, "arguments": arguments }))
}

fn other(method: &'static str, params: Value) -> Call {
    Call { method, params, differs: None }
}

fn differs(why: &'static str, call: Call) -> Call {
    Call { differs: Some(why), ..call }
}

fn create(entities: &Value) -> Call {
    tool("create_entities", &json!({ "entities": entities }))
}

fn relate(relations: &Value) -> Call {
    tool("create_relations", &json!({ "relations": relations }))
}

fn add(observations: &Value) -> Call {
    tool("add_observations", &json!({ "observations": observations }))
}

fn forget(deletions: &Value) -> Call {
    tool("delete_observations", &json!({ "deletions": deletions }))
}

fn delete(names: &[&str]) -> Call {
    tool("delete_entities", &json!({ "entityNames": names }))
}

fn unrelate(relations: &Value) -> Call {
    tool("delete_relations", &json!({ "relations": relations }))
}

fn search(query: &str) -> Call {
    tool("search_nodes", &json!({ "query": query }))
}

fn entity(name: &str, kind: &str, observations: &[&str]) -> Value {
    json!({ "name": name, "entityType": kind, "observations": observations })
}

fn relation(from: &str, to: &str, kind: &str) -> Value {
    json!({ "from": from, "to": to, "relationType": kind })
}

/// What is asked before there is anything.
fn lists() -> Vec<Call> {
    let list = |method| other(method, json!({}));
    vec![
        differs("the tools of the conversation memory are behind the nine", list("tools/list")),
        differs("a template for reading page by page", list("resources/templates/list")),
        list("resources/list"),
        list("ping"),
        list("prompts/list"),
        list("no/such/method"),
        tool("read_graph", &json!({})),
        search(""),
        create(&json!([])),
        relate(&json!([])),
        add(&json!([])),
    ]
}

fn creates() -> Vec<Call> {
    let twins = json!([entity("Twin", "person", &["one"]), entity("Twin", "person", &["two"])]);
    let to_itself = json!([relation("Bob", "Bob", "is"), relation("Bob", "Bob", "is")]);
    vec![
        create(&json!([
            entity("Ada", "person", &["flies gliders", "Flies Gliders"]),
            entity("Hangar Nord", "place", &[]),
            entity("Straße", "place", &["İstanbul", "ΟΔΟΣ", "naïve café"]),
            entity("", "", &[""]),
            entity("line\nbreak \"quoted\" \\ \u{1F600}", "odd", &["\u{0}\u{1}\t", "</script>"]),
        ])),
        create(&json!([entity("Ada", "robot", &["other"]), entity("Bob", "person", &["a", "a"])])),
        differs(MAIN, create(&twins)),
        // Both have the same graph again.
        differs(MAIN, delete(&["Twin"])),
        relate(&json!([relation("Ada", "Bob", "knows"), relation("Ada", "Hangar Nord", "visits")])),
        relate(&json!([relation("Ada", "Bob", "knows"), relation("Bob", "Ada", "knows")])),
        differs(MAIN, relate(&to_itself)),
        differs(MAIN, relate(&json!([relation("Ada", "Nobody", "knows")]))),
        differs(MAIN, unrelate(&json!([relation("Bob", "Bob", "is"), relation("Ada", "Nobody", "knows")]))),
        tool("open_nodes", &json!({ "names": ["Bob", "Ada", "Nobody", "Bob"] })),
        tool("open_nodes", &json!({ "names": [] })),
    ]
}

fn additions() -> Vec<Call> {
    let to = |name: &str, contents: &[&str]| json!({ "entityName": name, "contents": contents });
    vec![
        add(&json!([to("Ada", &["flies gliders", "new"])])),
        differs(ONCE, add(&json!([to("Ada", &["twice", "twice"])]))),
        differs(MAIN, forget(&json!([{ "entityName": "Ada", "observations": ["twice"] }]))),
        add(&json!([to("Bob", &["x"]), to("Bob", &["x", "y"])])),
        add(&json!([to("Bob", &["z"]), to("Nobody", &["z"])])),
        add(&json!([to("Bob", &[])])),
        tool("open_nodes", &json!({ "names": ["Ada", "Bob"] })),
    ]
}

fn searches() -> Vec<Call> {
    let alike = [
        "ada",
        "ADA",
        "glider",
        "g",
        "ß",
        "STRASSE",
        "straße",
        "i̇stanbul",
        "οδος",
        "CAFÉ",
        "café",
        "line\nbreak",
        "%",
        "_",
        "'",
        "\"",
        "*",
        "(",
        "AND",
        "nothing like it",
        "person",
        "s g",
        "\u{0}",
        "rs\"F",
        "😀",
        " ",
    ];
    let mut calls: Vec<Call> = alike.map(search).into();
    // Ranked words have no accents, and one form of every letter.
    calls.extend(["gliders flies", "istanbul", "οδοσ"].map(|query| differs(RANKED, search(query))));
    calls.push(differs(LIMIT, search(&"q".repeat(2049))));
    calls
}

fn deletions() -> Vec<Call> {
    let of = |name: &str, observations: &[&str]| json!({ "entityName": name, "observations": observations });
    vec![
        forget(&json!([of("Bob", &["x"])])),
        differs(MAIN, forget(&json!([of("Bob", &["a"])]))),
        differs(MAIN, forget(&json!([of("Nobody", &["a"]), of("Bob", &["q"])]))),
        unrelate(&json!([relation("Ada", "Bob", "knows")])),
        differs(MAIN, unrelate(&json!([relation("Ada", "Bob", "knows")]))),
        differs(MAIN, delete(&["Nobody", "Hangar Nord", "Hangar Nord"])),
        delete(&["Ada"]),
        tool("read_graph", &json!({})),
        delete(&[]),
        other("resources/read", json!({ "uri": "memory://nothing" })),
        other("resources/subscribe", json!({ "uri": "memory://knowledge-graph" })),
        other("resources/unsubscribe", json!({ "uri": "memory://knowledge-graph" })),
    ]
}

/// Arguments that are wrong.
fn refused() -> Vec<Call> {
    let mut calls = vec![
        tool("no_such_tool", &json!({})),
        other("tools/call", json!({ "name": "read_graph" })),
        other("tools/call", json!({})),
        other("resources/read", json!({})),
        tool("read_graph", &json!({ "extra": 1 })),
        add(&json!([{ "entityName": "Ada", "contents": "x" }])),
        forget(&json!([{}])),
        relate(&json!([{ "from": "Ada" }])),
    ];
    let eve =
        |observations: Value| json!({ "name": "Eve", "entityType": "person", "observations": observations });
    let entities = [
        json!("Ada"),
        json!([{ "name": "Eve" }]),
        json!([{ "name": 1, "entityType": null, "observations": "x" }]),
        json!([eve(json!([1, null]))]),
        json!([null, 1, "x", []]),
    ];
    calls.extend(entities.iter().map(create));
    let wrong = [
        ("create_entities", json!({})),
        ("delete_entities", json!({ "entityNames": "Ada" })),
        ("delete_relations", json!({ "relations": null })),
        ("search_nodes", json!({ "query": 1 })),
        ("search_nodes", json!({})),
        ("open_nodes", json!({ "names": [1] })),
    ];
    calls.extend(wrong.iter().map(|(name, arguments)| tool(name, arguments)));
    calls
}
