//! The file of the official server.

use std::io::Write;
use std::path::Path;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use serde_json::{Value, json};

use super::server::Server;
use crate::command::{Answer, Store, run, unforget};

const OLD: &str = "{\"type\":\"entity\",\"name\":\"Ada\",\"entityType\":\"person\",\"observations\":[\"flies\"]}\n\
    {\"type\":\"relation\",\"from\":\"Ada\",\"to\":\"nobody\",\"relationType\":\"knows\"}";

/// The lines of a file that say something.
fn lines(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).expect("the file can be read");
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

#[test]
fn an_old_file_is_gone_on_with_and_is_current_when_a_call_returns() {
    let place = Store::missing();
    let file = place.file("memory.jsonl", OLD);
    let mut server = Server::start(unforget(place.root()).arg("serve").env("MEMORY_FILE_PATH", &file));
    assert_eq!(server.names(), ["Ada"], "what the file held is there");
    server.create("glider");
    let glider = json!({"type": "entity", "name": "glider", "entityType": "thing", "observations": []});
    assert!(lines(&file).contains(&glider), "the call returned, so the file has it");
    server.call("delete_entities", &json!({"entityNames": ["Ada"]}));
    assert_eq!(lines(&file), [glider], "what was deleted is gone, with its relations");
    server.hang_up();
    assert_eq!(server.wait().code(), Some(0));
    assert!(place.root().join("memory.jsonl.unforget/unforget.db").is_file(), "the store is beside the file");

    let mut again = Server::start(unforget(place.root()).args(["serve", "--memory-file"]).arg(&file));
    assert_eq!(again.names(), ["glider"], "the file is imported once, and the store goes on");
}

#[test]
fn what_another_server_changes_comes_into_the_file() {
    let place = Store::missing();
    let file = place.root().join("memory.jsonl");
    let start = || Server::start(unforget(place.root()).arg("serve").env("MEMORY_FILE_PATH", &file));
    let (mut one, mut other) = (start(), start());
    one.create("a");
    other.create("b");
    assert_eq!(lines(&file).len(), 2, "both are in the file when the calls have returned");
}

#[test]
fn an_edit_of_the_file_is_noticed_by_a_server_that_is_not_called() {
    let place = Store::missing();
    let file = place.file("memory.jsonl", OLD);
    let mut server = Server::start(unforget(place.root()).arg("serve").env("MEMORY_FILE_PATH", &file));
    assert_eq!(server.names(), ["Ada"]);
    server.request("resources/subscribe", &json!({"uri": "memory://knowledge-graph"}));
    for name in ["Bob", "Cid", "Dan"] {
        // What there was to be seen before is seen by then, so that nothing but the edit is the occasion.
        (0..200).for_each(|_| drop(server.request("ping", &json!({}))));
        let mut open = std::fs::OpenOptions::new().append(true).open(&file).expect("it can be written");
        let line = json!({"type": "entity", "name": name, "entityType": "person", "observations": []});
        writeln!(open, "{line}").expect("it fits");
        let told = server.hear().expect("it is told without having asked");
        assert_eq!(told["method"], "notifications/resources/updated", "{told}");
        assert!(server.names().iter().any(|there| there == name), "{name} was written into the file");
    }
}

#[test]
fn a_file_has_one_store_by_whatever_link_it_is_named() {
    let place = Store::missing();
    let file = place.file("memory.jsonl", OLD);
    let link = place.root().join("link.jsonl");
    std::os::unix::fs::symlink(&file, &link).expect("links can be made");
    let start =
        |path: &Path| Server::start(unforget(place.root()).arg("serve").env("MEMORY_FILE_PATH", path));
    let (mut one, mut other) = (start(&file), start(&link));
    one.create("a");
    other.call("delete_entities", &json!({"entityNames": ["Ada"]}));
    assert_eq!((one.names(), other.names()), (vec!["a".to_owned()], vec!["a".to_owned()]));
    assert!(link.is_symlink() && !place.root().join("link.jsonl.unforget").exists(), "the link stays one");
}

#[test]
fn a_home_directory_can_be_named_as_in_a_shell() {
    let place = Store::missing();
    let mut server =
        Server::start(unforget(place.root()).arg("serve").env("MEMORY_FILE_PATH", "~/memory.jsonl"));
    server.create("Ada");
    assert_eq!(lines(&place.root().join("memory.jsonl")).len(), 1, "~ is the home directory");
}

fn refused(file: &str) -> Answer {
    let place = Store::missing();
    let answer =
        run(unforget(place.root()).arg("serve").env("MEMORY_FILE_PATH", file).current_dir(place.root()));
    assert_eq!((answer.exit, answer.stdout.as_str()), (Some(2), ""), "{answer:?}");
    answer
}

#[test]
fn a_relative_file_is_refused_unless_it_is_there() {
    let said = refused("memory.jsonl").stderr;
    assert!(
        said.contains("memory.jsonl is relative to wherever this is started, and it is not there"),
        "{said}"
    );
    assert!(said.contains("give an absolute path in --memory-file or MEMORY_FILE_PATH"), "{said}");
    assert!(refused("/").stderr.contains("is a directory"));
    assert!(refused("/nowhere/new/").stderr.contains("is a directory"), "it is named as one");

    let place = Store::missing();
    place.file("memory.jsonl", OLD);
    let mut command = unforget(place.root());
    command.arg("serve").env("MEMORY_FILE_PATH", "memory.jsonl").current_dir(place.root());
    assert_eq!(
        Server::start(&mut command).names(),
        ["Ada"],
        "one that is there can only be the one that is meant"
    );
}

#[test]
fn a_file_that_cannot_be_used_ends_the_server_and_says_what_to_do() {
    let place = Store::missing();
    let file = place.root().join("memory.jsonl");
    let _socket = std::os::unix::net::UnixListener::bind(&file).expect("a socket can be made");
    let answer = run(unforget(place.root()).args(["serve", "--memory-file"]).arg(&file));
    assert_eq!((answer.exit, answer.stdout.as_str()), (Some(14), ""), "{answer:?}");
    assert!(answer.stderr.contains("name another file with --memory-file, or mend this one"), "{answer:?}");
}

#[test]
fn a_client_that_does_not_read_what_people_are_told_is_answered() {
    let place = Store::missing();
    let file = place.file("memory.jsonl", OLD);
    let (told, mut full) = std::io::pipe().expect("a pipe");
    let flags = fcntl_getfl(&full).expect("it is open");
    fcntl_setfl(&full, flags | OFlags::NONBLOCK).expect("it is open");
    while full.write_all(b".").is_ok() {}
    fcntl_setfl(&full, flags).expect("it is open");
    let mut command = unforget(place.root());
    let mut server = Server::start(command.args(["serve", "--memory-file"]).arg(&file).stderr(full));
    assert_eq!(server.names(), ["Ada"], "that the file was imported could not be told");
    server.hang_up();
    assert_eq!(server.wait().code(), Some(0), "and it ends");
    drop(told);
}

#[test]
fn a_flag_is_stronger_than_the_environment() {
    let place = Store::missing();
    let file = place.file("memory.jsonl", OLD);
    let mut by_store = place.text(["serve"]);
    by_store.env("MEMORY_FILE_PATH", &file);
    assert_eq!(Server::start(&mut by_store).names(), [""; 0], "the store was named, and has no file");
    let mut by_file = unforget(place.root());
    by_file
        .args(["serve", "--memory-file"])
        .arg(&file)
        .env("MEMORY_FILE_PATH", place.root().join("other.jsonl"));
    assert_eq!(Server::start(&mut by_file).names(), ["Ada"]);
    let both = run(place.text(["serve", "--memory-file"]).arg(&file));
    assert_eq!(both.exit, Some(2), "it is one or the other: {both:?}");
}
