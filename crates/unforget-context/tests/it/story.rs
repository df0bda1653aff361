//! What callers rely on.

use std::sync::Arc;

use unforget_context::{ContextStore, Contexts, Error, MemoryStore, Next, UserContext};

fn contexts() -> Contexts<UserContext> {
    Contexts::new(Arc::new(MemoryStore::default()))
}

#[test]
fn a_snapshot_stays_as_it_was() {
    let contexts = contexts();
    let before = contexts.get_or_create("ada", || UserContext::new("ada")).unwrap();
    let view = contexts.view().unwrap();
    let after = contexts.update("ada", |ada| ada.with_topic("gliding")).unwrap();
    assert!(before.topics().is_empty() && after.topics().contains("gliding"));
    assert!(view.get("ada").unwrap().unwrap().topics().is_empty(), "a view shows one point in time");
    assert_eq!((before.revision(), after.revision()), (1, 2));
    assert_eq!((after.key(), after.user_id()), ("ada", "ada"));
}

#[test]
fn a_hundred_threads_lose_no_update() {
    let contexts = contexts();
    contexts.get_or_create("ada", || UserContext::new("ada")).unwrap();
    let threads: Vec<_> = (0..100)
        .map(|n| {
            let contexts = contexts.clone();
            std::thread::spawn(move || contexts.update("ada", move |ada| ada.with_conversation(n)).unwrap())
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let ada = contexts.get("ada").unwrap().unwrap();
    assert_eq!((ada.conversations_count(), ada.last_seen_ms()), (100, Some(99)));
    assert_eq!(ada.revision(), 101);
}

#[test]
fn of_many_creators_one_creates() {
    let contexts = contexts();
    let threads: Vec<_> = (0..16)
        .map(|n| {
            let contexts = contexts.clone();
            std::thread::spawn(move || {
                contexts.get_or_create("ada", move || UserContext::new(format!("thread {n}"))).unwrap()
            })
        })
        .collect();
    let made: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(made.iter().all(|context| context.user_id() == made[0].user_id()), "all have the same");
    assert_eq!(contexts.get("ada").unwrap().unwrap().revision(), 1);
}

#[test]
fn an_update_for_an_old_revision_is_refused_and_says_which_it_has() {
    let contexts = contexts();
    let first = contexts.get_or_create("ada", || UserContext::new("ada")).unwrap();
    contexts.update("ada", |ada| ada.with_topic("gliding")).unwrap();
    match contexts.update_if("ada", first.revision(), |ada| ada.with_topic("sailing")) {
        Err(error @ Error::Conflict { expected: 1, found: 2, .. }) => assert!(error.is_conflict()),
        other => panic!("{other:?}"),
    }
    assert!(contexts.update_if("ada", 2, |ada| ada.with_topic("sailing")).is_ok());
    assert!(matches!(contexts.update_if("bob", 1, Clone::clone), Err(Error::Conflict { found: 0, .. })));
}

#[test]
fn a_removed_context_is_gone_and_a_new_one_goes_on_counting() {
    let contexts = contexts();
    contexts.get_or_create("ada", || UserContext::new("ada")).unwrap();
    assert!(contexts.remove("ada").unwrap());
    assert!(!contexts.remove("ada").unwrap(), "there is nothing left to remove");
    assert!(contexts.get("ada").unwrap().is_none());
    assert!(matches!(contexts.update("ada", Clone::clone), Err(Error::NotFound { .. })));
    let again = contexts.get_or_create("ada", || UserContext::new("ada")).unwrap();
    assert_eq!(again.revision(), 3, "a revision never means two values");
}

#[test]
fn keys_have_limits() {
    let contexts = contexts();
    for key in ["", "a\nb", "\u{1b}[31m"] {
        assert!(matches!(contexts.get(key), Err(Error::InvalidKey { .. })), "{key:?}");
    }
    let longest = "k".repeat(unforget_context::KEY_LIMIT);
    assert!(contexts.get_or_create(&longest, || UserContext::new("ada")).is_ok());
    let error = contexts.get(&(longest + "k")).unwrap_err();
    assert!(error.to_string().contains("at most 256"), "{error}");
}

#[test]
fn an_unreadable_value_hides_no_other() {
    let store = Arc::new(MemoryStore::default());
    let contexts: Contexts<UserContext> = Contexts::new(store.clone());
    contexts.get_or_create("ada", || UserContext::new("ada")).unwrap();
    store.update("odd", Box::new(|_| Ok(Next::Put("[1,2]".to_owned())))).unwrap();
    assert!(contexts.get("ada").unwrap().is_some());
    assert!(matches!(contexts.get("odd"), Err(Error::Undecodable { .. })));
    assert!(matches!(contexts.update("odd", Clone::clone), Err(Error::Undecodable { .. })));
    let view = contexts.view().unwrap();
    assert_eq!((view.len(), view.iter().flatten().count()), (2, 1));
}

#[test]
fn a_value_that_cannot_be_stored_changes_nothing() {
    let contexts: Contexts<Vec<Fussy>> = Contexts::new(Arc::new(MemoryStore::default()));
    contexts.get_or_create("list", Vec::new).unwrap();
    let outcome = contexts.update("list", |_| vec![Fussy]);
    assert!(matches!(outcome, Err(Error::Unencodable { .. })), "{outcome:?}");
    assert_eq!(contexts.get("list").unwrap().unwrap().revision(), 1);
}

#[test]
fn a_value_that_could_not_be_read_again_is_not_stored() {
    let contexts: Contexts<Vec<f64>> = Contexts::new(Arc::new(MemoryStore::default()));
    contexts.get_or_create("weights", || vec![1.0]).unwrap();
    let outcome = contexts.update("weights", |_| vec![f64::NAN]);
    assert!(matches!(outcome, Err(Error::Unencodable { .. })), "JSON has no NaN: {outcome:?}");
    assert_eq!(**contexts.get("weights").unwrap().unwrap(), [1.0]);
}

#[derive(Debug, Clone, serde::Deserialize)]
struct Fussy;

impl serde::Serialize for Fussy {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not today"))
    }
}

#[test]
fn peek_shows_what_was_published_and_get_what_is_true() {
    let store = Arc::new(MemoryStore::default());
    let (here, there): (Contexts<UserContext>, Contexts<UserContext>) =
        (Contexts::new(store.clone()), Contexts::new(store));
    here.get_or_create("ada", || UserContext::new("ada")).unwrap();
    assert!(there.peek("ada").unwrap().is_none(), "nothing was read there yet");
    assert!(there.get("ada").unwrap().is_some());
    here.update("ada", |ada| ada.with_topic("gliding")).unwrap();
    assert!(there.peek("ada").unwrap().unwrap().topics().is_empty());
    assert!(there.get("ada").unwrap().unwrap().topics().contains("gliding"));
    assert!(there.peek("ada").unwrap().unwrap().topics().contains("gliding"), "reading publishes");
}
