//! Callers that keep many writes in flight, beside the limit: one thread in one transaction.

use std::collections::VecDeque;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use unforget_sqlite::{Error, Ticket};

use crate::figures::median;
use crate::row::{Kind, Row};
use crate::stores::{Store, Unforget, connect, written};
use crate::{Effort, fresh_dir};

const CALLERS: usize = 4;

pub(crate) fn run(effort: Effort) {
    let rows = if effort.smoke { 2_000 } else { 100_000 };
    for kind in Kind::ALL {
        let (mut limit, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..effort.rounds {
            limit.push(one_transaction(kind, rows));
            ours.push(in_flight(kind, rows, 256));
        }
        let (limit, ours) = (median(limit), median(ours));
        println!("\n{rows} rows, {}", kind.name());
        println!("  one thread, one transaction (a) {limit:>9.0} rows/s");
        println!("  {CALLERS} callers x 256 in flight      {ours:>9.0} rows/s {:>7.2}", ours / limit);
    }
}

fn one_transaction(kind: Kind, rows: usize) -> f64 {
    let dir = fresh_dir();
    let conn = connect(&dir.path().join("rows.db"), kind);
    let began = Instant::now();
    conn.execute_batch("BEGIN IMMEDIATE").expect("nobody else is there");
    for _ in 0..rows {
        Row::next().insert_cached(&conn).expect("a row is written");
    }
    conn.execute_batch("COMMIT").expect("it commits");
    rows as f64 / began.elapsed().as_secs_f64()
}

fn in_flight(kind: Kind, rows: usize, in_flight: usize) -> f64 {
    let dir = fresh_dir();
    let store = Unforget::open(&dir.path().join("rows.db"), kind);
    let start = Barrier::new(CALLERS + 1);
    let began = thread::scope(|threads| {
        for _ in 0..CALLERS {
            threads.spawn(|| {
                start.wait();
                let mut out = VecDeque::with_capacity(in_flight);
                for _ in 0..rows / CALLERS {
                    if out.len() == in_flight {
                        settle(out.pop_front());
                    }
                    out.push_back(submit(&store));
                }
                while !out.is_empty() {
                    settle(out.pop_front());
                }
            });
        }
        start.wait();
        Instant::now()
    });
    rows as f64 / began.elapsed().as_secs_f64()
}

fn submit(store: &Unforget) -> Ticket<(), Error> {
    store.db.submit(300, store.insert(Row::next())).expect("the queue is open")
}

fn settle(oldest: Option<Ticket<(), Error>>) {
    if let Some(ticket) = oldest {
        assert!(written(ticket.wait()), "nobody else is at the file");
    }
}
