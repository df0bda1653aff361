//! What stands in the file of a context.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::layout;
use crate::Stored;

/// The largest file that is read.
pub(super) const FILE_LIMIT: usize = (1 << 20) + (16 << 10);

/// The largest revision and number that counting on from them never ends.
const COUNTABLE: u64 = u64::MAX / 2;

/// A context as its file has it.
#[derive(Debug, Serialize, Deserialize)]
struct Content {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(default)]
    revision: u64,
    #[serde(default)]
    seq: u64,
    /// Of all the rest, so that a change by hand is noticed.
    #[serde(default)]
    check: String,
    #[serde(default, skip_serializing_if = "is_false")]
    removed: bool,
    #[serde(default, deserialize_with = "present")]
    value: Option<Box<RawValue>>,
}

/// A context that was read.
#[derive(Debug, Clone)]
pub(super) enum Found {
    /// As it was written.
    Whole(Stored),
    /// Changed by somebody else; revision and number are those from before.
    Edited(Stored),
    /// No context; what it says, and why not.
    Broken(String, String),
}

/// The file of a context. Its value is compact JSON, and spread out for people here.
pub(super) fn encode(stored: &Stored) -> Result<Vec<u8>, serde_json::Error> {
    let head = Content {
        key: Some(stored.key.clone()),
        revision: stored.revision,
        seq: stored.seq,
        check: check(stored),
        removed: stored.value.is_none(),
        value: None,
    };
    let value = stored.value.as_deref().unwrap_or("null");
    let head = serde_json::to_string(&head)?;
    // The last member is `"value":null`.
    let head = head.strip_suffix("null}").unwrap_or(&head);
    Ok((layout::spread(&format!("{head}{value}}}"), 0) + "\n").into_bytes())
}

/// Reads what stands in the file of `key`, or of whichever key the file names.
pub(super) fn decode(bytes: &[u8], key: Option<&str>) -> Found {
    let text = String::from_utf8_lossy(bytes);
    let broken = |why: String| Found::Broken(text.clone().into_owned(), why);
    let content: Content = match serde_json::from_slice(bytes) {
        Ok(content) => content,
        Err(error) => return broken(error.to_string()),
    };
    let Some(found) = content.key.as_deref().or(key) else { return broken("it names no key".to_owned()) };
    if key.is_some_and(|key| key != found) {
        return broken(format!("it is the file of another key, but names `{found}`"));
    }
    if content.revision.max(content.seq) > COUNTABLE {
        return broken(format!("its revision or its number is beyond {COUNTABLE}"));
    }
    if content.value.is_none() && !content.removed {
        return broken("it has no value".to_owned());
    }
    let value = content.value.filter(|_| !content.removed).map(|raw| layout::compact(raw.get()));
    let stored = Stored { key: found.to_owned(), revision: content.revision, seq: content.seq, value };
    if content.check == check(&stored) { Found::Whole(stored) } else { Found::Edited(stored) }
}

/// FNV-1a, 64 bits: against edits, not against enemies. Each part is preceded by its length, so no two contexts with
/// the same bytes in other places have the same.
fn check(stored: &Stored) -> String {
    let Stored { key, revision, seq, value } = stored;
    let parts = [key.as_str(), &revision.to_string(), &seq.to_string(), value.as_deref().unwrap_or("-")];
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for part in parts {
        for byte in part.len().to_le_bytes().iter().chain(part.as_bytes()) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}

/// Tells a value that is `null` from none.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
fn is_false(value: &bool) -> bool {
    !value
}
