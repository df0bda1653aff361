//! What clients are told of the server, and wrong usage.

use serde_json::{Value, json};

use super::server::Server;
use crate::command::{Store, run, unforget};

#[test]
fn what_is_printed_for_a_client_starts_a_server_on_the_same_store() {
    let store = Store::missing();
    for (client, servers) in
        [("claude-desktop", "mcpServers"), ("cursor", "mcpServers"), ("vscode", "servers")]
    {
        let printed =
            store.say(["serve".to_owned(), format!("--print-config={client}"), "--rate-limit=strict".into()]);
        let config: Value = serde_json::from_str(&printed).expect("it can be pasted");
        let memory = &config[servers]["memory"];
        let words =
            memory["args"].as_array().expect("arguments").iter().map(|word| word.as_str().expect("a word"));
        let mut command = std::process::Command::new(memory["command"].as_str().expect("a command"));
        Server::start(command.args(words)).create(client);
    }
    assert_eq!(Server::on(&store).names(), ["claude-desktop", "cursor", "vscode"]);
    let said = store.say(["serve", "--print-config=claude-code"]);
    let path = store.path();
    let end = format!(" serve --store {}\n", path.display());
    assert!(said.starts_with("claude mcp add --scope user memory -- ") && said.ends_with(&end), "{said}");
}

#[test]
fn all_clients_are_told_at_once() {
    let store = Store::missing();
    let said = store.say(["serve", "--print-config"]);
    for client in ["Claude Code: run", "claude_desktop_config.json", "~/.cursor/mcp.json", ".vscode/mcp.json"]
    {
        assert!(said.contains(client), "{said}");
    }
    let data = store.run(["serve", "--print-config"]).data();
    assert_eq!(crate::command::keys(&data), ["claude-code", "claude-desktop", "cursor", "vscode"]);
    assert!(!store.path().exists(), "nothing is opened to print");
}

#[test]
fn the_strict_limit_is_five_calls_a_minute() {
    let store = Store::missing();
    let mut server = Server::start(&mut store.text(["serve", "--rate-limit", "strict"]));
    (0..5).for_each(|call| server.create(&call.to_string()));
    let refused = server.call("create_entities", &super::server::entity("one more"));
    let said = refused["content"][0]["text"].as_str().expect("a text");
    assert!(said.starts_with("create_entities is limited to 5/minute; try again in "), "{said}");
    assert_eq!(server.call("read_graph", &json!({})).get("isError"), None, "each tool has its own limit");
}

#[test]
fn wrong_usage_is_told_before_anything_is_opened() {
    let store = Store::missing();
    for (args, said) in [
        (["serve", "--rate-limit", "fast"], "give a number of calls and `/minute`"),
        (["serve", "--rate-limit", "0/minute"], "give a number of calls and `/minute`"),
        (["serve", "--timeout", "0"], "give a number of seconds, more than 0"),
        (["serve", "--timeout", "1e9"], "at most 3600"),
        (["serve", "--print-config=emacs", "--timeout=1"], "possible values: all, claude-code"),
    ] {
        let answer = run(&mut store.text(args));
        assert_eq!(answer.exit, Some(2), "{args:?}: {answer:?}");
        assert!(answer.stderr.contains(said), "{args:?}: {}", answer.stderr);
    }
    let json = store.run(["serve"]);
    assert_eq!(json.exit, Some(2), "standard output is the protocol's: {json:?}");
    assert!(!store.path().exists(), "nothing was created");
}

#[test]
fn a_store_that_cannot_be_opened_ends_the_server_with_a_failure() {
    let place = Store::missing();
    let file = place.file("no-directory", "");
    let mut command = unforget(place.root());
    let answer = run(command.args(["serve", "--store"]).arg(&file));
    assert_ne!(answer.exit, Some(0), "{answer:?}");
    assert_eq!(answer.stdout, "", "nothing but the protocol is said there");
    assert!(answer.stderr.contains("no-directory"), "it says what cannot be opened: {}", answer.stderr);
}
