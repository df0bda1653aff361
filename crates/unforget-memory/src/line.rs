//! Turns as lines of JSON.

use serde_json::{Map, Value};

use crate::turn::invalid;
use crate::{Error, NewTurn, Result};

/// Reads a turn from one line:
/// `{"user_id","session_id","turn_id"?,"layer"?,"speaker"?,"content","created_ms"?,"metadata"?}`.
///
/// An optional field may be `null`. A field of another name is kept in the metadata.
///
/// # Errors
///
/// [`Error::Invalid`] names the field; `line` if the whole line is not a JSON object.
pub fn parse_line(line: &str) -> Result<NewTurn> {
    let value: Value = serde_json::from_str(line)
        .map_err(|error| Error::Invalid { field: "line", problem: format!("is not JSON: {error}") })?;
    let Value::Object(mut fields) = value else {
        return Err(invalid("line", "is not a JSON object"));
    };
    let user_id = required(&mut fields, "user_id")?;
    let session_id = required(&mut fields, "session_id")?;
    let content = required(&mut fields, "content")?;
    let mut turn = NewTurn::new(user_id, session_id, content);
    turn.turn_id = text(&mut fields, "turn_id")?;
    turn.speaker = text(&mut fields, "speaker")?;
    turn.created_ms = milliseconds(&mut fields)?;
    if let Some(layer) = text(&mut fields, "layer")? {
        turn.layer = layer;
    }
    turn.metadata = metadata(fields)?;
    Ok(turn)
}

fn required(fields: &mut Map<String, Value>, field: &'static str) -> Result<String> {
    text(fields, field)?.ok_or_else(|| invalid(field, "is missing"))
}

fn text(fields: &mut Map<String, Value>, field: &'static str) -> Result<Option<String>> {
    match fields.remove(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(invalid(field, "is not a string")),
    }
}

fn milliseconds(fields: &mut Map<String, Value>) -> Result<Option<u64>> {
    match fields.remove("created_ms") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(ms) => Ok(Some(ms)),
            None => Err(invalid("created_ms", "is not a whole number of milliseconds since 1970")),
        },
    }
}

fn metadata(mut fields: Map<String, Value>) -> Result<Map<String, Value>> {
    let mut metadata = match fields.remove("metadata") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(metadata)) => metadata,
        Some(_) => return Err(invalid("metadata", "is not an object")),
    };
    for (name, value) in fields {
        metadata.entry(name).or_insert(value);
    }
    Ok(metadata)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_every_field_is_read() {
        let turn = parse_line(
            r#"{"user_id":"ada","session_id":"s","turn_id":"t1","layer":"note","speaker":"Ada","content":"hi",
                "created_ms":7,"metadata":{"a":1},"mood":"good"}"#,
        )
        .unwrap();
        let metadata = serde_json::json!({"a": 1, "mood": "good"}).as_object().unwrap().clone();
        let expected =
            NewTurn::new("ada", "s", "hi").turn_id("t1").layer("note").speaker("Ada").created_ms(7);
        assert_eq!(turn, expected.metadata(metadata));
    }

    #[test]
    fn what_is_wrong_is_named_by_field() {
        let cases = [
            ("", "line"),
            ("{", "line"),
            ("[1]", "line"),
            (r#"{"session_id":"s","content":"c"}"#, "user_id"),
            (r#"{"user_id":"u","content":"c"}"#, "session_id"),
            (r#"{"user_id":"u","session_id":"s"}"#, "content"),
            (r#"{"user_id":"u","session_id":"s","content":null}"#, "content"),
            (r#"{"user_id":1,"session_id":"s","content":"c"}"#, "user_id"),
            (r#"{"user_id":"u","session_id":"s","content":"c","created_ms":-1}"#, "created_ms"),
            (r#"{"user_id":"u","session_id":"s","content":"c","created_ms":"now"}"#, "created_ms"),
            (r#"{"user_id":"u","session_id":"s","content":"c","metadata":"m"}"#, "metadata"),
            (r#"{"user_id":"u","session_id":"s","content":"c","turn_id":5}"#, "turn_id"),
        ];
        for (line, expected) in cases {
            match parse_line(line) {
                Err(Error::Invalid { field, .. }) => assert_eq!(field, expected, "{line}"),
                other => panic!("{line}: {other:?}"),
            }
        }
    }
}
