//! Shows what the store holds.

use std::path::Path;

use serde_json::json;
use unforget::Create;

use crate::failure::Failure;
use crate::output::Report;
use crate::{store, terminal};

pub(crate) fn run(flag: Option<&Path>) -> Result<Report, Failure> {
    let store = store::open(flag, Create::Never)?;
    let memory = store.stats()?.memory;
    let directory = store.directory().display().to_string();
    let shown = terminal::visible(&directory);
    let text = format!(
        "store     {shown}\nturns     {}\nusers     {}\nsessions  {}\ncontexts  {}\nbytes     {}",
        memory.turns, memory.users, memory.sessions, memory.contexts, memory.bytes
    );
    let mut data = json!(memory);
    data["store"] = json!(directory);
    Ok(Report::new(data, text))
}
