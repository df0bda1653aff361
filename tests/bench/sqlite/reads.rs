//! Reading one row by its id, with and without somebody who writes.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use rusqlite::Connection;

use crate::figures::median;
use crate::row::{Kind, Row};
use crate::stores::{Pool, Store, Unforget};
use crate::{Effort, fresh_dir};

const SELECT: &str = "SELECT content FROM node WHERE id = ?1";
const KIND: Kind = Kind { full: false, text: false };

type Read = Box<dyn Fn(i64) -> String>;

pub(crate) fn run(effort: Effort) {
    let (rows, reads) = if effort.smoke { (1_000, 500) } else { (100_000, 50_000) };
    let dir = fresh_dir();
    let path = dir.path().join("rows.db");
    let (ours, pool) = (Unforget::open(&path, KIND), Pool::open(&path, KIND));
    fill(&path, rows);
    let contenders: [(&str, Read); 4] = [
        ("one connection, cached", Box::new(one_connection(&path))),
        ("unforget-sqlite read, cached", Box::new(move |id| read(&ours, id))),
        (
            "r2d2 pool, cached",
            Box::new({
                let pool = pool.clone();
                move |id| cached(&pool.0.get().expect("a connection"), id)
            }),
        ),
        (
            "r2d2 pool, as it comes (b)",
            Box::new(move |id| compiled(&pool.0.get().expect("a connection"), id)),
        ),
    ];
    for writer in [false, true] {
        let stop = AtomicBool::new(!writer);
        let mut taken = [const { Vec::new() }; 4];
        let store = Unforget::open(&path, KIND);
        thread::scope(|threads| {
            threads.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    assert!(store.write(Row::next()), "it has the file for itself");
                }
            });
            for _ in 0..effort.rounds {
                for ((_, read), taken) in contenders.iter().zip(&mut taken) {
                    taken.push(time(read, rows, reads));
                }
            }
            stop.store(true, Ordering::Relaxed);
        });
        println!(
            "\nreading one of {rows} rows by id, {}",
            if writer { "one caller writes" } else { "nobody writes" }
        );
        let medians: Vec<f64> = taken.into_iter().map(median).collect();
        for ((name, _), micros) in contenders.iter().zip(&medians) {
            println!("  {name:<30} {micros:>8.2} us {:>7.2}", micros / medians[0]);
        }
    }
}

fn time(read: &dyn Fn(i64) -> String, rows: i64, reads: i64) -> f64 {
    // The connection is opened and the statement compiled outside the time.
    read(1);
    let began = Instant::now();
    for n in 0..reads {
        // A stride that is coprime to the number of rows: every row is read, none twice in a row.
        let content = read(n * 7_919 % rows + 1);
        assert!(!content.is_empty(), "the row is there");
    }
    began.elapsed().as_secs_f64() * 1e6 / reads as f64
}

fn fill(path: &Path, rows: i64) {
    let conn = crate::stores::connect(path, KIND);
    conn.execute_batch("BEGIN IMMEDIATE").expect("nobody else is there");
    for _ in 0..rows {
        Row::next().insert_cached(&conn).expect("a row is written");
    }
    conn.execute_batch("COMMIT").expect("it commits");
}

fn one_connection(path: &Path) -> impl Fn(i64) -> String + use<> {
    let conn = crate::stores::connect(path, KIND);
    move |id| cached(&conn, id)
}

fn read(store: &Unforget, id: i64) -> String {
    let content = store.db.read(|tx| -> Result<String, unforget_sqlite::Error> {
        Ok(tx.prepare_cached(SELECT)?.query_row([id], |row| row.get(0))?)
    });
    content.expect("the row is read")
}

fn cached(conn: &Connection, id: i64) -> String {
    let mut statement = conn.prepare_cached(SELECT).expect("it compiles");
    statement.query_row([id], |row| row.get(0)).expect("the row is read")
}

fn compiled(conn: &Connection, id: i64) -> String {
    conn.query_row(SELECT, [id], |row| row.get(0)).expect("the row is read")
}
