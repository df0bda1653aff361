//! Contexts in the database follow the rules for every context store.

use unforget_context::conformance::{self, Subject};
use unforget_context::{Contexts, Error, Persistence, SaveWindow};
use unforget_memory::Memories;
use unforget_sqlite::{Database, Options};

#[test]
fn contexts_in_a_database_conform() {
    let outcome = conformance::run(|| {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("contexts.db");
        Subject::new(move || {
            let _it_stays = &root;
            Memories::open(Database::open(&path, Options::default()).unwrap()).unwrap().context_store()
        })
    });
    assert_eq!(outcome, Ok(()), "a rule is broken");
}

#[test]
fn an_owner_is_not_overwritten_by_whoever_commits_unasked() {
    let root = tempfile::tempdir().unwrap();
    let open = || {
        let db = Database::open(root.path().join("contexts.db"), Options::default()).unwrap();
        Memories::open(db).unwrap().context_store()
    };
    let deferred = Persistence::Deferred { window: SaveWindow::default() };
    let owner: Contexts<u64> = Contexts::open(open(), deferred).unwrap();
    owner.get_or_create("count", || 1).unwrap();
    let unasked: Contexts<u64> = Contexts::new(open());
    assert!(matches!(unasked.get_or_create("count", || 7), Err(Error::InUse { .. })));
    owner.shutdown().unwrap();
    drop(owner);
    let next = unasked.update("count", |count| count + 1).unwrap();
    assert_eq!((*next, next.revision()), (2, 2), "what the owner saved goes on");
}
