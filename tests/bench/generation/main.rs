//! `cargo bench -p unforget-bench --bench generation`: asking whether a copy is up to date. `-- --smoke` is quick.

#![expect(clippy::print_stdout, reason = "a table is what it is for")]
#![expect(clippy::expect_used, reason = "a benchmark that fails has nothing to say")]

#[path = "../sync/table.rs"]
mod table;

use std::hint::black_box;
use std::time::Instant;

use table::{Contender, compare};
use unforget_sqlite::rusqlite::Connection;
use unforget_sqlite::{Database, Error, Options, Schema};

static SCHEMA: Schema = Schema::new(&["CREATE TABLE counter(n INTEGER NOT NULL)"]);

fn main() {
    // cargo says `--bench` when it benchmarks; run as a test, or asked to, it only shows that it works.
    let arguments: Vec<String> = std::env::args().collect();
    let smoke = arguments.iter().any(|argument| argument == "--smoke")
        || !arguments.iter().any(|argument| argument == "--bench");
    let (rounds, scale) = if smoke { (1, 1) } else { (21, 100) };

    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("counter.db");
    let db = Database::open(&path, Options::default()).expect("a database");
    db.migrate(&SCHEMA).expect("a schema");
    let generation = db.generation().expect("a generation");
    let beside = Connection::open(&path).expect("a second connection");
    compare(
        "asking whether something was committed",
        rounds,
        &[
            Contender::new("unforget Generation::now", move || {
                each(10_000 * scale, || black_box(&generation).now())
            }),
            Contender::new("SQLite PRAGMA data_version", move || {
                let mut version = beside.prepare_cached("PRAGMA data_version").expect("a statement");
                each(100 * scale, || version.query_row([], |row| row.get::<_, i64>(0)).ok())
            }),
            Contender::new("unforget Database::read", move || {
                each(100 * scale, || {
                    db.read(|tx| -> Result<Option<i64>, Error> {
                        Ok(tx
                            .prepare_cached("SELECT max(n) FROM counter")?
                            .query_row([], |row| row.get(0))?)
                    })
                })
            }),
        ],
    );
}

/// What each of many calls takes, in nanoseconds.
fn each<T>(calls: u32, mut call: impl FnMut() -> T) -> f64 {
    let started = Instant::now();
    for _ in 0..calls {
        black_box(call());
    }
    started.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
}
