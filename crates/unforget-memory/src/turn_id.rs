//! Ids for turns.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::turn::NewTurn;
use crate::{Error, Result};

/// Bits of [`LAST`] that count ids within one millisecond.
const COUNT_BITS: u32 = 16;

/// The last time stamp and count that were given out: `milliseconds << COUNT_BITS | count`.
///
/// Every id takes a larger value than the one before, so ids are unique within the process by construction and sort
/// in the order they were made, also when the clock is set back. Relaxed order suffices: the value orders nothing
/// but itself, and read-modify-write operations on one atomic always follow each other.
static LAST: AtomicU64 = AtomicU64::new(0);

/// Makes a new id, `turn_<unix ms>_<hex>`: sorted by time, unique in this process by construction, and with four
/// random bytes unlikely to be another process's. The store's index has the last word.
pub(crate) fn generate() -> Result<String> {
    let now = now_ms() << COUNT_BITS;
    let next = |last: u64| now.max(last + 1);
    let taken = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
    let stamp = next(taken.unwrap_or_else(|last| last));
    let random = getrandom::u32().map_err(|error| Error::Random { reason: error.to_string() })?;
    Ok(format!("turn_{:013}_{:04x}{random:08x}", stamp >> COUNT_BITS, stamp & 0xffff))
}

/// Derives the id of an imported turn that has none from what the turn says, so that importing it again stores it
/// once. Two turns that agree in every field are one turn.
pub(crate) fn derive(turn: &NewTurn) -> String {
    let mut hash = Sha256::new();
    let metadata = (!turn.metadata.is_empty()).then(|| canonical(&turn.metadata));
    let created = turn.created_ms.map(|ms| ms.to_string());
    let fields = [
        Some(turn.user_id.as_str()),
        Some(&turn.session_id),
        Some(&turn.layer),
        turn.speaker.as_deref(),
        created.as_deref(),
        metadata.as_deref(),
        Some(&turn.content),
    ];
    for field in fields {
        // Each field is preceded by its length, so that no two turns run together to the same bytes.
        hash.update(field.map_or(u64::MAX, |field| field.len() as u64).to_le_bytes());
        hash.update(field.unwrap_or_default());
    }
    let digest = hash.finalize();
    let mut id = format!("turn_{:013}_", turn.created_ms.unwrap_or(0));
    for byte in &digest[..12] {
        let _writing_to_a_string_succeeds = write!(id, "{byte:02x}");
    }
    id
}

/// JSON with the keys of every object sorted: the order they came in, which some builds of `serde_json` keep, is not
/// part of what a turn says.
fn canonical(object: &Map<String, Value>) -> String {
    let sorted: BTreeMap<&String, Value> = object.iter().map(|(key, value)| (key, sorted(value))).collect();
    let fields: Vec<String> =
        sorted.iter().map(|(key, value)| format!("{}:{value}", Value::String((*key).clone()))).collect();
    format!("{{{}}}", fields.join(","))
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(object) => Value::String(canonical(object)),
        Value::Array(values) => Value::Array(values.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

/// Milliseconds since the Unix epoch by the system's clock; 0 before it.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_of_many_threads_differ_and_sort_by_time_within_each() {
        let threads: Vec<_> = (0..4)
            .map(|_| std::thread::spawn(|| (0..2_000).map(|_| generate().unwrap()).collect::<Vec<_>>()))
            .collect();
        let made: Vec<Vec<String>> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        for ids in &made {
            assert!(ids.is_sorted(), "ids of one thread are in the order they were made");
        }
        let stamps: HashSet<&str> = made.iter().flatten().map(|id| &id[..id.len() - 8]).collect();
        assert_eq!(stamps.len(), 8_000, "ids differ before their random part");
    }

    #[test]
    fn a_derived_id_depends_on_every_field() {
        let turn = || NewTurn::new("ada", "monday", "yes").created_ms(7);
        let others = [
            NewTurn::new("bob", "monday", "yes").created_ms(7),
            NewTurn::new("ada", "tuesday", "yes").created_ms(7),
            NewTurn::new("ada", "monday", "no").created_ms(7),
            turn().layer("note"),
            turn().speaker("Ada"),
            turn().created_ms(8),
            turn().metadata(serde_json::json!({"a": 1}).as_object().unwrap().clone()),
            NewTurn::new("ad", "amonday", "yes").created_ms(7),
        ];
        let id = derive(&turn());
        assert_eq!(id, derive(&turn()), "the same turn has the same id");
        assert!(others.iter().all(|other| derive(other) != id), "another turn has another id");
    }
}
