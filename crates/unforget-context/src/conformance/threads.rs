//! Many at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::{Subject, changes, demand, put, told};
use crate::{ContextStore, Next, Result, Stored};

const THREADS: u64 = 4;
const UPDATES: u64 = 25;

pub(super) fn lose_no_update(subject: &Subject) -> Result<(), String> {
    put(&*subject.open(), "count", "0")?;
    let counted: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let store = subject.open();
                scope.spawn(move || (0..UPDATES).try_for_each(|_| count(&*store)))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or(Ok(()))).collect()
    });
    counted.into_iter().collect::<Result<(), _>>().map_err(|error| told(&error))?;
    let row = changes(&*subject.open(), 0)?.rows.into_iter().find(|row| row.key == "count");
    let expected = THREADS * UPDATES;
    let (value, revision) = row.map_or((None, 0), |row| (number(&row), row.revision));
    demand(value == Some(expected) && revision == expected + 1, || {
        format!("{expected} updates led to {value:?} in revision {revision}")
    })
}

/// A writer that changes one key and then the other, again and again: the second is never ahead, nor two behind.
pub(super) fn see_one_point_in_time(subject: &Subject) -> Result<(), String> {
    let (writer, reader) = (subject.open(), subject.open());
    put(&*writer, "first", "0")?;
    put(&*writer, "second", "0")?;
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let written = scope.spawn(|| {
            let all = (0..THREADS * UPDATES)
                .try_for_each(|_| count_key(&*writer, "first").and_then(|()| count_key(&*writer, "second")));
            is_done.store(true, Ordering::Release);
            all.map_err(|error| told(&error))
        });
        let mut watched = Ok(());
        while watched.is_ok() && !is_done.load(Ordering::Acquire) {
            watched = look(&*reader);
        }
        written.join().unwrap_or(Ok(())).and(watched)
    })
}

fn look(reader: &dyn ContextStore) -> Result<(), String> {
    let told = changes(reader, 0)?;
    let find = |key| told.rows.iter().find(|row| row.key == key);
    let value = |key| find(key).and_then(number);
    let (first, second) = (value("first"), value("second"));
    let in_step = first.zip(second).is_some_and(|(first, second)| first == second || first == second + 1);
    demand(in_step, || format!("one key had {first:?} when the next, changed after it, had {second:?}"))?;
    let last = told.rows.iter().map(|row| row.seq).max();
    demand(last == Some(told.latest), || format!("the last change told is {last:?} of {}", told.latest))
}

fn count(store: &dyn ContextStore) -> Result<()> {
    count_key(store, "count")
}

fn count_key(store: &dyn ContextStore, key: &str) -> Result<()> {
    let change = |stored: Option<&Stored>| {
        let now = stored.and_then(number).unwrap_or(0);
        // Gives the others a chance to come in between.
        thread::yield_now();
        Ok(Next::Put((now + 1).to_string()))
    };
    store.update(key, Box::new(change)).map(|_| ())
}

fn number(row: &Stored) -> Option<u64> {
    row.value.as_ref()?.parse().ok()
}
