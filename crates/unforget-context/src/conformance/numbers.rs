//! Sequence numbers.

use super::{Subject, changes, demand, put, remove};

pub(super) fn grow(subject: &Subject) -> Result<(), String> {
    let (one, two) = (subject.open(), subject.open());
    let mut last = changes(&*one, 0)?.latest;
    for (step, store) in [&one, &two, &one, &two].into_iter().enumerate() {
        let seq = put(&**store, ["ada", "bob"][step / 2], &step.to_string())?.seq;
        demand(seq > last, || format!("a change got number {seq} after {last}"))?;
        let latest = changes(&*one, 0)?.latest;
        demand(latest == seq, || format!("the last number is {seq}, and told as {latest}"))?;
        last = seq;
    }
    Ok(())
}

pub(super) fn are_not_used_twice(subject: &Subject) -> Result<(), String> {
    let store = subject.open();
    let put_at = put(&*store, "ada", "1")?.seq;
    let removed_at = remove(&*store, "ada")?.seq;
    drop(store);
    let again_at = put(&*subject.open(), "bob", "1")?.seq;
    demand(put_at < removed_at && removed_at < again_at, || {
        format!("put, removed and put another got {put_at}, {removed_at} and {again_at}")
    })
}

pub(super) fn separate(subject: &Subject) -> Result<(), String> {
    let (writer, reader) = (subject.open(), subject.open());
    for key in ["ada", "bob", "ada", "cyd"] {
        put(&*writer, key, "1")?;
    }
    let all = changes(&*reader, 0)?;
    for after in 0..=all.latest {
        let told = changes(&*reader, after)?;
        let expected = all.rows.iter().filter(|row| row.seq > after).count();
        let is_right = told.rows.iter().all(|row| row.seq > after && row.seq <= told.latest);
        demand(is_right && told.rows.len() == expected, || {
            format!("after {after} there are {expected} changes, and {} were told", told.rows.len())
        })?;
    }
    let none = changes(&*reader, u64::MAX)?;
    demand(none.rows.is_empty() && none.latest == all.latest, || {
        "after the largest number nothing but the last number is told".to_owned()
    })
}
