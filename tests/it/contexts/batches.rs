//! Updates that share commits.

use unforget::{Unforget, UserContext};

const THREADS: u64 = 16;
const UPDATES: u64 = 25;

#[test]
fn updates_of_different_keys_share_commits() {
    let root = tempfile::tempdir().expect("a directory");
    let store = Unforget::open(root.path().join("store")).expect("the store opens");
    let keys: Vec<String> = (0..THREADS).map(|n| format!("user-{n}")).collect();
    for key in &keys {
        let name = key.clone();
        store.contexts().get_or_create(key, move || UserContext::new(&name)).expect("it can be created");
    }
    let before = store.stats().expect("it counts").engine;
    std::thread::scope(|scope| {
        for key in &keys {
            let contexts = store.contexts();
            scope.spawn(move || {
                for _ in 0..UPDATES {
                    contexts.update(key, |user| user.with_conversation(1)).expect("no caller sees busy");
                }
            });
        }
    });
    let after = store.stats().expect("it counts").engine;
    let (operations, commits) = (after.operations - before.operations, after.commits - before.commits);
    assert_eq!(operations, THREADS * UPDATES, "each update is one operation");
    assert!(commits < operations, "{operations} updates of {THREADS} threads took {commits} commits");
    for key in &keys {
        let user = store.contexts().get(key).expect("it can be read").expect("it exists");
        assert_eq!(user.conversations_count(), UPDATES, "updates that shared a commit were all made");
    }
}
