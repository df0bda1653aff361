//! Who has the turn is named to everybody, and by the page alone.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use unforget_sqlite::rusqlite::Connection;
use unforget_sqlite::{Blocker, Database, Error, Options, Result, TurnHolder};

use crate::child::{self, Child};
use crate::store::{BusyWriter, PATIENCE, Store, insert};

const SHORT: Duration = Duration::from_millis(300);

fn impatient() -> Options {
    Options::default().deadline(SHORT)
}

/// Role: has the turn until the parent says something.
pub(crate) fn have_the_turn(file: &Path) {
    let db = Database::open(file, Options::default()).unwrap();
    let wrote = db.write(|_| -> Result<()> {
        child::ready();
        child::wait_for_parent();
        Ok(())
    });
    wrote.unwrap();
    child::say("done");
    child::wait_for_parent();
}

/// Role: waits for the turn, which somebody else has.
pub(crate) fn stand_in_line(file: &Path) {
    let db = Database::open(file, Options::default()).unwrap();
    child::ready();
    child::wait_for_parent();
    db.write(|_| -> Result<()> { Ok(()) }).unwrap();
    child::say("done");
    child::wait_for_parent();
}

/// The numbers in the page for who has the turn and who is next.
fn recorded(directory: &Path) -> [u64; 2] {
    let page = std::fs::read(directory.join("generation")).unwrap_or_default();
    [16, 24].map(|at| page.get(at..at + 8).map_or(0, |word| u64::from_ne_bytes(word.try_into().unwrap())))
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < PATIENCE, "{what} did not happen");
        std::thread::yield_now();
    }
}

fn stop(process: u32) {
    signal("-STOP", process);
    let stat = format!("/proc/{process}/stat");
    wait_until("the stop", || std::fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") T ")));
}

fn signal(name: &str, process: u32) {
    assert!(Command::new("kill").args([name, &process.to_string()]).status().unwrap().success());
}

/// Whom a write or an opening that came too late was told of.
fn named<T>(outcome: &Result<T>) -> TurnHolder {
    let holder = match outcome {
        Err(Error::Busy { blocker: Some(Blocker::Process(holder)), .. }) => Some(*holder),
        _ => None,
    };
    holder.unwrap()
}

#[test]
fn a_stopped_process_that_has_the_turn_is_named_and_a_killed_one_not_for_ever() {
    let store = Store::with(impatient());
    let holder = Child::start("have the turn", &store.path());
    let running = named(&insert(&store.db, "late"));
    assert_eq!((running.pid, running.waits), (holder.id(), false));
    stop(holder.id());
    assert_eq!(named(&insert(&store.db, "late")), running, "it is the same turn");
    drop(holder);
    insert(&store.db, "next").unwrap();
    assert_eq!(recorded(store.directory.path()), [0, 0], "who came next took the killed one's record away");
}

#[test]
fn a_process_that_was_stopped_while_next_in_line_is_named() {
    let store = Store::with(impatient());
    let mut next = Child::start("stand in line", &store.path());
    let busy = BusyWriter::hold(&store.db);
    next.tell("go");
    wait_until("somebody in the line", || recorded(store.directory.path())[1] != 0);
    stop(next.id());
    busy.release();
    let named = named(&insert(&store.db, "late"));
    assert_eq!(
        (named.pid, named.waits),
        (next.id(), true),
        "nobody has the turn, and it keeps it from others"
    );
    signal("-CONT", next.id());
    assert_eq!(next.hear(), "done");
    insert(&store.db, "next").unwrap();
    assert_eq!(recorded(store.directory.path()), [0, 0], "nobody waits or has the turn any more");
    next.finish();
}

#[test]
fn who_has_the_turn_to_open_a_database_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let foreign = Connection::open(&path).unwrap();
    foreign.execute_batch("CREATE TABLE t(n); BEGIN EXCLUSIVE").unwrap();
    std::thread::scope(|scope| {
        let opening = scope.spawn(|| Database::open(&path, Options::default()));
        wait_until("the opening", || recorded(directory.path())[0] != 0);
        let other = Database::open(directory.path().join("b.db"), impatient());
        assert_eq!(named(&other).pid, std::process::id());
        foreign.execute_batch("COMMIT").unwrap();
        opening.join().unwrap().unwrap();
    });
}

#[test]
fn a_turn_changes_no_file_of_its_own() {
    let store = Store::with(impatient());
    let busy = BusyWriter::hold(&store.db);
    assert_ne!(recorded(store.directory.path())[0], 0, "the page tells of the turn");
    assert!(matches!(
        Database::open(store.directory.path().join("b.db"), impatient()),
        Err(Error::Busy { .. })
    ));
    busy.release();
    for file in ["turn.lock", "turn.queue"] {
        let length = std::fs::metadata(store.directory.path().join(file)).unwrap().len();
        assert_eq!(length, 0, "the sync of a commit would have to wait for {file}");
    }
}
