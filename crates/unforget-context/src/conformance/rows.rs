//! What is told of a context.

use super::{Subject, changes, demand, put, remove, told};
use crate::{Error, KEY_LIMIT, Next, Stored};

pub(super) fn are_told_at_once(subject: &Subject) -> Result<(), String> {
    let (writer, reader) = (subject.open(), subject.open());
    for step in 0..4 {
        let before = changes(&*reader, 0)?.latest;
        let stored = put(&*writer, "ada", &step.to_string())?;
        let rows = changes(&*reader, before)?.rows;
        demand(rows == [stored.clone()], || format!("{stored:?} was acknowledged, and {rows:?} told"))?;
        let read = reader.read("ada").map_err(|error| told(&error))?;
        demand(read.as_ref() == Some(&stored), || format!("{stored:?} was acknowledged, and {read:?} read"))?;
    }
    let missing = reader.read("bob").map_err(|error| told(&error))?;
    demand(missing.is_none(), || format!("nobody stored {missing:?}"))
}

pub(super) fn leave_tombstones(subject: &Subject) -> Result<(), String> {
    let (writer, reader) = (subject.open(), subject.open());
    let stored = put(&*writer, "ada", "1")?;
    let removed = remove(&*writer, "ada")?;
    demand(removed.value.is_none(), || format!("removed, and still there: {removed:?}"))?;
    let rows = changes(&*reader, stored.seq)?.rows;
    demand(rows == [removed.clone()], || format!("{removed:?} was removed, and {rows:?} told"))
}

pub(super) fn go_on_counting(subject: &Subject) -> Result<(), String> {
    let store = subject.open();
    let mut revisions = vec![put(&*store, "ada", "1")?.revision, put(&*store, "ada", "1")?.revision];
    revisions.push(remove(&*store, "ada")?.revision);
    revisions.push(put(&*subject.open(), "ada", "1")?.revision);
    demand(revisions == [1, 2, 3, 4], || format!("revisions went {revisions:?}"))
}

pub(super) fn stay_when_a_change_fails(subject: &Subject) -> Result<(), String> {
    let store = subject.open();
    put(&*store, "ada", "1")?;
    let before = changes(&*store, 0)?;
    let refused = store.update("ada", Box::new(|_| Err(Error::NotFound { key: "mine".to_owned() })));
    let is_mine = matches!(&refused, Err(Error::NotFound { key }) if key == "mine");
    demand(is_mine, || format!("the error of a change became {refused:?}"))?;
    let kept = store.update("ada", Box::new(|_| Ok(Next::Keep))).map_err(|error| told(&error))?;
    demand(kept.as_ref() == before.rows.first(), || format!("kept, and now it is {kept:?}"))?;
    let after = changes(&*store, 0)?;
    demand(after == before, || format!("nothing was changed, but {before:?} became {after:?}"))
}

pub(super) fn keep_any_value(subject: &Subject) -> Result<(), String> {
    let long = format!("\"{}\"", "x".repeat(64 << 10));
    let values = [
        "null",
        "[]",
        "{}",
        "-0.5e-7",
        "12345678901234567890123",
        r#"{"b":"\" {\\","a":[1,{"ä":"\u0000"}]}"#,
        &long,
    ];
    for value in values {
        put(&*subject.open(), "any", value)?;
        let kept = subject.open().read("any").map_err(|error| told(&error))?.and_then(|row| row.value);
        demand(kept.as_deref() == Some(value), || {
            format!("{:.40} became {:.40}", value, kept.as_deref().unwrap_or("nothing"))
        })?;
    }
    let huge = format!("\"{}\"", "x".repeat(4 << 20));
    let before = changes(&*subject.open(), 0)?.latest;
    let next = huge.clone();
    match subject.open().update("any", Box::new(move |_| Ok(Next::Put(next.clone())))) {
        Ok(stored) => {
            demand(stored.and_then(|row| row.value) == Some(huge), || "a large value was cut".to_owned())
        }
        Err(Error::Unencodable { .. }) => demand(changes(&*subject.open(), 0)?.latest == before, || {
            "a value that is too large was refused, and something changed".to_owned()
        }),
        Err(error) => Err(told(&error)),
    }
}

pub(super) fn tell_keys_apart(subject: &Subject) -> Result<(), String> {
    let longest = "k".repeat(KEY_LIMIT);
    let other = format!("{}l", &longest[1..]);
    let wide = "Ä".repeat(KEY_LIMIT / 2);
    let keys = [
        "ada",
        "Ada",
        "ADA",
        "ada ",
        " ada",
        "ada.",
        ".",
        "..",
        "../ada",
        "a/b",
        "a\\b",
        "a:b",
        "%61da",
        "nul",
        "~",
        "ä",
        "a\u{308}",
        "ada.json",
        "*",
        "' OR 1=1 --",
        &longest,
        &other,
        &wide,
    ];
    for (value, key) in keys.iter().enumerate() {
        put(&*subject.open(), key, &value.to_string())?;
    }
    let rows = changes(&*subject.open(), 0)?.rows;
    let found = |key: &str| rows.iter().find(|row: &&Stored| row.key == key)?.value.clone();
    for (value, key) in keys.iter().enumerate() {
        demand(found(key) == Some(value.to_string()), || {
            format!("`{key}` has {:?}, not {value}", found(key))
        })?;
    }
    demand(rows.len() == keys.len(), || format!("{} keys became {}", keys.len(), rows.len()))
}
