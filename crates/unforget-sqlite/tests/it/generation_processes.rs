//! Two processes that answer from copies as long as they are up to date, and writers that are killed.

use std::path::Path;

use unforget_sqlite::{Database, Durability, Generation, Moment, Options, Result};

use crate::child::{self, Child};
use crate::generation::count;
use crate::store::Store;

fn options() -> Options {
    Options::default().durability(Durability::Normal)
}

/// Answers from a copy while it is up to date.
struct Copied {
    db: Database,
    generation: Generation,
    copy: Option<(i64, Moment)>,
    hits: u32,
}

impl Copied {
    fn new(db: &Database) -> Self {
        Self { db: db.clone(), generation: db.generation().unwrap(), copy: None, hits: 0 }
    }

    fn count(&mut self) -> i64 {
        if let Some((found, moment)) = self.copy
            && self.generation.now() == Some(moment)
        {
            self.hits += 1;
            return found;
        }
        let (found, moment) = count(&self.db);
        self.copy = moment.map(|moment| (found, moment));
        found
    }

    fn write(&self) {
        let wrote = self.db.write(|tx| -> Result<usize> {
            Ok(tx.execute("INSERT INTO note(body) SELECT 'note ' || (count(*) + 1) FROM note", [])?)
        });
        assert_eq!(wrote.unwrap(), 1);
    }
}

/// Role: writes or reads when it is told to, and says how many notes it then knows of.
pub(crate) fn answer(file: &Path) {
    let db = Database::open(file, options()).or_else(|_| Database::open(file, Options::default())).unwrap();
    let mut copied = Copied::new(&db);
    child::ready();
    loop {
        match child::hear().as_str() {
            "read" => {}
            "write" => copied.write(),
            _ => return,
        }
        child::say(&copied.count().to_string());
    }
}

/// Role: writes until it is killed.
pub(crate) fn add(file: &Path) {
    let db = Database::open(file, options()).unwrap();
    let copied = Copied::new(&db);
    child::ready();
    loop {
        copied.write();
    }
}

#[test]
fn two_processes_never_answer_from_a_copy_that_is_out_of_date() {
    let store = Store::with(options());
    let mut own = Copied::new(&store.db);
    let mut other = Child::start("answer", &store.path());
    let mut known = 0;
    for round in 0..2_000 {
        own.write();
        let found = own.count();
        assert!(found > known, "round {round}: {known} were known, then one was written, {found} are read");
        let told: i64 = other.ask("read").parse().unwrap();
        assert!(told >= found, "round {round}: {found} were acknowledged, the other process answers {told}");
        let told: i64 = other.ask("write").parse().unwrap();
        let found = own.count();
        assert!(found >= told, "round {round}: the other process knows {told}, we read {found}");
        assert_eq!(own.count(), found);
        known = found;
    }
    assert_eq!(known, 4_000, "nothing was lost");
    assert!(own.hits > 1_000, "most second reads are answered from the copy: {}", own.hits);
}

#[test]
fn reads_do_not_go_back_when_writers_are_killed() {
    let store = Store::with(options());
    let mut own = Copied::new(&store.db);
    let mut other = Child::start("answer", &store.path());
    let mut known = 0;
    for _ in 0..20 {
        let writer = Child::start("add", &store.path());
        for round in 0..50 {
            let told: i64 = other.ask("read").parse().unwrap();
            assert!(told >= known, "round {round}: {known} were read, the other process answers {told}");
            known = own.count();
            assert!(known >= told, "round {round}: the other process read {told}, we answer {known}");
        }
        drop(writer);
    }
    own.write();
    assert!(own.count() > known, "the store goes on");
    // Whatever the last one left, it is healed, and copies are of use again.
    crate::generation::next_moment(&own.generation, None);
}
