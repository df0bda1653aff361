//! A store that cannot be opened yet, because others are in the way.

use std::time::Duration;

use serde_json::json;
use unforget::{Create, Options, Unforget};
use unforget_mcp::{Memory, Settings};

use crate::connection::{Connection, entities};

#[tokio::test]
async fn others_in_the_way_are_told_and_the_next_call_tries_again() {
    let root = tempfile::tempdir().expect("a directory for the test");
    let directory = root.path().join("store");
    Unforget::open(&directory).and_then(Unforget::shutdown).expect("a store");
    // As a process that is stopped while it has the turn.
    let turn = ["turn.queue", "turn.lock"].map(|file| {
        let file = std::fs::File::open(directory.join(file)).expect("it is in the store");
        file.lock().expect("nobody has it");
        file
    });
    let options = Options::default().create(Create::Never).deadline(Duration::from_millis(50));
    let mut connection =
        Connection::serve(root, Settings::default(), move || Ok(Memory::new(options.open(&directory)?)));
    connection.greet("2025-11-25").await;
    for _ in 0..2 {
        let told = connection.refused("create_entities", entities(&["Ada"])).await;
        assert!(told.contains("busy"), "it says that others are in the way: {told}");
    }
    drop(turn);
    connection.create(&["Ada"]).await;
    let graph = connection.call("read_graph", json!({})).await;
    assert_eq!(graph["structuredContent"]["entities"][0]["name"], "Ada", "{graph}");
    connection.hang_up().await;
    connection.ended().await;
}
