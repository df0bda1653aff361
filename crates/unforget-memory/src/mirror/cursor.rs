//! How far a mirror is, and what its file looked like when it was left.

use std::path::Path;

use sha2::{Digest, Sha256};
use unforget_fs::disk::{Disk, Entry};
use unforget_fs::{FileInPlace, Files};

use crate::Result;

/// The size of a record: a part of one sector, so that no power failure leaves half of one.
const RECORD: usize = 144;
const BODY: usize = RECORD - 8;
const MAGIC: &[u8; 8] = b"unfgmir2";

/// A boot of the machine; the page cache and with it everything that was written ends with it.
pub(crate) type Boot = [u8; 16];

/// The one record of a cursor file.
///
/// It is written last, by one call, after the file and its slots. So a record that can be read and whose file looks as
/// it says describes the file as it is; in every other case the file is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The last change that the file shows.
    pub(crate) applied: u64,
    /// What tells that change from another one of its number, in a database that was set back.
    pub(crate) mark: i64,
    /// The last change that the file shows also after a power failure.
    pub(crate) durable: u64,
    /// The boot in which it was written.
    pub(crate) boot: Boot,
    pub(crate) look: Look,
    /// Bytes of lines that count.
    pub(crate) live: u64,
    /// Bytes of lines that were blanked.
    pub(crate) blank: u64,
    /// A moment before the changes were looked up that it shows, in milliseconds since 1970.
    pub(crate) drained_ms: u64,
    /// Which slots it belongs to: those that begin with the same.
    pub(crate) epoch: u64,
}

/// What tells whether somebody else changed or replaced a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Look {
    id: [u8; 32],
    pub(crate) len: u64,
    changed_ns: i128,
}

impl Look {
    /// The look of a regular file.
    pub(crate) fn of(entry: &Entry) -> Self {
        Self { id: entry.id().to_bytes(), len: entry.len(), changed_ns: entry.changed_ns() }
    }

    /// Whether it is the same file, whatever became of its content.
    pub(crate) fn is_same_file(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Cursor {
    /// The same, but true of no file.
    pub(crate) fn describing_nothing(mut self) -> Self {
        self.look.len = u64::MAX;
        self
    }

    pub(crate) fn describes_nothing(&self) -> bool {
        self.look.len == u64::MAX
    }

    /// Begins an epoch that no other cursor has had.
    pub(crate) fn in_new_epoch(mut self) -> Self {
        self.epoch = u64::from_le_bytes(checksum(&self.encode()));
        self
    }

    /// Reads the record; `None` if there is none, or none that is whole.
    pub(crate) fn read<D: Disk>(files: &Files<D>, path: &Path) -> Result<Option<Self>> {
        let Some(file) = files.open_in_place(path)? else { return Ok(None) };
        Ok(Self::decode(&file.read(0, RECORD)?))
    }

    /// Writes the record by one call.
    pub(crate) fn write<D: Disk>(&self, files: &Files<D>, path: &Path) -> Result<()> {
        let file: FileInPlace<D> = files.open_or_create_in_place(path)?;
        Ok(file.write(&self.encode(), 0)?)
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(RECORD);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.applied.to_le_bytes());
        bytes.extend_from_slice(&self.mark.to_le_bytes());
        bytes.extend_from_slice(&self.durable.to_le_bytes());
        bytes.extend_from_slice(&self.boot);
        bytes.extend_from_slice(&self.look.id);
        bytes.extend_from_slice(&self.look.len.to_le_bytes());
        bytes.extend_from_slice(&self.look.changed_ns.to_le_bytes());
        bytes.extend_from_slice(&self.live.to_le_bytes());
        bytes.extend_from_slice(&self.blank.to_le_bytes());
        bytes.extend_from_slice(&self.drained_ms.to_le_bytes());
        bytes.extend_from_slice(&self.epoch.to_le_bytes());
        let check = checksum(&bytes);
        bytes.extend_from_slice(&check);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (body, check) = bytes.split_at_checked(BODY)?;
        if check != checksum(body) {
            return None;
        }
        let mut rest = body.strip_prefix(MAGIC)?;
        Some(Self {
            applied: u64::from_le_bytes(take(&mut rest)?),
            mark: i64::from_le_bytes(take(&mut rest)?),
            durable: u64::from_le_bytes(take(&mut rest)?),
            boot: take(&mut rest)?,
            look: Look {
                id: take(&mut rest)?,
                len: u64::from_le_bytes(take(&mut rest)?),
                changed_ns: i128::from_le_bytes(take(&mut rest)?),
            },
            live: u64::from_le_bytes(take(&mut rest)?),
            blank: u64::from_le_bytes(take(&mut rest)?),
            drained_ms: u64::from_le_bytes(take(&mut rest)?),
            epoch: u64::from_le_bytes(take(&mut rest)?),
        })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*first)
}

fn checksum(bytes: &[u8]) -> [u8; 8] {
    let digest = Sha256::digest(bytes);
    std::array::from_fn(|at| digest.get(at).copied().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor() -> Cursor {
        let look = Look { id: [7; 32], len: 99, changed_ns: -5 };
        let (boot, drained_ms) = ([3; 16], 1 << 40);
        Cursor { applied: 12, mark: -3, durable: 9, boot, look, live: 80, blank: 19, drained_ms, epoch: 4 }
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let bytes = cursor().encode();
        assert_eq!(bytes.len(), RECORD);
        assert_eq!(Cursor::decode(&bytes), Some(cursor()));
    }

    #[test]
    fn a_record_with_any_bit_changed_is_none() {
        let bytes = cursor().encode();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                assert_eq!(Cursor::decode(&changed), None, "byte {at}, bit {bit}");
            }
            assert_eq!(Cursor::decode(&bytes[..at]), None, "a short record is none");
        }
    }
}
