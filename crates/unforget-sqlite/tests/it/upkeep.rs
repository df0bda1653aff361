//! Looking whether all is well, making it smaller, telling figures, and ending in time.

use std::time::{Duration, Instant};

use unforget_sqlite::{Blocker, Error, Result};

use crate::store::{BusyWriter, Store, bodies, insert, submit};

#[test]
fn a_vacuum_gives_space_back_while_others_use_the_database() {
    let store = Store::new();
    store
        .db
        .write(|tx| -> Result<()> {
            for _ in 0..500 {
                tx.execute("INSERT INTO note(body) VALUES (hex(randomblob(2000)))", [])?;
            }
            Ok(())
        })
        .unwrap();
    insert(&store.db, "kept").unwrap();
    store.db.checkpoint_now().unwrap();
    let before = std::fs::metadata(store.path()).unwrap().len();
    store
        .db
        .write(|tx| -> Result<usize> { Ok(tx.execute("DELETE FROM note WHERE body <> 'kept'", [])?) })
        .unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| (0..20).all(|n| insert(&store.db, &format!("meanwhile {n}")).is_ok()));
        store.db.vacuum().unwrap();
    });
    store.db.checkpoint_now().unwrap();
    let after = std::fs::metadata(store.path()).unwrap().len();
    assert!(after * 2 < before, "{before} bytes became {after}");
    assert_eq!(store.bodies().len(), 21);
    assert!(store.db.check().unwrap().is_ok());
}

#[test]
fn a_sound_file_passes_every_check() {
    let store = Store::new();
    store
        .db
        .write(|tx| -> Result<usize> { Ok(tx.execute("INSERT INTO note_fts VALUES ('the ferry')", [])?) })
        .unwrap();
    for check in [store.db.check_quick(), store.db.check(), store.db.check_full()] {
        assert_eq!(check.unwrap().faults, [""; 0]);
    }
}

#[test]
fn a_full_text_index_that_lost_a_text_is_found_by_the_full_check() {
    let store = Store::new();
    store
        .db
        .write(|tx| -> Result<()> {
            tx.execute_batch(
                "CREATE VIRTUAL TABLE \"a \"\" name\" USING fts5(body, content = 'note', content_rowid = 'id');
                INSERT INTO note(body) VALUES ('the glider');
                INSERT INTO \"a \"\" name\"(rowid, body) SELECT id, body FROM note;",
            )?;
            Ok(())
        })
        .unwrap();
    assert!(store.db.check_full().unwrap().is_ok());
    insert(&store.db, "not indexed").unwrap();
    assert!(store.db.check().unwrap().is_ok(), "the index is sound in itself");
    let check = store.db.check_full().unwrap();
    assert_eq!(check.faults, ["the full-text index a \" name does not agree with its text"]);
    insert(&store.db, "the writer goes on").unwrap();
}

#[test]
fn closing_ends_at_its_own_deadline_and_returns_what_was_not_started() {
    let store = Store::new();
    let busy = BusyWriter::hold(&store.db);
    let waiting = submit(&store.db, "never started");
    let began = Instant::now();
    let outcome = store.db.close_within(Duration::from_millis(100));
    assert!(began.elapsed() < Duration::from_secs(5), "not the ten seconds of the options");
    match outcome {
        Err(Error::Busy { blocker: Some(Blocker::Process(holder)), .. }) => {
            assert_eq!(holder.pid, std::process::id(), "the turn is with the operation that runs");
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(waiting.wait(), Err(Error::Closed)), "it has been told");
    busy.release();
}

#[test]
fn closing_in_time_keeps_everything() {
    let store = Store::new();
    let tickets: Vec<_> = (0..50).map(|n| submit(&store.db, &format!("note {n}"))).collect();
    store.db.close_within(Duration::from_secs(20)).unwrap();
    assert!(tickets.into_iter().all(|ticket| ticket.wait().is_ok()));
    let again = unforget_sqlite::Database::open(store.path(), unforget_sqlite::Options::default()).unwrap();
    assert_eq!(bodies(&again).len(), 50);
}

#[cfg(feature = "serde")]
#[test]
fn figures_can_be_written_as_data() {
    let store = Store::new();
    insert(&store.db, "note").unwrap();
    let inside = store.db.read(|_| -> Result<_> { Ok(store.db.stats()) }).unwrap();
    let data = serde_json::to_value(&inside).unwrap();
    assert_eq!(data["operations"], 1);
    assert!(data["wal"]["bytes"].as_u64().unwrap() > 0);
    assert!(data["reads"][0]["place"].as_str().unwrap().contains("upkeep.rs"));
}
