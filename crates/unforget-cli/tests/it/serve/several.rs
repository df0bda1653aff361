//! Several servers on one store.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use super::server::{Server, entity, timed};
use crate::command::Store;

#[test]
fn a_subscriber_is_told_of_what_another_server_changes() {
    let store = Store::missing();
    let (mut one, mut other) = (Server::on(&store), Server::on(&store));
    one.request("resources/subscribe", &json!({"uri": "memory://knowledge-graph"}));
    other.create("Ada");
    let told = one.hear().expect("it is told");
    let updated = json!({"uri": "memory://knowledge-graph"});
    assert_eq!(
        told,
        json!({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": updated})
    );
    assert_eq!(one.names(), ["Ada"], "and what it was told of is there");
}

#[test]
fn what_several_servers_acknowledge_at_once_is_all_stored() {
    const CALLS: usize = 50;
    let store = Store::missing();
    let mut servers: Vec<_> = (0..4).map(|_| Server::on(&store)).collect();
    for call in 0..CALLS {
        for (place, server) in servers.iter_mut().enumerate() {
            server.begin_to_create(&format!("{place}/{call}"));
        }
    }
    for server in &mut servers {
        server.hang_up();
        assert_eq!(super::server::acknowledged(&server.rest()).len(), CALLS, "each call is acknowledged");
        assert_eq!(server.wait().code(), Some(0));
    }
    assert_eq!(Server::on(&store).names().len(), 4 * CALLS, "nothing that was acknowledged is gone");
}

/// The other server is stopped at a moment that nobody chose. Where it held its turn then, calls here do not wait longer
/// than they are given, and say who it is that they wait for; in every other case they are carried out.
#[test]
fn a_server_that_is_stopped_holds_nobody_up_for_longer_than_allowed_and_is_named() {
    const ROUNDS: usize = 40;
    const ALLOWED: Duration = Duration::from_secs(1);
    let store = Store::missing();
    let mut one = Server::start(&mut store.text(["serve", "--timeout", "1"]));
    let mut other = Server::on(&store);
    let mut named = false;
    for round in 0..ROUNDS {
        for call in 0..50 {
            other.begin_to_create(&format!("{round}/{call}"));
        }
        (0..=round).for_each(|_| drop(other.hear()));
        other.signal(Signal::STOP);
        let (result, took) = timed(|| one.call("create_entities", &entity(&format!("of one, {round}"))));
        other.signal(Signal::CONT);
        assert!(took < ALLOWED + Duration::from_secs(2), "it took {took:?}: {result}");
        if result["isError"] == true {
            let said = result["content"][0]["text"].as_str().expect("a text");
            assert!(said.contains(&other.id().to_string()), "it says who holds it up: {said}");
            named = true;
            break;
        }
        (round + 1..50).for_each(|_| drop(other.hear()));
    }
    assert!(named, "in none of {ROUNDS} rounds did the stopped server hold its turn");
    one.create("afterwards");
}
