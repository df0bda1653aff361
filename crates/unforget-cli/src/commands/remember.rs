//! Stores one turn.

use std::io::Read;
use std::path::Path;

use serde_json::{Map, Value, json};
use unforget::{Create, NewTurn};

use crate::cli::Remember;
use crate::failure::{Failure, SPLIT, exit};
use crate::output::Report;
use crate::{store, terminal};

pub(crate) fn run(flag: Option<&Path>, args: &Remember) -> Result<Report, Failure> {
    let mut turn = NewTurn::new(&args.user, &args.session, content(&args.content)?).layer(&args.layer);
    if let Some(turn_id) = &args.turn_id {
        turn = turn.turn_id(turn_id);
    }
    if let Some(speaker) = &args.speaker {
        turn = turn.speaker(speaker);
    }
    if let Some(created_ms) = args.created_ms {
        turn = turn.created_ms(created_ms);
    }
    if let Some(metadata) = &args.metadata {
        turn = turn.metadata(object(metadata)?);
    }
    let store = store::open(flag, Create::InEmptyDirectory)?;
    let turn_id = store.memories().remember(turn)?;
    Ok(Report::new(json!({"turn_id": turn_id}), terminal::visible(&turn_id)))
}

fn content(words: &[String]) -> Result<String, Failure> {
    if words != ["-"] {
        return Ok(words.join(" "));
    }
    // One byte more than allowed tells "as large as allowed" from "larger"; what is larger may have no end.
    let limit = unforget::CONTENT_LIMIT;
    let mut bytes = Vec::new();
    std::io::stdin()
        .take(limit as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::io("read", Path::new("standard input"), &error))?;
    // Before it is decoded: the bound may have cut a character in two.
    if bytes.len() > limit {
        let message = format!("field `content` has more than {limit} bytes, which is the limit");
        return Err(Failure::new(("too_large", exit::TOO_LARGE), message, SPLIT));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let message =
            format!("field `content` is not UTF-8: byte {at} of standard input begins no character");
        Failure::new(("invalid", exit::USAGE), message, "convert it to UTF-8 first")
    })
}

fn object(text: &str) -> Result<Map<String, Value>, Failure> {
    let problem = match serde_json::from_str(text) {
        Ok(Value::Object(object)) => return Ok(object),
        Ok(_) => "is not a JSON object".to_owned(),
        Err(error) => format!("is not JSON: {error}"),
    };
    let message = format!("field `metadata` {problem}");
    Err(Failure::new(("invalid", exit::USAGE), message, r#"give an object such as {"mood":"good"}"#))
}
