//! Files that people edit.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use unforget_context::{Contexts, Error, JsonStore, Persistence, SaveWindow, UserContext};

use crate::child::Child;

struct Directory {
    root: tempfile::TempDir,
}

impl Directory {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.root.path().join("contexts")
    }

    fn store(&self) -> Arc<JsonStore> {
        Arc::new(JsonStore::open(self.path()).unwrap())
    }

    fn contexts(&self) -> Contexts<UserContext> {
        Contexts::new(self.store())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    fn edit(&self, name: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.file(name)).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(self.file(name), text.replace(from, to)).unwrap();
    }
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn an_edited_file_is_the_next_revision_for_everybody() {
    let directory = Directory::new();
    let (contexts, other) = (directory.contexts(), directory.contexts());
    contexts.get_or_create("ada", || UserContext::new("ada").with_topic("gliding")).unwrap();
    directory.edit("ada.json", "gliding", "sailing");
    for contexts in [&contexts, &other] {
        eventually("an edit is noticed", || {
            contexts.get("ada").unwrap().is_some_and(|ada| ada.topics().contains("sailing"))
        });
        assert_eq!(contexts.get("ada").unwrap().unwrap().revision(), 2, "a revision never means two values");
    }
    let after = contexts.update("ada", |ada| ada.with_topic("rowing")).unwrap();
    assert!(after.topics().contains("sailing"), "a change is made from what was edited");
}

#[test]
fn white_space_is_no_edit() {
    let directory = Directory::new();
    directory.contexts().get_or_create("ada", || UserContext::new("ada")).unwrap();
    directory.edit("ada.json", "\n", " \n ");
    assert_eq!(directory.contexts().get("ada").unwrap().unwrap().revision(), 1);
}

#[test]
fn a_broken_file_hides_no_other_and_stays_until_it_is_mended() {
    let directory = Directory::new();
    let contexts = directory.contexts();
    contexts.get_or_create("ada", || UserContext::new("ada")).unwrap();
    contexts.get_or_create("bob", || UserContext::new("bob")).unwrap();
    let good = std::fs::read_to_string(directory.file("ada.json")).unwrap();
    std::fs::write(directory.file("ada.json"), "{ half").unwrap();
    eventually("a broken file is noticed", || matches!(contexts.get("ada"), Err(Error::Undecodable { .. })));
    assert!(contexts.get("bob").unwrap().is_some());
    let error = contexts.update("ada", Clone::clone).unwrap_err();
    assert!(error.to_string().contains("ada.json"), "it names the file: {error}");
    assert!(contexts.remove("ada").is_err());
    assert_eq!(
        std::fs::read_to_string(directory.file("ada.json")).unwrap(),
        "{ half",
        "it is not overwritten"
    );
    std::fs::write(
        directory.file("ada.json"),
        good.replace("\"conversations_count\": 0", "\"conversations_count\": 7"),
    )
    .unwrap();
    eventually("a mended file is noticed", || contexts.get("ada").is_ok_and(|ada| ada.is_some()));
    let ada = contexts.get("ada").unwrap().unwrap();
    assert_eq!((ada.conversations_count(), ada.revision()), (7, 2));
}

#[test]
fn a_file_that_was_put_back_is_told_as_a_change() {
    let directory = Directory::new();
    let contexts = directory.contexts();
    contexts.get_or_create("ada", || UserContext::new("ada")).unwrap();
    let good = std::fs::read_to_string(directory.file("ada.json")).unwrap();
    std::fs::write(directory.file("ada.json"), "{ half").unwrap();
    eventually("a broken file is noticed", || contexts.get("ada").is_err());
    std::fs::write(directory.file("ada.json"), good).unwrap();
    eventually("a file that was put back is noticed", || contexts.get("ada").is_ok());
    let ada = contexts.get("ada").unwrap().unwrap();
    assert_eq!(ada.revision(), 2, "a revision never means two values");
}

#[test]
fn what_is_no_file_and_what_cannot_be_counted_on_hide_no_other() {
    let directory = Directory::new();
    let contexts = directory.contexts();
    for key in ["ada", "bob"] {
        contexts.get_or_create(key, move || UserContext::new(key)).unwrap();
    }
    std::fs::create_dir(directory.file("cyd.json")).unwrap();
    directory.edit("ada.json", "\"revision\": 1", &format!("\"revision\": {}", u64::MAX));
    let fresh = directory.contexts();
    assert!(fresh.get("bob").unwrap().is_some(), "the others are there");
    for (key, file) in [("ada", "ada.json"), ("cyd", "cyd.json")] {
        assert!(matches!(fresh.get(key), Err(Error::Undecodable { .. })), "{key} is told");
        let error = fresh.get_or_create(key, move || UserContext::new(key)).unwrap_err();
        assert!(matches!(error, Error::Undecodable { .. }) && directory.file(file).exists(), "{error}");
    }
}

#[test]
fn an_edit_beside_an_owner_is_not_taken_for_what_it_saved() {
    let directory = Directory::new();
    let reader = directory.contexts();
    let window = SaveWindow { quiet: Duration::MAX, max_delay: Duration::MAX };
    let owner = Contexts::open(directory.store(), Persistence::Deferred { window }).unwrap();
    owner.get_or_create("ada", || UserContext::new("ada").with_topic("gliding")).unwrap();
    owner.flush().unwrap();
    directory.edit("ada.json", "gliding", "sailing");
    eventually("an edit is noticed", || {
        reader.get("ada").unwrap().is_some_and(|ada| ada.topics().contains("sailing"))
    });
    owner.update("ada", |ada| ada.with_topic("rowing")).unwrap();
    let saves = owner.saves().unwrap();
    std::thread::scope(|threads| {
        let flushing = threads.spawn(|| owner.flush());
        eventually("the edit is told to the owner", || {
            matches!(saves.status().last_error.as_deref(), Some(Error::Conflict { found: 2, .. }))
        });
        owner.update("ada", |ada| ada.with_topic("diving")).unwrap();
        flushing.join().unwrap().unwrap();
    });
    let after = reader.get("ada").unwrap().unwrap();
    assert!(after.topics().contains("rowing") && after.revision() == 3, "what was flushed is stored");
}

#[test]
fn a_new_file_is_adopted_and_a_removed_one_is_told() {
    let directory = Directory::new();
    let contexts = directory.contexts();
    contexts.get_or_create("bob", || UserContext::new("bob")).unwrap();
    std::fs::write(directory.file("%41da.json"), r#"{"value": {"user_id": "Ada"}}"#).unwrap();
    std::fs::write(directory.file("Notes.json"), "not ours").unwrap();
    eventually("a new file is noticed", || contexts.get("Ada").unwrap().is_some());
    std::fs::remove_file(directory.file("%41da.json")).unwrap();
    eventually("a removal is noticed", || contexts.get("Ada").unwrap().is_none());
    let again = contexts.get_or_create("Ada", || UserContext::new("Ada")).unwrap();
    assert_eq!((again.revision(), contexts.view().unwrap().len()), (3, 2));
}

/// Role: counts until it is killed.
pub(crate) fn count(directory: &Path) {
    let contexts: Contexts<u64> = Contexts::new(Arc::new(JsonStore::open(directory).unwrap()));
    contexts.get_or_create("count", || 0).unwrap();
    crate::child::say("ready");
    loop {
        crate::child::say(&contexts.update("count", |count| count + 1).unwrap().to_string());
    }
}

#[test]
fn killed_writers_lose_nothing_acknowledged() {
    let directory = Directory::new();
    for round in 1..=5 {
        let children: Vec<_> = (0..2).map(|_| Child::start("count", &directory.path())).collect();
        let acknowledged = children.into_iter().map(|child| child.hear_and_kill(10 * round)).max();
        let contexts: Contexts<u64> = Contexts::new(directory.store());
        let found = contexts.get("count").unwrap().unwrap();
        assert!(Some(*found) >= acknowledged, "{acknowledged:?} was acknowledged, and {} is there", *found);
        assert_eq!(found.revision(), *found + 1, "each update is one revision");
    }
}
