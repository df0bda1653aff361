//! Other programs on the file: one that keeps it locked, one that keeps reading.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use unforget::unforget_sqlite::rusqlite::Connection;
use unforget::unforget_sqlite::{Blocker, Error, Options, Result};

use super::{found, notes, open, write};
use crate::child::{Child, say, wait_for_parent};

const DEADLINE: Duration = Duration::from_millis(500);

/// Role: a program that takes no turns keeps the file locked until it is told to go on.
pub(crate) fn lock(directory: &Path) {
    let conn = Connection::open(directory.join("notes.db")).expect("it opens");
    conn.execute_batch("BEGIN IMMEDIATE; INSERT INTO note VALUES (1000, 'foreign')")
        .expect("nobody else writes");
    say("locked");
    wait_for_parent();
    conn.execute_batch("COMMIT").expect("it has the lock");
    say("unlocked");
}

#[test]
fn a_foreign_process_that_keeps_the_file_locked_costs_its_deadline_and_nothing_else() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = Options::default().deadline(DEADLINE).busy_timeout(Duration::from_millis(20));
    let db = open(directory.path(), options).expect("it opens");
    write(&db, 1).expect("nobody is in the way");
    let mut foreign = Child::start("lock", directory.path());
    assert_eq!(foreign.hear().as_deref(), Some("locked"));
    for n in 2..4 {
        let since = Instant::now();
        match write(&db, n) {
            Err(Error::Busy { waited, blocker: Some(Blocker::Foreign), .. }) => assert!(waited >= DEADLINE),
            other => panic!("{other:?}"),
        }
        assert!(since.elapsed() < DEADLINE * 20, "the deadline is kept");
        assert_eq!(notes(&db).expect("readers do not wait"), [1]);
    }
    foreign.wake();
    assert_eq!(foreign.hear().as_deref(), Some("unlocked"));
    foreign.finish();
    write(&db, 4).expect("the file is free");
    assert_eq!(notes(&db).expect("it can be read"), [1, 4, 1_000], "what was given up was not done later");
}

/// The command of the SQLite project, where it is installed, as a person would use it beside a program.
#[test]
fn the_sqlite3_command_that_keeps_the_file_locked_costs_its_deadline_and_nothing_else() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = Options::default().deadline(DEADLINE).busy_timeout(Duration::from_millis(20));
    let db = open(directory.path(), options).expect("it opens");
    write(&db, 1).expect("nobody is in the way");
    let spawned = Command::new("sqlite3")
        .arg(directory.path().join("notes.db"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut sqlite3) = spawned else {
        println!("skipped, there is no sqlite3 command here");
        return;
    };
    let mut input = sqlite3.stdin.take().expect("it is piped");
    let mut answers = BufReader::new(sqlite3.stdout.take().expect("it is piped")).lines();
    writeln!(input, "BEGIN IMMEDIATE; INSERT INTO note VALUES (7, 'by hand'); SELECT 'locked';")
        .expect("it listens");
    assert_eq!(answers.next().and_then(std::io::Result::ok).as_deref(), Some("locked"));
    let since = Instant::now();
    match write(&db, 2) {
        Err(Error::Busy { waited, blocker: Some(Blocker::Foreign), .. }) => assert!(waited >= DEADLINE),
        other => panic!("{other:?}"),
    }
    assert!(since.elapsed() < DEADLINE * 20, "the deadline is kept");
    assert_eq!(notes(&db).expect("readers do not wait"), [1]);
    writeln!(input, "COMMIT;").expect("it listens");
    drop(input);
    assert!(sqlite3.wait().expect("it ends").success());
    write(&db, 3).expect("the file is free");
    assert_eq!(notes(&db).expect("it can be read"), [1, 3, 7], "what was given up was not done later");
}

#[test]
fn a_foreign_process_that_dies_with_the_lock_is_in_nobodys_way() {
    let directory = tempfile::tempdir().expect("a directory");
    let db = open(directory.path(), Options::default()).expect("it opens");
    let foreign = Child::start("lock", directory.path());
    assert_eq!(foreign.hear().as_deref(), Some("locked"));
    foreign.kill();
    write(&db, 1).expect("its lock died with it");
    assert_eq!(notes(&db).expect("it can be read"), [1], "and so did its transaction");
}

#[test]
fn a_reader_for_the_whole_run_keeps_its_snapshot_and_only_the_log_grows() {
    const WRITES: u64 = 1_500;
    let directory = tempfile::tempdir().expect("a directory");
    let db = open(directory.path(), Options::default()).expect("it opens");
    write(&db, 0).expect("it is written");
    let path = directory.path().join("notes.db");
    let log = || fs::metadata(path.with_extension("db-wal")).expect("there is a log").len();
    db.read(|tx| -> Result<()> {
        let count = || tx.query_row("SELECT count(*) FROM note", [], |row| row.get::<_, u64>(0));
        let tickets: Result<Vec<_>> = (1..=WRITES)
            .map(|n| {
                db.submit(0, move |tx| -> Result<usize> {
                    Ok(tx.execute("INSERT INTO note VALUES (?1, hex(randomblob(2000)))", [n])?)
                })
            })
            .collect();
        for (at, ticket) in tickets?.into_iter().enumerate() {
            ticket.wait()?;
            if at % 300 == 0 {
                assert_eq!(count()?, 1, "the snapshot moved");
            }
        }
        assert!(log() > 4_000 * WRITES, "nothing behind the snapshot was moved out of the log: {}", log());
        Ok(())
    })
    .expect("it can be read");
    db.close().expect("nobody is in the way");
    assert!(
        !path.with_extension("db-wal").exists() || log() == 0,
        "the log is folded once the reader is gone"
    );
    let (sound, notes) = found(&path);
    assert_eq!((sound.as_str(), notes.len() as u64), ("ok", WRITES + 1));
}
