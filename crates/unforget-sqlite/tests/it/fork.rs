//! A process that forks while it has a database open: the child inherits every connection and may use none.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use fork::{Fork, fork, waitpid};
use unforget_fs::Turnstile;
use unforget_sqlite::{Database, Error, Existing, Options, Pending, Result, Schema, Ticket, WriteTx};

use crate::child::{Child, played_on, ready, wait_for_parent};
use crate::store::{BusyWriter, PATIENCE, SCHEMA, insert, submit};

fn is_forked<T>(outcome: &Result<T>) -> bool {
    matches!(outcome, Err(Error::Forked))
}

/// Everything a handle can be asked for, tried in the child; the names of what was not refused.
fn not_refused(db: &Database, path: &Path) -> Vec<&'static str> {
    let aside = path.with_extension("aside");
    let refused = [
        ("write", is_forked(&db.write(|_| -> Result<()> { Ok(()) }))),
        ("submit", is_forked(&db.submit(0, |_| -> Result<()> { Ok(()) }))),
        ("read", is_forked(&db.read(|_| -> Result<()> { Ok(()) }))),
        ("migrate", is_forked(&db.migrate(&SCHEMA))),
        ("check", is_forked(&db.check()) && is_forked(&db.check_quick()) && is_forked(&db.check_full())),
        ("checkpoint", is_forked(&db.checkpoint_now())),
        ("vacuum", is_forked(&db.vacuum())),
        ("backup", is_forked(&db.backup(&aside, Existing::Refuse, |_| ControlFlow::Continue(())))),
        ("close", is_forked(&db.close())),
        ("open again", is_forked(&Database::open(path, Options::default()))),
        ("open another", is_forked(&Database::open(&aside, Options::default()))),
        ("restore", is_forked(&Database::restore(path, &aside))),
        ("open", !db.is_open()),
    ];
    refused.into_iter().filter(|(_, refused)| !refused).map(|(name, _)| name).collect()
}

/// What a child does with what it inherited, until it has let go of all of it.
fn as_a_child(db: Database, tickets: (BusyWriter, Ticket<i64, Error>), path: &Path) -> Vec<&'static str> {
    let mut wrong = not_refused(&db, path);
    let (busy, pending) = tickets;
    if !is_forked(&pending.wait()) {
        wrong.push("wait");
    }
    let began = Instant::now();
    drop((db, busy));
    if began.elapsed() > Duration::from_secs(5) {
        wrong.push("drop");
    }
    wrong
}

/// Ends a child, telling its parent by its status.
#[expect(clippy::print_stderr, reason = "the parent shows what its child says")]
fn end_child(wrong: &[&str]) -> ! {
    if !wrong.is_empty() {
        eprintln!("a forked child was not refused: {wrong:?}");
    }
    std::process::exit(i32::from(!wrong.is_empty()));
}

/// Role: forks while its writer is in the middle of a batch.
pub(crate) fn while_it_writes(path: &Path) {
    let db = Database::open(path, Options::default()).unwrap();
    db.migrate(&SCHEMA).unwrap();
    insert(&db, "before").unwrap();
    let busy = BusyWriter::hold(&db);
    let pending = submit(&db, "accepted before");
    let child = match fork().unwrap() {
        Fork::Parent(child) => child,
        Fork::Child => end_child(&as_a_child(db, (busy, pending), path)),
    };
    assert_eq!(waitpid(child).unwrap(), 0, "what the child inherited is refused");
    let mut other = Turnstile::open(path.parent().unwrap()).unwrap();
    assert!(other.try_enter().unwrap().is_none(), "the turn is still with the batch of the parent");
    busy.release();
    pending.wait().unwrap();
    insert(&db, "after").unwrap();
    assert!(db.check().unwrap().is_ok());
    ready();
    wait_for_parent();
}

/// Role: forks inside an operation, and the child returns from it as if nothing had happened.
pub(crate) fn inside_a_write(path: &Path) {
    let db = Database::open(path, Options::default()).unwrap();
    db.migrate(&SCHEMA).unwrap();
    insert(&db, "before").unwrap();
    let (parent, this, began) = (std::process::id(), std::thread::current().id(), Instant::now());
    loop {
        // A caller's own thread is the one that a child goes on with; the writer lends its seat when it is idle.
        let log = path.with_extension("db-wal");
        let forked = db.write(move |tx| -> Result<Option<i32>> {
            if std::thread::current().id() != this {
                return Ok(None);
            }
            tx.execute("INSERT INTO note(body) VALUES ('forked')", [])?;
            let before = std::fs::metadata(&log).unwrap().len();
            match fork().unwrap() {
                Fork::Parent(child) => {
                    let status = waitpid(child).unwrap();
                    let after = std::fs::metadata(&log).unwrap().len();
                    assert_eq!(before, after, "the child has committed what is its parent's to commit");
                    Ok(Some(status))
                }
                Fork::Child => Ok(Some(-1)),
            }
        });
        if std::process::id() != parent {
            end_child(if is_forked(&forked) { &[] } else { &["commit"] });
        }
        if let Some(status) = forked.unwrap() {
            assert_eq!(status, 0, "the child was told that it commits nothing");
            break;
        }
        assert!(began.elapsed() < PATIENCE, "the writer never lends its seat");
    }
    insert(&db, "after").unwrap();
    ready();
    wait_for_parent();
}

/// Role: forks inside a read, and the child returns from it as if nothing had happened, while other threads read.
pub(crate) fn inside_a_read(path: &Path) {
    let db = Database::open(path, Options::default().readers(1)).unwrap();
    db.migrate(&SCHEMA).unwrap();
    insert(&db, "before").unwrap();
    let parent = std::process::id();
    for _ in 0..2 {
        let forked = db.read(|tx| -> Result<i32> {
            tx.query_row("SELECT count(*) FROM note", [], |_| Ok(()))?;
            match fork().unwrap() {
                Fork::Parent(child) => Ok(waitpid(child).unwrap()),
                Fork::Child => Ok(-1),
            }
        });
        if std::process::id() != parent {
            let mut wrong = vec!["read"];
            wrong.retain(|_| !is_forked(&forked));
            end_child(&wrong);
        }
        assert_eq!(forked.unwrap(), 0, "the child was told that what it read with is its parent's");
    }
    insert(&db, "after").unwrap();
    ready();
    wait_for_parent();
}

/// What the end of a batch does that forks; a caller's own thread is the one that a child goes on with.
fn fork_at_the_end(_: &WriteTx<'_>, _: &[Pending]) -> Result<()> {
    if std::thread::current().name() == Some("unforget-writer") {
        return Err(Error::Cancelled);
    }
    let log = played_on().with_extension("db-wal");
    let before = std::fs::metadata(&log).unwrap().len();
    if let Fork::Parent(child) = fork().unwrap() {
        let status = waitpid(child).unwrap();
        let after = std::fs::metadata(&log).unwrap().len();
        assert_eq!((status, after), (0, before), "the child has committed what is its parent's to commit");
    }
    Ok(())
}

/// Role: forks at the end of a batch.
pub(crate) fn at_the_end_of_a_batch(path: &Path) {
    static ENDS: Schema = Schema::new(&["CREATE TABLE note(body TEXT)"]).batch_end(fork_at_the_end);
    let db = Database::open(path, Options::default()).unwrap();
    db.migrate(&ENDS).unwrap();
    let (parent, began) = (std::process::id(), Instant::now());
    loop {
        let forked = db.write(|tx| -> Result<()> {
            tx.execute("INSERT INTO note VALUES ('forked')", [])?;
            tx.pend(Pending::new("note", 1))
        });
        if std::process::id() != parent {
            end_child(if is_forked(&forked) { &[] } else { &["commit"] });
        }
        match forked {
            Err(Error::Cancelled) => assert!(began.elapsed() < PATIENCE, "the writer never lends its seat"),
            forked => break forked.unwrap(),
        }
    }
    ready();
    wait_for_parent();
}

/// Role: forks when it has closed everything; threads of the pool may still be about to end.
pub(crate) fn after_the_last_handle(path: &Path) {
    let db = Database::open(path, Options::default()).unwrap();
    db.migrate(&SCHEMA).unwrap();
    insert(&db, "before").unwrap();
    drop(db);
    let child = match fork().unwrap() {
        Fork::Parent(child) => child,
        Fork::Child => {
            let refused = is_forked(&Database::open(path, Options::default()));
            end_child(if refused { &[] } else { &["open"] });
        }
    };
    assert_eq!(waitpid(child).unwrap(), 0, "a child does not open what its parent had open");
    ready();
    wait_for_parent();
}

fn bodies_after(role: &str) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.db");
    let parent = Child::start(role, &path);
    let here = Database::open(&path, Options::default()).unwrap();
    let bodies = crate::store::bodies(&here);
    assert!(here.check().unwrap().is_ok());
    parent.finish();
    bodies
}

#[test]
fn a_forked_child_is_refused_everything_and_its_parent_loses_nothing() {
    assert_eq!(bodies_after("fork"), ["accepted before", "after", "before"]);
}

#[test]
fn an_operation_that_forks_is_committed_by_the_parent_alone() {
    assert_eq!(bodies_after("fork inside"), ["after", "before", "forked"]);
}

#[test]
fn a_child_forked_after_everything_was_closed_is_refused_too() {
    assert_eq!(bodies_after("fork after"), ["before"]);
}

#[test]
fn a_read_that_forks_goes_on_in_the_parent_alone() {
    assert_eq!(bodies_after("fork in a read"), ["after", "before"]);
}

#[test]
fn the_end_of_a_batch_that_forks_is_committed_by_the_parent_alone() {
    assert_eq!(bodies_after("fork at the end"), ["forked"]);
}
