//! Creates the store.

use std::path::Path;

use serde_json::json;
use unforget::{Create, Error};

use crate::failure::Failure;
use crate::output::Report;
use crate::store;

/// Creates the store; one that exists is left as it is.
pub(crate) fn run(flag: Option<&Path>) -> Result<Report, Failure> {
    let directory = store::directory(flag)?;
    let existing = unforget::Options::default().create(Create::Never).open(&directory);
    let created = match existing {
        Ok(_) => false,
        Err(Error::NotFound { .. }) => true,
        Err(error) => return Err(error.into()),
    };
    let store = store::open(Some(&directory), Create::Always)?;
    let shown = store.directory().display().to_string();
    let text =
        if created { format!("created a store in {shown}") } else { format!("{shown} is a store already") };
    Ok(Report::new(json!({"store": shown, "created": created}), text))
}
