//! The end of a server, asked for or not.

use std::io::Write;

use rustix::process::Signal;

use super::server::{Server, acknowledged};
use crate::command::Store;

/// How many calls are in flight at the end.
const CALLS: usize = 100;

/// How often a server is killed.
fn rounds() -> usize {
    if std::env::var_os("UNFORGET_LONG").is_some() { 100 } else { 25 }
}

fn ends_well_with_calls_in_flight(end: impl FnOnce(&mut Server)) {
    let store = Store::missing();
    let mut server = Server::on(&store);
    // What is asked after the calls is answered when they were read.
    let calls: Vec<_> = (0..CALLS).map(|call| server.begin_to_create(&format!("entity {call}"))).collect();
    let ping = server.begin("ping", &serde_json::json!({}));
    let mut said = Vec::new();
    while said.last().is_none_or(|message: &serde_json::Value| message["id"] != ping) {
        said.push(server.hear().expect("it answers"));
    }
    end(&mut server);
    said.extend(server.rest());
    assert_eq!(server.wait().code(), Some(0), "it ended well");
    let mut done = acknowledged(&said);
    done.sort_unstable();
    assert_eq!(done, calls, "every call that was read is answered");
    assert_eq!(Server::on(&store).names().len(), CALLS, "and is stored");
}

#[test]
fn what_is_in_flight_at_the_end_of_the_input_is_carried_out_and_answered() {
    ends_well_with_calls_in_flight(Server::hang_up);
}

#[test]
fn what_is_in_flight_at_a_signal_to_end_is_carried_out_and_answered() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        ends_well_with_calls_in_flight(|server| server.signal(signal));
    }
}

#[test]
fn a_server_that_nobody_hears_ends() {
    let store = Store::missing();
    let mut command = store.text(["serve"]);
    let mut process = crate::command::start(&mut command);
    drop(process.stdout.take());
    let mut requests = process.stdin.take().expect("piped");
    writeln!(requests, r#"{{"jsonrpc":"2.0","id":1,"method":"ping"}}"#).expect("it listens");
    let mut status = None;
    crate::command::wait_until("the end of the server", || {
        status = process.try_wait().expect("it is our child");
        status.is_some()
    });
    assert_eq!(status.and_then(|status| status.code()), Some(0), "a client that goes away is no failure");
}

#[test]
fn what_was_acknowledged_before_a_kill_is_stored() {
    let store = Store::missing();
    let mut expected = Vec::new();
    for round in 0..rounds() {
        let mut server = Server::on(&store);
        let (mut names, mut said) = (Vec::new(), Vec::new());
        let mut begin = |server: &mut Server| {
            let name = format!("{round}/{}", names.len());
            names.push((server.begin_to_create(&name), name));
        };
        (0..8).for_each(|_| begin(&mut server));
        // Eight are in flight until the kill, which comes at another moment in each round.
        for _ in 0..round % 7 {
            said.push(server.hear().expect("it answers"));
            begin(&mut server);
        }
        said.extend(server.kill());
        let done = acknowledged(&said);
        expected.extend(names.into_iter().filter(|(id, _)| done.contains(id)).map(|(_, name)| name));
    }
    let stored = Server::on(&store).names();
    let lost: Vec<_> = expected.iter().filter(|name| !stored.contains(name)).collect();
    assert!(lost.is_empty(), "acknowledged and gone: {lost:?}");
    assert!(!expected.is_empty(), "some calls were acknowledged before their server was killed");
}
