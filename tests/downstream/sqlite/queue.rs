//! A queue of jobs in a database with a schema of its own: several threads take jobs, and each is done once.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::thread;

use unforget_sqlite::rusqlite::{OptionalExtension, params};
use unforget_sqlite::{Database, Error, Existing, Options, Result, Schema};

/// The first release of the program, and the second, which added priorities.
static FIRST: Schema = Schema::new(&[JOBS]);
static SECOND: Schema = Schema::new(&[JOBS, PRIORITIES]);

const JOBS: &str =
    "CREATE TABLE job(id INTEGER PRIMARY KEY, what TEXT NOT NULL UNIQUE, worker INTEGER) STRICT";
const PRIORITIES: &str = "ALTER TABLE job ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX job_open ON job(priority DESC, id) WHERE worker IS NULL";

/// Takes the most urgent job that nobody has, in one transaction.
fn take(db: &Database, worker: i64) -> Result<Option<String>> {
    db.write(move |tx| {
        let next = "SELECT id, what FROM job WHERE worker IS NULL ORDER BY priority DESC, id LIMIT 1";
        let job: Option<(i64, String)> =
            tx.query_row(next, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        if let Some((id, _)) = &job {
            tx.execute("UPDATE job SET worker = ?1 WHERE id = ?2", params![worker, id])?;
        }
        Ok(job.map(|(_, what)| what))
    })
}

fn count(db: &Database, sql: &'static str) -> Result<i64> {
    db.read(|tx| Ok(tx.query_row(sql, [], |row| row.get(0))?))
}

fn work(db: &Database) -> Vec<String> {
    thread::scope(|scope| {
        let workers: Vec<_> = (1..5)
            .map(|worker| {
                scope
                    .spawn(move || std::iter::from_fn(|| take(db, worker).ok().flatten()).collect::<Vec<_>>())
            })
            .collect();
        workers.into_iter().filter_map(|worker| worker.join().ok()).flatten().collect()
    })
}

#[test]
fn every_job_is_done_once_also_after_an_upgrade() -> Result<()> {
    let db = Database::in_memory(Options::default())?;
    db.migrate(&FIRST)?;
    let tickets: Result<Vec<_>> = (0..100)
        .map(|n| {
            db.submit(0, move |tx| -> Result<usize> {
                Ok(tx.execute("INSERT INTO job(what) VALUES (?1)", [format!("job {n}")])?)
            })
        })
        .collect();
    tickets?.into_iter().try_for_each(|ticket| ticket.wait().map(drop))?;
    let twice =
        db.write(|tx| -> Result<usize> { Ok(tx.execute("INSERT INTO job(what) VALUES ('job 1')", [])?) });
    assert!(matches!(twice, Err(Error::Sql { .. })), "a job is queued once: {twice:?}");

    db.migrate(&SECOND)?;
    db.write(|tx| -> Result<usize> {
        Ok(tx.execute("UPDATE job SET priority = 1 WHERE what = 'job 99'", [])?)
    })?;
    assert_eq!(take(&db, 0)?.as_deref(), Some("job 99"), "the most urgent one first");

    let mut done = work(&db);
    done.sort();
    done.dedup();
    assert_eq!(done.len(), 99, "each job went to one worker");
    assert_eq!(count(&db, "SELECT count(*) FROM job WHERE worker IS NULL")?, 0);

    let copy = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("jobs-{}.db", std::process::id()));
    db.backup(&copy, Existing::Replace, |_| ControlFlow::Continue(()))?;
    let kept = Database::open(&copy, Options::default())?;
    assert!(matches!(kept.migrate(&FIRST), Err(Error::NewerSchema { .. })), "the first release steps back");
    assert_eq!(count(&kept, "SELECT count(*) FROM job")?, 100);
    Ok(())
}
