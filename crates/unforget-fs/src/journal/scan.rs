//! Reading the lines of a journal, and telling a torn tail from damage.

use super::frame::{BASE_LIMIT, Chain, Frame, Payload, VERSION};

/// A line as it is kept in memory: everything that writing it again takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) seq: u64,
    pub(super) json: String,
    /// Where the caller's text is in the JSON; `None` for what the journal wrote for itself.
    pub(super) text: Option<(usize, usize)>,
}

/// How far a file was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) offset: u64,
    pub(super) chain: Chain,
    /// The number before that of the first record of the file.
    pub(super) base: u64,
    /// The highest number that a line says had been durable.
    pub(super) committed: u64,
    is_begun: bool,
}

/// What is behind the last line that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Free space.
    Clean,
    /// Something that was being written when its writer ended.
    Torn {
        /// How much there is, up to the last byte that is not zero.
        bytes: u64,
    },
    /// A record that had been durable.
    Corrupt,
    /// The file does not begin as a journal does, and nothing in it is a line of one.
    Foreign,
    /// A later version of the format.
    Newer(u32),
}

/// What is in a file, or in the rest of one.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) lines: Vec<Line>,
    /// Behind the last line that fits.
    pub(super) at: Position,
    pub(super) end: End,
}

impl Position {
    pub(super) const START: Self =
        Self { offset: 0, chain: Chain { crc: 0, seq: 0 }, base: 0, committed: 0, is_begun: false };

    /// Reads on from here, where `bytes` begin.
    ///
    /// Stops at the first line that is not whole or does not continue the one before: no record is ever
    /// skipped.
    pub(super) fn scan(self, bytes: &[u8]) -> Scan {
        let (mut at, mut lines, mut rest) = (self, Vec::new(), bytes);
        while let Some(frame) = Frame::parse(rest) {
            match at.accept(&frame) {
                Accepted::Line(line) => lines.extend(line),
                Accepted::Newer(version) => return Scan { lines, at, end: End::Newer(version) },
                Accepted::No => break,
            }
            rest = rest.get(frame.len..).unwrap_or_default();
        }
        Scan { lines, at, end: at.end(rest) }
    }

    /// Goes behind a line, if it is the next one.
    fn accept(&mut self, frame: &Frame<'_>) -> Accepted {
        let Some(payload) = frame.payload() else { return Accepted::No };
        let is_next = if self.is_begun { frame.seq == self.chain.seq + 1 } else { frame.seq < BASE_LIMIT };
        if !is_next || frame.prev != self.chain.crc {
            return Accepted::No;
        }
        let line = |text| Line { seq: frame.seq, json: frame.json.to_owned(), text };
        let line = match (payload, self.is_begun) {
            (Payload::Epoch(epoch), false) if epoch.v > VERSION => return Accepted::Newer(epoch.v),
            (Payload::Epoch(_), false) => {
                (self.is_begun, self.base) = (true, frame.seq);
                None
            }
            (Payload::Recovered(_), true) => Some(line(None)),
            (Payload::Entry(text), true) => Some(line(Some(within(frame.json, text)))),
            (Payload::Epoch(_), true) | (Payload::Recovered(_) | Payload::Entry(_), false) => {
                return Accepted::No;
            }
        };
        self.offset += frame.len as u64;
        self.chain = Chain { crc: frame.crc, seq: frame.seq };
        self.committed = self.committed.max(frame.committed);
        Accepted::Line(line)
    }

    /// Says what the bytes are that do not continue the lines before them.
    ///
    /// A line that was written when record `n` was durable says so. If there is such a line and `n` cannot be
    /// read, no crash did that: a crash loses only what was not synced.
    fn end(&self, rest: &[u8]) -> End {
        let claimed = claims(rest).max();
        if !self.is_begun {
            return if claimed.is_some() { End::Corrupt } else { End::Foreign };
        }
        if claimed.unwrap_or_default().max(self.committed) > self.chain.seq {
            return End::Corrupt;
        }
        match rest.iter().rposition(|byte| *byte != 0) {
            Some(last) => End::Torn { bytes: last as u64 + 1 },
            None => End::Clean,
        }
    }
}

/// What accepting a line gave.
enum Accepted {
    /// It is the next one; a first line holds no record.
    Line(Option<Line>),
    No,
    Newer(u32),
}

impl Line {
    /// A line with the text of a caller.
    pub(super) fn entry(seq: u64, text: &str) -> Self {
        let json = super::frame::entry_json(text);
        let text = Payload::entry_of(&json).map(|text| within(&json, text));
        Self { seq, json, text }
    }

    /// What the caller appended.
    pub(super) fn text(&self) -> Option<&str> {
        self.text.and_then(|(start, end)| self.json.get(start..end))
    }
}

/// Where `part` is in the text that it was cut from: everything around an entry has a fixed length.
fn within(json: &str, part: &str) -> (usize, usize) {
    let end = json.len() - 1;
    (end - part.len(), end)
}

/// What the whole lines in `bytes` say was durable, wherever they begin: behind a newline, or behind the
/// zeros of a block that was lost.
fn claims(bytes: &[u8]) -> impl Iterator<Item = u64> {
    let is_end = |byte: &u8| matches!(byte, b'\n' | 0);
    let mut before = 0;
    bytes.iter().enumerate().filter_map(move |(at, byte)| {
        let begins = is_end(&before) && !is_end(byte);
        before = *byte;
        let rest = bytes.get(at..).filter(|_| begins)?;
        Some(Frame::parse(rest)?.committed)
    })
}
