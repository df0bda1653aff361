//! Opens a journal with an intact beginning and anything behind it.
#![no_main]

#[path = "../../tests/it/journal/any_bytes.rs"]
#[allow(dead_code, reason = "each target uses one of its functions")]
mod any_bytes;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| any_bytes::keep_intact(bytes.first().copied().unwrap_or_default(), bytes));
