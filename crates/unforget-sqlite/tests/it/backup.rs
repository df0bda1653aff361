//! Copies of a database in use, and putting one back.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use unforget_sqlite::rusqlite::Connection;
use unforget_sqlite::{Database, Error, Existing, Options, Progress, Result};

use crate::child::Child;
use crate::store::{Store, bodies, insert};

fn go_on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Enough for several steps of a backup: about 2 MB.
fn fill(db: &Database) {
    db.write(|tx| -> Result<()> {
        for n in 0..1_000 {
            tx.execute("INSERT INTO note(body) VALUES ('filler ' || ?1 || hex(randomblob(1000)))", [n])?;
        }
        Ok(())
    })
    .unwrap();
}

fn names(directory: &Path) -> Vec<String> {
    let names =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

fn notes(file: &Path) -> Vec<(i64, String)> {
    let conn = Connection::open(file).unwrap();
    let mut statement = conn.prepare("SELECT id, body FROM note ORDER BY id").unwrap();
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(|row| row.unwrap()).collect()
}

#[test]
fn a_backup_under_four_writers_is_a_prefix_of_what_was_committed() {
    let store = Store::new();
    fill(&store.db);
    let acknowledged: [AtomicU64; 4] = std::array::from_fn(|_| AtomicU64::new(0));
    let (over, copy) = (AtomicBool::new(false), store.directory.path().join("copy.db"));
    let sum = || acknowledged.iter().map(|count| count.load(Ordering::SeqCst)).sum::<u64>();
    let before = std::thread::scope(|scope| {
        for (thread, count) in acknowledged.iter().enumerate() {
            let (db, over) = (&store.db, &over);
            scope.spawn(move || {
                for n in 1.. {
                    insert(db, &format!("{thread} {n}")).unwrap();
                    count.store(n, Ordering::SeqCst);
                    if over.load(Ordering::SeqCst) {
                        break;
                    }
                }
            });
        }
        let written = |target| {
            while sum() < target {
                std::thread::yield_now();
            }
        };
        written(20);
        let before: Vec<u64> = acknowledged.iter().map(|count| count.load(Ordering::SeqCst)).collect();
        let copied = store.db.backup(&copy, Existing::Refuse, |_| {
            // Every writer goes on while the copy is half made.
            written(sum() + 8);
            ControlFlow::Continue(())
        });
        over.store(true, Ordering::SeqCst);
        copied.unwrap();
        before
    });
    let notes = notes(&copy);
    assert!(notes.iter().zip(1..).all(|(note, id)| note.0 == id), "commits are in order: none is skipped");
    for (thread, before) in before.into_iter().enumerate() {
        let own = format!("{thread} ");
        let copied = notes.iter().filter_map(|(_, body)| body.strip_prefix(&own)).map(|n| n.parse().unwrap());
        let copied: Vec<u64> = copied.collect();
        assert!(copied.iter().copied().eq(1..=copied.len() as u64), "of one writer, a prefix");
        assert!(copied.len() as u64 >= before, "what was acknowledged before is in it");
        let after = acknowledged[thread].load(Ordering::SeqCst);
        assert!((copied.len() as u64) < after, "and the writers were not kept from going on");
    }
}

#[test]
fn a_backup_does_not_begin_again_when_somebody_writes() {
    let store = Store::new();
    fill(&store.db);
    let (mut steps, mut last) = (0, 0);
    let copied = store.db.backup(store.directory.path().join("copy.db"), Existing::Refuse, |progress| {
        assert!(progress.copied > last, "step {steps} went back from {last} to {progress:?}");
        (steps, last) = (steps + 1, progress.copied);
        insert(&store.db, &format!("meanwhile {steps}")).unwrap();
        ControlFlow::Continue(())
    });
    copied.unwrap();
    assert!(steps > 2, "the file is larger than a step");
}

#[test]
fn a_backup_that_is_cancelled_leaves_nothing() {
    let store = Store::new();
    fill(&store.db);
    let target = tempfile::tempdir().unwrap();
    let mut calls = 0;
    let outcome = store.db.backup(target.path().join("copy.db"), Existing::Refuse, |progress| {
        calls += 1;
        assert!(!names(target.path()).iter().any(|name| name == "copy.db"), "nobody sees half a copy");
        if progress.copied > 200 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(matches!(outcome, Err(Error::Cancelled)) && calls == 2, "{outcome:?} after {calls} calls");
    assert!(names(target.path()).is_empty(), "{:?}", names(target.path()));
}

#[test]
fn a_backup_is_one_private_file_and_replaces_another_only_when_asked() {
    let store = Store::new();
    let target = tempfile::tempdir().unwrap();
    let copy = target.path().join("copy.db");
    insert(&store.db, "first").unwrap();
    store.db.backup(&copy, Existing::Refuse, go_on).unwrap();
    assert_eq!(names(target.path()), ["copy.db"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o077, 0, "for its owner only");
    }
    insert(&store.db, "second").unwrap();
    let outcome = store.db.backup(&copy, Existing::Refuse, go_on);
    assert!(matches!(outcome, Err(Error::Exists { .. })), "{outcome:?}");
    assert_eq!(notes(&copy).len(), 1, "the older backup is as it was");
    store.db.backup(&copy, Existing::Replace, go_on).unwrap();
    assert_eq!(notes(&copy).len(), 2);
    let outcome = store.db.backup(store.path(), Existing::Replace, go_on);
    assert!(matches!(outcome, Err(Error::InUse { .. })), "a backup over the database itself: {outcome:?}");
}

#[test]
fn a_file_beside_a_database_is_not_replaced_by_a_backup() {
    let store = Store::new();
    insert(&store.db, "only in the log").unwrap();
    let path = |name: &str| store.directory.path().join(name);
    let good = path("good.db");
    store.db.backup(&good, Existing::Refuse, go_on).unwrap();
    for name in ["notes.db-wal", "notes.db-shm", "notes.db-journal", "turn.lock", "turn.queue", "generation"]
    {
        let outcome = store.db.backup(path(name), Existing::Replace, go_on);
        assert!(matches!(outcome, Err(Error::Io { .. })), "{name}: {outcome:?}");
        let outcome = Database::restore(&good, path(name));
        assert!(matches!(outcome, Err(Error::Io { .. })), "{name}: {outcome:?}");
    }
    insert(&store.db, "goes on").unwrap();
    assert_eq!(notes(&store.path()).len(), 2, "what was only in the log is there");
}

#[cfg(unix)]
#[test]
fn a_backup_over_another_name_of_the_database_is_refused() {
    let store = Store::new();
    insert(&store.db, "kept").unwrap();
    let target = store.directory.path().join("other name.db");
    let refused = |how: &str| {
        let outcome = store.db.backup(&target, Existing::Replace, go_on);
        assert!(matches!(outcome, Err(Error::Files(_))), "{how}: {outcome:?}");
        let outcome = Database::restore(store.path(), &target);
        assert!(matches!(outcome, Err(Error::Files(_))), "{how}: {outcome:?}");
        fs::remove_file(&target).unwrap();
    };
    std::os::unix::fs::symlink(store.path(), &target).unwrap();
    refused("a symbolic link");
    fs::hard_link(store.path(), &target).unwrap();
    refused("a hard link");
    assert_eq!(store.bodies(), ["kept"]);
}

#[test]
fn a_callback_that_panics_leaves_nothing_and_ends_nothing() {
    let store = Store::with(Options::default().readers(1));
    fill(&store.db);
    let target = tempfile::tempdir().unwrap();
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        store.db.backup(target.path().join("copy.db"), Existing::Refuse, |_| {
            std::panic::resume_unwind(Box::new("on purpose"))
        })
    }));
    assert!(outcome.is_err(), "the panic is the caller's own");
    assert!(names(target.path()).is_empty(), "{:?}", names(target.path()));
    insert(&store.db, "the writer goes on").unwrap();
    assert_eq!(store.bodies().len(), 1_001, "and the only connection for reading was given back");
    store.db.backup(target.path().join("copy.db"), Existing::Refuse, go_on).unwrap();
}

#[test]
fn a_restore_and_many_opens_at_once_end_with_the_old_or_the_new_database() {
    let store = Store::new();
    insert(&store.db, "backed up").unwrap();
    let target = tempfile::tempdir().unwrap();
    let (copy, live) = (store.directory.path().join("copy.db"), target.path().join("live.db"));
    store.db.backup(&copy, Existing::Refuse, go_on).unwrap();
    for round in 0..10 {
        let wrote = std::thread::scope(|scope| {
            let restoring = scope.spawn(|| Database::restore(&copy, &live));
            let opening: Vec<_> = (0..3)
                .map(|thread| {
                    let live = &live;
                    scope.spawn(move || {
                        let db = Database::open(live, Options::default())?;
                        db.migrate(&crate::store::SCHEMA)?;
                        insert(&db, &format!("{round} {thread}")).map(|_| format!("{round} {thread}"))
                    })
                })
                .collect();
            let restored = restoring.join().unwrap();
            assert!(matches!(restored, Ok(()) | Err(Error::InUse { .. })), "{restored:?}");
            let wrote: Vec<_> = opening.into_iter().map(|thread| thread.join().unwrap()).collect();
            (restored.is_ok(), wrote)
        });
        let (restored, wrote) = wrote;
        let db = Database::open(&live, Options::default()).unwrap();
        db.migrate(&crate::store::SCHEMA).unwrap();
        assert!(db.check().unwrap().is_ok(), "one database, whole");
        let bodies = bodies(&db);
        if !restored {
            assert!(
                wrote.iter().flatten().all(|body| bodies.contains(body)),
                "nothing was replaced: {bodies:?}"
            );
        }
    }
}

#[test]
fn a_file_that_took_the_name_meanwhile_is_kept() {
    let store = Store::new();
    let copy = store.directory.path().join("copy.db");
    let outcome = store.db.backup(&copy, Existing::Refuse, |_| {
        fs::write(&copy, "mine").unwrap();
        ControlFlow::Continue(())
    });
    assert!(matches!(outcome, Err(Error::Exists { .. })), "{outcome:?}");
    assert_eq!(fs::read_to_string(&copy).unwrap(), "mine");
}

/// Overwrites two pages in the middle of a database that nobody has open.
fn damage(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 8192 * 4096;
    bytes[middle..middle + 8192].fill(0xA5);
    fs::write(file, &bytes).unwrap();
}

#[test]
fn a_damaged_database_is_neither_backed_up_nor_restored() {
    let store = Store::new();
    fill(&store.db);
    store.db.close().unwrap();
    let Store { directory, db } = store;
    drop(db);
    let (path, copy) = (directory.path().join("notes.db"), directory.path().join("copy.db"));
    damage(&path);
    let db = Database::open(&path, Options::default()).unwrap();
    let outcome = db.backup(&copy, Existing::Refuse, go_on);
    assert!(matches!(outcome, Err(Error::Unsound { .. } | Error::Corrupt { .. })), "{outcome:?}");
    assert!(!copy.exists(), "a copy that is damaged gets no name");
    let good = Store::new();
    insert(&good.db, "good").unwrap();
    let Store { directory: elsewhere, db: good } = good;
    drop(good);
    let outcome = Database::restore(&path, elsewhere.path().join("notes.db"));
    assert!(matches!(outcome, Err(Error::Unsound { .. } | Error::Corrupt { .. })), "{outcome:?}");
    let good = Database::open(elsewhere.path().join("notes.db"), Options::default()).unwrap();
    assert_eq!(bodies(&good), ["good"], "what was there is there");
}

#[test]
fn what_is_no_backup_is_not_restored() {
    let directory = tempfile::tempdir().unwrap();
    let (from, to) = (directory.path().join("from"), directory.path().join("to"));
    assert!(matches!(Database::restore(&from, &to), Err(Error::NotAccessible { .. })), "nothing is there");
    fs::write(&from, "").unwrap();
    assert!(matches!(Database::restore(&from, &to), Err(Error::Unsound { .. })), "an empty file");
    fs::write(&from, "Dear reader, ".repeat(1_000)).unwrap();
    assert!(matches!(Database::restore(&from, &to), Err(Error::NotADatabase { .. })), "a letter");
    assert!(!to.exists());
}

#[test]
fn a_database_in_use_is_not_restored_over_and_its_users_are_named() {
    let store = Store::new();
    insert(&store.db, "backed up").unwrap();
    let target = tempfile::tempdir().unwrap();
    let (copy, live) = (store.directory.path().join("copy.db"), target.path().join("live.db"));
    store.db.backup(&copy, Existing::Refuse, go_on).unwrap();
    let child = Child::start("hold", &live);
    match Database::restore(&copy, &live) {
        Err(error @ Error::InUse { .. }) => {
            let (message, pid) = (error.to_string(), child.id().to_string());
            assert!(message.contains("live.db"), "{message}");
            assert!(!cfg!(target_os = "linux") || message.contains(&pid), "{message} names {pid}");
        }
        other => panic!("another process has it open: {other:?}"),
    }
    child.finish();
    let here = Database::open(&live, Options::default()).unwrap();
    assert_eq!(bodies(&here), ["by the child"], "it is as it was");
    assert!(matches!(Database::restore(&copy, &live), Err(Error::InUse { .. })), "this process has it open");
    insert(&here, "goes on").unwrap();
    drop(here);
    Database::restore(&copy, &live).unwrap();
    let here = Database::open(&live, Options::default()).unwrap();
    assert_eq!(bodies(&here), ["backed up"]);
    insert(&here, "writable").unwrap();
}

#[test]
fn a_restore_inside_a_write_is_refused() {
    let store = Store::new();
    let copy = store.directory.path().join("copy.db");
    store.db.backup(&copy, Existing::Refuse, go_on).unwrap();
    let to = store.directory.path().join("other.db");
    let outcome = store.db.write(move |_| Database::restore(&copy, &to));
    assert!(matches!(outcome, Err(Error::Reentrant)), "{outcome:?}");
}

#[test]
fn the_log_of_a_killed_process_is_not_applied_to_what_is_restored() {
    let store = Store::new();
    insert(&store.db, "backed up").unwrap();
    let target = tempfile::tempdir().unwrap();
    let (copy, old) = (store.directory.path().join("copy.db"), target.path().join("old.db"));
    store.db.backup(&copy, Existing::Refuse, go_on).unwrap();
    drop(Child::start("hold", &old));
    let log = target.path().join("old.db-wal");
    assert!(fs::metadata(&log).unwrap().len() > 0, "what it wrote is in its log");
    Database::restore(&copy, &old).unwrap();
    let restored = Database::open(&old, Options::default()).unwrap();
    assert_eq!(bodies(&restored), ["backed up"]);
    assert!(restored.check().unwrap().is_ok());
}

#[test]
fn a_log_that_was_left_behind_is_not_applied_to_what_is_restored() {
    let store = Store::new();
    insert(&store.db, "backed up").unwrap();
    let target = tempfile::tempdir().unwrap();
    let (copy, old) = (store.directory.path().join("copy.db"), target.path().join("old.db"));
    store.db.backup(&copy, Existing::Refuse, go_on).unwrap();
    // Somebody removed a database and not its log, which holds a later page of the same table.
    let conn = Connection::open(store.path()).unwrap();
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    conn.execute("UPDATE note SET body = 'from the old log'", []).unwrap();
    fs::copy(store.directory.path().join("notes.db-wal"), target.path().join("old.db-wal")).unwrap();
    Database::restore(&copy, &old).unwrap();
    assert_eq!(notes(&old), [(1, "backed up".to_owned())]);
}
