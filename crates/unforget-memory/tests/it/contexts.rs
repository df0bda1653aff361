//! Contexts in the database.

use unforget_context::{ContextStore, Contexts, Error, Next, UserContext};
use unforget_memory::CONTEXT_LIMIT;

use crate::store::Store;

#[test]
fn threads_through_two_handles_lose_no_update() {
    let store = Store::new();
    let handles: [Contexts<UserContext>; 2] =
        [Contexts::new(store.memories.context_store()), Contexts::new(store.memories.context_store())];
    handles[0].get_or_create("ada", || UserContext::new("ada")).unwrap();
    let threads: Vec<_> = (0..10)
        .map(|n| {
            let contexts = handles[n % 2].clone();
            std::thread::spawn(move || {
                for _ in 0..20 {
                    let before = contexts.get("ada").unwrap().unwrap().conversations_count();
                    let after =
                        contexts.update("ada", |ada| ada.with_conversation(1)).unwrap().conversations_count();
                    assert!(after > before, "a context went back in time");
                    assert!(contexts.get("ada").unwrap().unwrap().conversations_count() >= after);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    for contexts in &handles {
        assert_eq!(contexts.get("ada").unwrap().unwrap().conversations_count(), 200);
    }
}

#[test]
fn changes_come_in_the_order_of_their_commits_and_tell_of_removals() {
    let store = Store::new();
    let contexts = store.memories.context_store();
    let put = |key: &str, json: &str| {
        let json = json.to_owned();
        contexts.update(key, Box::new(move |_| Ok(Next::Put(json.clone())))).unwrap().unwrap()
    };
    put("a", "1");
    put("b", "2");
    let seen = contexts.changes_since(0).unwrap();
    assert_eq!((seen.latest, seen.rows.len()), (2, 2));
    contexts.update("a", Box::new(|_| Ok(Next::Remove))).unwrap();
    let next = contexts.changes_since(seen.latest).unwrap();
    assert_eq!((next.latest, next.rows.len()), (3, 1));
    assert_eq!((next.rows[0].key.as_str(), &next.rows[0].value, next.rows[0].revision), ("a", &None, 2));
    assert_eq!(put("a", "3").revision, 3, "a new context goes on counting");
    contexts.update("a", Box::new(|_| Ok(Next::Keep))).unwrap();
    assert_eq!(contexts.changes_since(4).unwrap().rows.len(), 0, "keeping is no change");
}

#[test]
fn a_context_over_the_limit_is_refused_and_changes_nothing() {
    let store = Store::new();
    let contexts: Contexts<String> = Contexts::new(store.memories.context_store());
    contexts.get_or_create("text", String::new).unwrap();
    let error = contexts.update("text", |_| "x".repeat(CONTEXT_LIMIT)).unwrap_err();
    assert!(matches!(&error, Error::Unencodable { .. }) && error.to_string().contains("at most"), "{error}");
    assert_eq!(contexts.get("text").unwrap().unwrap().revision(), 1);
}

#[test]
fn a_closure_that_panics_changes_nothing() {
    let store = Store::new();
    let contexts: Contexts<UserContext> = Contexts::new(store.memories.context_store());
    contexts.get_or_create("ada", || UserContext::new("ada")).unwrap();
    let outcome = contexts.update("ada", |_| panic!("on purpose"));
    let Err(Error::Store { source }) = outcome else { panic!("{outcome:?}") };
    let source = source.downcast_ref::<unforget_sqlite::Error>();
    assert!(matches!(source, Some(unforget_sqlite::Error::Panicked { .. })), "{source:?}");
    assert_eq!(contexts.get("ada").unwrap().unwrap().revision(), 1);
}

#[test]
fn a_read_inside_an_update_sees_the_state_before_it() {
    let store = Store::new();
    let contexts: Contexts<UserContext> = Contexts::new(store.memories.context_store());
    contexts.get_or_create("ada", || UserContext::new("ada")).unwrap();
    let inner = contexts.clone();
    let ada = contexts.update("ada", move |ada| {
        let seen = inner.get("ada").unwrap().unwrap();
        assert_eq!(seen.conversations_count(), ada.conversations_count());
        ada.with_conversation(1)
    });
    assert_eq!(ada.unwrap().conversations_count(), 1);
}

#[test]
fn contexts_and_turns_are_counted_at_one_point_in_time() {
    let store = Store::new();
    let contexts: Contexts<UserContext> = Contexts::new(store.memories.context_store());
    contexts.get_or_create("ada", || UserContext::new("ada")).unwrap();
    contexts.get_or_create("bob", || UserContext::new("bob")).unwrap();
    contexts.remove("bob").unwrap();
    store.remember("hello");
    let stats = store.memories.stats().unwrap();
    assert_eq!((stats.turns, stats.users, stats.sessions, stats.contexts), (1, 1, 1, 1));
}
