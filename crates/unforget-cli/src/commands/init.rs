//! Creates the store.

use std::path::Path;

use serde_json::json;
use unforget::Create;

use crate::failure::Failure;
use crate::output::Report;
use crate::{store, terminal};

/// Creates the store; one that exists is left as it is.
pub(crate) fn run(flag: Option<&Path>) -> Result<Report, Failure> {
    let directory = store::directory(flag)?;
    let created = store::existing(&directory)?.is_none();
    let store = store::open(Some(&directory), Create::Always)?;
    let directory = store.directory().display().to_string();
    let shown = terminal::visible(&directory);
    let text =
        if created { format!("created a store in {shown}") } else { format!("{shown} is a store already") };
    Ok(Report::new(json!({"store": directory, "created": created}), text))
}
