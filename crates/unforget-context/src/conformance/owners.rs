//! Owners, of stores that have them.

use super::{Subject, changes, demand, put, told};
use crate::{ContextStore, Error, Ownership, Result, Saved};

pub(super) fn exclude(subject: &Subject) -> Result<(), String> {
    let (one, two) = (subject.open(), subject.open());
    let owner = match one.own() {
        Err(Error::NotOwnable) => return Ok(()),
        owner => owner.map_err(|error| told(&error))?,
    };
    refused("two own", two.own())?;
    refused("one shares what another owns", two.share())?;
    drop(owner);
    let first = two.share().map_err(|error| told(&error))?;
    let second = one.share().map_err(|error| told(&error))?;
    drop(first);
    refused("one owns what another shares", one.own())?;
    drop(second);
    one.own().map(drop).map_err(|error| told(&error))
}

fn refused(what: &str, outcome: Result<Ownership>) -> Result<(), String> {
    match outcome {
        Err(Error::InUse { holder }) => {
            demand(!holder.is_empty(), || format!("{what}: refused without a word"))
        }
        Err(error) => Err(told(&error)),
        Ok(_) => Err(what.to_owned()),
    }
}

pub(super) fn save(subject: &Subject) -> Result<(), String> {
    let store = subject.open();
    let owner = match store.own() {
        Err(Error::NotOwnable) => return Ok(()),
        owner => owner.map_err(|error| told(&error))?,
    };
    let saved = |key: &str, revision, value: Option<&str>| Saved {
        key: key.to_owned(),
        revision,
        value: value.map(str::to_owned),
    };
    let rows = [saved("ada", 7, Some("1")), saved("bob", 3, None)];
    attempt(&*store, &rows)?;
    let first = changes(&*store, 0)?;
    attempt(&*store, &rows)?;
    demand(changes(&*store, 0)? == first, || "the same was saved again, and something changed".to_owned())?;
    let found =
        |key: &str| first.rows.iter().find(|row| row.key == key).map(|row| (row.revision, row.value.clone()));
    let (ada, bob) = (found("ada"), found("bob"));
    demand(ada == Some((7, Some("1".to_owned()))) && bob == Some((3, None)), || {
        format!("saved in revisions 7 and 3, and stored as {ada:?} and {bob:?}")
    })?;
    attempt(&*store, &[saved("bob", 9, Some("2"))])?;
    let older = store.save(&[saved("bob", 8, Some("3"))]);
    let is_conflict = matches!(older, Err(Error::Conflict { found: 9, .. }));
    demand(is_conflict, || format!("an older revision was saved over a newer one: {older:?}"))?;
    let told = changes(&*store, first.latest)?.rows;
    demand(told.len() == 1 && told[0].value.as_deref() == Some("2"), || {
        format!("9 is the last, but {told:?}")
    })?;
    drop(owner);
    drop(store);
    let next = put(&*subject.open(), "ada", "2")?.revision;
    demand(next == 8, || format!("after revision 7 came {next}"))
}

fn attempt(store: &dyn ContextStore, rows: &[Saved]) -> Result<(), String> {
    store.save(rows).map_err(|error| told(&error))
}
