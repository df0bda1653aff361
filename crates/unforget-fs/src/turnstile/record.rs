//! The word of whoever has the turn, or is next in line.

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::Error;
use crate::dir::{self, Dir};
use crate::disk::Open;

/// The record has one size, so that one write replaces it whole: two numbers of at most 20 digits, a space, a
/// newline.
const RECORD_SIZE: usize = 42;

/// Writes down who has the turn, in the place of the two files.
///
/// Set by whoever has what it tells of, and by nobody else at the time; a process that is killed leaves what it set.
/// It informs people and protects nothing, so it cannot fail, and it should take no time: others wait.
pub trait TurnRecord: fmt::Debug + Send + Sync {
    /// Sets who has the turn; `None` as it is given back.
    fn set_holder(&self, holder: Option<TurnHolder>);

    /// Sets who is next in line; `None` as it gets the turn. Not called for who does not have to wait.
    fn set_next(&self, next: Option<TurnHolder>);
}

/// Who has the turn, or is next in line for it, by its own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TurnHolder {
    /// The process id, in the holder's own pid namespace.
    pub pid: u32,
    /// When its turn or its waiting began, in milliseconds since 1970 by its wall clock; whole seconds if its record
    /// has no more.
    pub since_ms: u64,
    /// Whether it is next in line and does not have the turn.
    pub waits: bool,
}

impl TurnHolder {
    /// Makes a holder of what was recorded, for a [`TurnRecord`] that is read back.
    pub fn new(pid: u32, since_ms: u64, waits: bool) -> Self {
        Self { pid, since_ms, waits }
    }

    fn parse(record: &[u8]) -> Option<Self> {
        let mut fields = std::str::from_utf8(record).ok()?.split_ascii_whitespace();
        let (pid, since_ms) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        fields.next().is_none().then_some(Self { pid, since_ms, waits: false })
    }
}

impl fmt::Display for TurnHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let next = if self.waits { " (next in line)" } else { "" };
        write!(f, "process {}{next} since {}", self.pid, crate::timestamp::Utc::from_ms(self.since_ms))
    }
}

/// Writes a record. It informs and protects nothing, so a full disk must not take the turn from us.
pub(super) fn write(file: &File, holder: Option<TurnHolder>) {
    let record =
        holder.map_or_else(String::new, |TurnHolder { pid, since_ms, .. }| format!("{pid} {since_ms}"));
    let padded = format!("{record:<width$}\n", width = RECORD_SIZE - 1);
    let _ = dir::write_at_start(file, padded.as_bytes());
}

pub(super) fn read(dir: &Path, name: &str) -> Result<Option<TurnHolder>, Error> {
    let path = dir.join(name);
    let opened = Dir::open(dir).and_then(|dir| dir.open_file(OsStr::new(name), Open::Read));
    let file = match opened {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io("open", &path, e)),
    };
    let mut record = Vec::with_capacity(RECORD_SIZE);
    match file.take(RECORD_SIZE as u64).read_to_end(&mut record) {
        Ok(_) => Ok(TurnHolder::parse(&record)),
        // Where locks are mandatory, nobody reads a locked file.
        Err(_) if cfg!(windows) => Ok(None),
        Err(e) => Err(Error::io("read", &path, e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_two_numbers_and_nothing_else() {
        let holder = |pid, since_ms| Some(TurnHolder { pid, since_ms, waits: false });
        assert_eq!(TurnHolder::parse(b"12 1790000000000      \n"), holder(12, 1_790_000_000_000));
        assert_eq!(TurnHolder::parse(b"                      \n"), None);
        for broken in [&b""[..], b"12", b"12 x", b"12 13 14", b"-1 5", b"\xff\xfe 5", b"99999999999 5"] {
            assert_eq!(TurnHolder::parse(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn the_largest_record_fits() {
        assert!(format!("{} {}", u32::MAX, u64::MAX).len() < RECORD_SIZE);
    }

    #[test]
    fn a_holder_is_shown_to_people() {
        let holder = TurnHolder { pid: 12, since_ms: 1_790_000_000_000, waits: false };
        assert_eq!(holder.to_string(), "process 12 since 2026-09-21 14:13:20 UTC");
    }
}
