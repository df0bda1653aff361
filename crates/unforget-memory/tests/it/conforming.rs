//! Contexts in the database follow the rules for every context store.

use unforget_context::conformance::{self, Subject};
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
