//! A queue of jobs with a schema of its own, worked off by four threads: `jobs [FILE]`, in memory without a file.
//!
//! Started several times at once on one file, the processes share the work.

use std::thread;
use std::time::Instant;

use unforget_sqlite::rusqlite::{OptionalExtension, params};
use unforget_sqlite::{Database, Options, Result, Schema};

static SCHEMA: Schema = Schema::new(&[
    "CREATE TABLE job(id INTEGER PRIMARY KEY, payload TEXT NOT NULL, done_by TEXT) STRICT",
    "CREATE INDEX job_open ON job(id) WHERE done_by IS NULL",
]);

/// Queues jobs without waiting for each: those that wait at the same time are committed together.
fn queue(db: &Database, jobs: u32) -> Result<()> {
    let tickets: Result<Vec<_>> = (0..jobs)
        .map(|n| {
            let payload = format!("job {n}");
            db.submit(payload.len(), move |tx| -> Result<usize> {
                Ok(tx.execute("INSERT INTO job(payload) VALUES (?1)", [&payload])?)
            })
        })
        .collect();
    tickets?.into_iter().try_for_each(|ticket| ticket.wait().map(drop))
}

/// Takes one job: looking for it and marking it are one transaction, so nobody else takes it too.
fn take(db: &Database, worker: &str) -> Result<Option<String>> {
    let worker = worker.to_owned();
    db.write(move |tx| {
        let next = "SELECT id, payload FROM job WHERE done_by IS NULL ORDER BY id LIMIT 1";
        let job = tx.query_row(next, [], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?))).optional()?;
        let Some((id, payload)) = job else { return Ok(None) };
        tx.execute("UPDATE job SET done_by = ?1 WHERE id = ?2", params![worker, id])?;
        Ok(Some(payload))
    })
}

fn work(db: &Database, worker: &str) -> Result<u32> {
    let mut done = 0;
    while take(db, worker)?.is_some() {
        done += 1;
    }
    Ok(done)
}

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn main() -> Result<()> {
    let db = match std::env::args_os().nth(1) {
        Some(file) => Database::open(file, Options::default())?,
        None => Database::in_memory(Options::default())?,
    };
    db.migrate(&SCHEMA)?;
    let started = Instant::now();
    queue(&db, 1_000)?;
    println!("1000 jobs queued in {:.0?} and {} commits", started.elapsed(), db.stats().commits);
    let done: Result<Vec<u32>> = thread::scope(|scope| {
        let workers: Vec<_> = (1..=4)
            .map(|n| {
                let db = &db;
                scope.spawn(move || work(db, &format!("process {} thread {n}", std::process::id())))
            })
            .collect();
        workers.into_iter().filter_map(|worker| worker.join().ok()).collect()
    });
    println!("done by each thread: {:?}", done?);
    let open: i64 = db.read(|tx| -> Result<_> {
        Ok(tx.query_row("SELECT count(*) FROM job WHERE done_by IS NULL", [], |row| row.get(0))?)
    })?;
    println!("{open} jobs are left");
    db.close()
}
