//! Opens a journal that is anything.
#![no_main]

#[path = "../../tests/it/journal/any_bytes.rs"]
#[allow(dead_code, reason = "each target uses one of its functions")]
mod any_bytes;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| any_bytes::recover(bytes));
