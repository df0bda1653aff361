//! Finds turns.

use std::fmt::Write;
use std::path::Path;

use serde_json::json;
use unforget::{Create, Hit, Query};

use crate::cli::Recall;
use crate::failure::Failure;
use crate::output::Report;
use crate::{store, terminal};

pub(crate) fn run(flag: Option<&Path>, args: &Recall) -> Result<Report, Failure> {
    let mut query = Query::new(args.query.join(" ")).limit(args.limit);
    if let Some(user) = &args.user {
        query = query.user(user);
    }
    if let Some(session) = &args.session {
        query = query.session(session);
    }
    let store = store::open(flag, Create::Never)?;
    let hits = store.memories().recall(&query)?;
    let text = show(&hits);
    Ok(Report::new(json!({"hits": hits}), text))
}

/// The hits in their order. Scores are for programs: they compare within one answer only, and in a small store, where
/// every word is in every other turn, they are all next to nothing.
fn show(hits: &[Hit]) -> String {
    let mut text = String::new();
    for (place, hit) in (1..).zip(hits) {
        let (user, session) = (terminal::visible(&hit.user_id), terminal::visible(&hit.session_id));
        let (id, content) = (terminal::visible(&hit.turn_id), terminal::visible(&hit.content));
        let _writing_to_a_string_succeeds =
            writeln!(text, "{place:>4}  {user}/{session}  {id}\n      {content}");
    }
    if hits.is_empty() {
        text.push_str("nothing found");
    }
    text
}
