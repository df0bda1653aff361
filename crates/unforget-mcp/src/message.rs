//! What a line says.

use std::borrow::Cow;

use rmcp::model::{
    CallToolRequest, CallToolRequestParams, ClientJsonRpcMessage, ClientRequest, ErrorCode, ErrorData,
    RequestId, RequestMetaObject, ServerJsonRpcMessage,
};
use serde_json::{Map, Value};

use crate::arguments::{self, Field, Shape};

/// How deep arrays and objects may be in each other.
const DEPTH_LIMIT: usize = 100;

/// How many values a line may have. Parsed, a line of nothing but small objects would take a hundred times its length.
const VALUES_LIMIT: usize = 500_000;

/// What a value takes when it is parsed, in bytes: half of what an object with one value takes.
const VALUE: usize = 320;

/// What a line is to the server.
#[derive(Debug)]
pub(crate) enum Said {
    Message(Box<ClientJsonRpcMessage>),
    /// It cannot be taken, and this is the answer.
    Refused(Box<ServerJsonRpcMessage>),
    /// It is no message; the protocol has no answer to it.
    Nothing,
}

/// Requests whose parameters are checked here, so that wrong ones are answered as the official server does. rmcp
/// takes a request whose parameters it cannot read for one of an unknown method.
const CHECKED: [(&str, &[Field]); 5] = [
    ("initialize", &[PARAMETERS_OF_GREETING]),
    ("tools/call", &[PARAMETERS_OF_CALL]),
    ("resources/read", &[PARAMETERS_OF_RESOURCE]),
    ("resources/subscribe", &[PARAMETERS_OF_RESOURCE]),
    ("resources/unsubscribe", &[PARAMETERS_OF_RESOURCE]),
];

const PARAMETERS_OF_GREETING: Field = Field::required(
    "params",
    Shape::Record(&[
        Field::required("protocolVersion", Shape::Text),
        Field::required("capabilities", Shape::Record(&[])),
        Field::required(
            "clientInfo",
            Shape::Record(&[Field::required("name", Shape::Text), Field::required("version", Shape::Text)]),
        ),
    ]),
);

const PARAMETERS_OF_CALL: Field = Field::required(
    "params",
    Shape::Record(&[Field::required("name", Shape::Text), Field::optional("arguments", Shape::Map)]),
);

const PARAMETERS_OF_RESOURCE: Field =
    Field::required("params", Shape::Record(&[Field::required("uri", Shape::Text)]));

/// Reads one line. Answers also how many bytes it takes, as it is and parsed.
pub(crate) fn read(line: &[u8]) -> (Said, usize) {
    let Measure { depth, values } = Measure::of(line);
    let said = if depth > DEPTH_LIMIT {
        refuse_line(format!("arrays and objects are more than {DEPTH_LIMIT} deep in each other"))
    } else if values > VALUES_LIMIT {
        refuse_line(format!("the line has more than {VALUES_LIMIT} values; send less at once"))
    } else {
        understand(line)
    };
    (said, line.len() + values * VALUE)
}

fn understand(line: &[u8]) -> Said {
    let message = match parse(line) {
        Some(Value::Object(message)) if message.get("jsonrpc").is_some_and(|version| version == "2.0") => {
            message
        }
        _ => return Said::Nothing,
    };
    let id = message.get("id").and_then(|id| serde_json::from_value::<RequestId>(id.clone()).ok());
    match (message.get("method").and_then(Value::as_str), id) {
        (Some(method), Some(id)) => {
            let checked = CHECKED.iter().find(|(checked, _)| *checked == method);
            match checked.map(|(_, fields)| arguments::check(&message, fields)) {
                Some(Err(issues)) => refuse(ErrorCode::INTERNAL_ERROR, issues.to_json(), Some(id)),
                Some(Ok(())) if method == "tools/call" => call(message, id),
                _ => typed(message),
            }
        }
        // A request whose id cannot be repeated cannot be answered.
        (Some(_), None) if message.contains_key("id") => Said::Nothing,
        _ => typed(message),
    }
}

/// The answer to a line that was not read.
pub(crate) fn refuse_line(reason: String) -> Said {
    refuse(ErrorCode::INVALID_REQUEST, reason, None)
}

/// The answer to a request that cannot be taken.
pub(crate) fn refuse(code: ErrorCode, reason: String, id: Option<RequestId>) -> Said {
    Said::Refused(Box::new(ServerJsonRpcMessage::error(ErrorData::new(code, reason, None), id)))
}

fn typed(message: Map<String, Value>) -> Said {
    match serde_json::from_value(Value::Object(message)) {
        Ok(message) => Said::Message(Box::new(message)),
        Err(_) => Said::Nothing,
    }
}

/// A call, without the copies that the general way makes of large arguments.
fn call(mut message: Map<String, Value>, id: RequestId) -> Said {
    let Some(Value::Object(mut parameters)) = message.remove("params") else { return Said::Nothing };
    let (Some(Value::String(name)), arguments) = (parameters.remove("name"), parameters.remove("arguments"))
    else {
        return Said::Nothing;
    };
    let mut call = CallToolRequestParams::new(name);
    if let Some(Value::Object(arguments)) = arguments {
        call = call.with_arguments(arguments);
    }
    let mut request = CallToolRequest::new(call);
    if let Some(Value::Object(meta)) = parameters.remove("_meta") {
        request.extensions.insert(RequestMetaObject(rmcp::model::MetaObject(meta)));
    }
    let request = ClientRequest::CallToolRequest(request);
    Said::Message(Box::new(ClientJsonRpcMessage::request(request, id)))
}

/// What is known of a line without parsing it.
#[derive(Debug, PartialEq, Eq)]
struct Measure {
    /// How deep arrays and objects are in each other.
    depth: usize,
    /// Its values, or a few more where arrays and objects are empty.
    values: usize,
}

impl Measure {
    fn of(line: &[u8]) -> Self {
        let mut measure = Self { depth: 0, values: 1 };
        let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
        for byte in line {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_text => escaped = true,
                b'"' => in_text = !in_text,
                b'[' | b'{' if !in_text => {
                    depth += 1;
                    measure.depth = measure.depth.max(depth);
                    measure.values += 1;
                }
                b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
                b',' if !in_text => measure.values += 1,
                _ => {}
            }
        }
        measure
    }
}

/// Parses JSON. What is not UTF-8 becomes the replacement character, as in the official server; so does half a surrogate
/// pair, which JavaScript writes when it cuts a text in two, as it does when JavaScript writes a file.
fn parse(line: &[u8]) -> Option<Value> {
    serde_json::from_slice(line).ok().or_else(|| serde_json::from_slice(&mended(line)?).ok())
}

/// The line with replacement characters, if it needs any.
fn mended(line: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(line);
    let mut found = matches!(text, Cow::Owned(_));
    let mut mended = text.into_owned().into_bytes();
    let mut at = 0;
    while let Some(escape) = mended.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\')) {
        at += escape;
        match (unit(&mended, at), unit(&mended, at + 6)) {
            (Some(0xD800..0xDC00), Some(0xDC00..0xE000)) => at += 12,
            (Some(0xD800..0xE000), _) => {
                mended.get_mut(at + 2..at + 6)?.copy_from_slice(b"fffd");
                found = true;
                at += 6;
            }
            _ => at += 2,
        }
    }
    found.then_some(mended)
}

/// The code unit that is escaped there.
fn unit(line: &[u8], at: usize) -> Option<u16> {
    let digits = line.get(at..at + 6)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_and_values_are_counted_outside_of_texts() {
        for (line, depth, values) in [
            ("7", 0, 1),
            ("[[1]]", 2, 3),
            ("[{\"a\":1,\"b\":[]},2]", 3, 6),
            ("{\"a\":\"\\\"[[{,\"}", 1, 2),
            ("]]}[", 1, 2),
        ] {
            assert_eq!(Measure::of(line.as_bytes()), Measure { depth, values }, "{line}");
        }
    }

    #[test]
    fn half_a_pair_is_replaced_and_a_whole_one_is_kept() {
        let parsed = |text: &str| parse(text.as_bytes());
        assert_eq!(parsed(r#""a\ud800b""#), Some("a\u{fffd}b".into()));
        assert_eq!(parsed(r#""\udc00\ud83d\ude42\\ud800""#), Some("\u{fffd}🙂\\ud800".into()));
        assert_eq!(parsed("garbage \\ud800"), None);
    }

    #[test]
    fn what_is_not_utf8_is_replaced() {
        assert_eq!(parse(b"\"a\xff\\ud800\""), Some("a\u{fffd}\u{fffd}".into()));
        assert_eq!(parse(b"\xff\xfe"), None);
    }
}
