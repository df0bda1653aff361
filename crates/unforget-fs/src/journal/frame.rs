//! One line of a journal: `<crc32> <prev> <seq> <committed> <len> <json>`.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::options::RECORD_LIMIT;

/// The version of the format that is written and read.
pub(super) const VERSION: u32 = 1;

/// The digits of two checksums, three numbers of at most 20 digits, five spaces and a newline.
const AROUND_JSON: usize = 2 * 8 + 3 * 20 + 5 + 1;

/// Numbers are below this, so that adding one to any of them is no overflow.
const SEQ_LIMIT: u64 = 1 << 63;

/// A file begins with a number below this: what it leaves to [`SEQ_LIMIT`] is never used up.
pub(super) const BASE_LIMIT: u64 = 1 << 62;

/// What is put around an entry, so that it is told from what the journal writes for itself.
const ENTRY: (&str, &str) = ("{\"entry\":", "}");

/// The longest line that is ever written, and so the longest that is looked at.
pub(super) const LINE_LIMIT: usize = AROUND_JSON + ENTRY.0.len() + ENTRY.1.len() + RECORD_LIMIT;

/// A line that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) crc: u32,
    /// The checksum of the line before; records of another file, or behind a lost one, do not fit.
    pub(super) prev: u32,
    pub(super) seq: u64,
    /// The highest number that was known to be durable when this was written.
    pub(super) committed: u64,
    pub(super) json: &'a str,
    /// How many bytes the line has.
    pub(super) len: usize,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Payload<'a> {
    /// The first line of a file.
    Epoch(Epoch),
    /// A recovery cut off a torn tail before this line.
    Recovered(Cut),
    /// The text of a caller.
    Entry(&'a str),
}

impl<'a> Payload<'a> {
    /// The text of a caller in the JSON of an entry.
    pub(super) fn entry_of(json: &'a str) -> Option<&'a str> {
        json.strip_prefix(ENTRY.0)?.strip_suffix(ENTRY.1)
    }
}

/// Where a file begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Epoch {
    pub(super) v: u32,
    /// Random, so that no line of another file fits this one.
    pub(super) id: String,
}

/// What a recovery cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cut {
    pub(super) at: u64,
    pub(super) bytes: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Own {
    Epoch(Epoch),
    Recovered(Cut),
}

impl<'a> Frame<'a> {
    /// Reads the line that `bytes` begin with; `None` unless it is whole and its checksum is right.
    ///
    /// A zero byte ends it like a newline does: lost blocks read as zeros, and what is behind them is another
    /// line.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let window = bytes.get(..LINE_LIMIT.min(bytes.len()))?;
        let end = window.iter().position(|byte| matches!(byte, b'\n' | 0))?;
        if window.get(end) != Some(&b'\n') {
            return None;
        }
        let line = std::str::from_utf8(window.get(..end)?).ok()?;
        let (crc, checked) = line.split_once(' ')?;
        let crc = hex(crc).filter(|crc| *crc == checksum(checked))?;
        let mut fields = checked.splitn(5, ' ');
        let prev = hex(fields.next()?)?;
        let seq = fields.next()?.parse().ok().filter(|seq| *seq < SEQ_LIMIT)?;
        let committed = fields.next()?.parse().ok()?;
        let len: usize = fields.next()?.parse().ok()?;
        let json = fields.next().filter(|json| json.len() == len)?;
        Some(Self { crc, prev, seq, committed, json, len: end + 1 })
    }

    /// What it says; `None` for what this version does not write.
    pub(super) fn payload(&self) -> Option<Payload<'a>> {
        if let Some(text) = Payload::entry_of(self.json) {
            return Some(Payload::Entry(text));
        }
        match serde_json::from_str(self.json).ok()? {
            Own::Epoch(epoch) => Some(Payload::Epoch(epoch)),
            Own::Recovered(cut) => Some(Payload::Recovered(cut)),
        }
    }
}

/// The JSON of an entry as it is in the file.
pub(super) fn entry_json(text: &str) -> String {
    [ENTRY.0, text, ENTRY.1].concat()
}

/// The JSON of a first line.
pub(super) fn epoch_json(id: &str) -> String {
    own_json(&Own::Epoch(Epoch { v: VERSION, id: id.to_owned() }))
}

/// The JSON of a line after a cut.
pub(super) fn recovered_json(cut: Cut) -> String {
    own_json(&Own::Recovered(cut))
}

fn own_json(own: &Own) -> String {
    // Numbers and text always have a JSON form; an empty one would be refused by every reader.
    serde_json::to_string(own).unwrap_or_default()
}

/// Writes lines that continue each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chain {
    /// The checksum of the last line.
    pub(super) crc: u32,
    /// The number of the last line.
    pub(super) seq: u64,
}

impl Chain {
    /// Writes a first line, which has the number before that of the first record.
    pub(super) fn begin(out: &mut String, seq: u64, committed: u64, json: &str) -> Self {
        Self::line(out, Self { crc: 0, seq }, committed, json)
    }

    /// Adds the next line to `out`.
    pub(super) fn push(&mut self, out: &mut String, committed: u64, json: &str) {
        *self = Self::line(out, Self { crc: self.crc, seq: self.seq + 1 }, committed, json);
    }

    fn line(out: &mut String, Self { crc: prev, seq }: Self, committed: u64, json: &str) -> Self {
        let checked = format!("{prev:08x} {seq} {committed} {} {json}", json.len());
        let crc = checksum(&checked);
        // Writing to a string does not fail.
        let _ = writeln!(out, "{crc:08x} {checked}");
        Self { crc, seq }
    }
}

fn checksum(text: &str) -> u32 {
    crc32fast::hash(text.as_bytes())
}

/// Eight hexadecimal digits as they are written: lower case, no sign.
fn hex(digits: &str) -> Option<u32> {
    let is_ours = digits.len() == 8 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    u32::from_str_radix(digits, 16).ok().filter(|_| is_ours)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(crc: u32, before: u64, committed: u64, json: &str) -> (String, Chain) {
        let (mut chain, mut out) = (Chain { crc, seq: before }, String::new());
        chain.push(&mut out, committed, json);
        (out, chain)
    }

    proptest! {
        #[test]
        fn a_line_is_read_as_it_was_written(
            crc in any::<u32>(),
            before in 0..SEQ_LIMIT - 1,
            committed in any::<u64>(),
            text in "[^\u{0}-\u{1f}]*",
            rest in any::<Vec<u8>>(),
        ) {
            let json = entry_json(&text);
            let (line, chain) = line(crc, before, committed, &json);
            let bytes = [line.as_bytes(), &rest].concat();
            let frame = Frame::parse(&bytes).expect("it is whole");
            prop_assert_eq!((frame.crc, frame.seq), (chain.crc, chain.seq));
            prop_assert_eq!((frame.prev, frame.committed, frame.len), (crc, committed, line.len()));
            prop_assert_eq!(frame.payload(), Some(Payload::Entry(&text)));
        }

        #[test]
        fn a_line_with_one_wrong_bit_is_none(text in "[a-z]{0,40}", at in any::<prop::sample::Index>(), bit in 0..8_u8) {
            let (line, _) = line(7, 3, 2, &entry_json(&text));
            let mut bytes = line.into_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= 1_u8 << bit;
            prop_assert_eq!(Frame::parse(&bytes), None);
        }
    }

    #[test]
    fn the_format_is_the_one_that_is_described() {
        let (line, _) = line(0xc0ff_ee00, 4, 3, &entry_json("{\"a\":1}"));
        assert_eq!(line, "68c9dce6 c0ffee00 5 3 17 {\"entry\":{\"a\":1}}\n");
        assert_eq!(epoch_json("0123456789abcdef"), "{\"epoch\":{\"v\":1,\"id\":\"0123456789abcdef\"}}");
        assert_eq!(recovered_json(Cut { at: 40, bytes: 5 }), "{\"recovered\":{\"at\":40,\"bytes\":5}}");
    }
}
