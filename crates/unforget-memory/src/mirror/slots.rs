//! Where in the file each line is.

use std::path::Path;

use sha2::{Digest, Sha256};
use unforget_fs::disk::Disk;
use unforget_fs::{FileInPlace, Files};

use crate::Result;

/// The bytes of a record: offset, length, check.
const RECORD: u64 = 16;

/// Where a line is, without the line break after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offset: u64,
    pub(crate) len: u32,
    check: u32,
}

impl Place {
    /// The place of a line of a slot.
    pub(crate) fn of(slot: u64, offset: u64, line: &str) -> Self {
        let len = u32::try_from(line.len()).unwrap_or(u32::MAX);
        Self { offset, len, check: check(slot, offset, line.as_bytes()) }
    }

    /// Whether these bytes are the line that was written there, so that nothing else is ever taken away.
    pub(crate) fn has(&self, slot: u64, line: &[u8]) -> bool {
        self.len as usize == line.len() && self.check == check(slot, self.offset, line)
    }
}

/// A file of places, each at the number of its slot. No line has slot 0: what stands there is the epoch.
///
/// What stands in it is believed only if the cursor is, and even then a line is compared before it is taken away. A
/// length of 0 is a slot without a line.
#[derive(Debug)]
pub(crate) struct Slots<D: Disk> {
    file: FileInPlace<D>,
}

impl<D: Disk> Slots<D> {
    pub(crate) fn open(files: &Files<D>, path: &Path) -> Result<Self> {
        Ok(Self { file: files.open_or_create_in_place(path)? })
    }

    /// Whether these are the slots of an epoch, and not those of another one, or none because they were removed.
    pub(crate) fn are_of(&self, epoch: u64) -> Result<bool> {
        Ok(self.file.read(0, 8)? == epoch.to_le_bytes())
    }

    /// The place of the line of a slot, if it has one.
    pub(crate) fn get(&self, slot: u64) -> Result<Option<Place>> {
        Ok(decode(&self.file.read(slot * RECORD, 16)?))
    }

    pub(crate) fn put(&self, slot: u64, place: Option<Place>) -> Result<()> {
        Ok(self.file.write(&encode(place), slot * RECORD)?)
    }

    /// Forgets every slot and takes these, which are in the order of their numbers, for an epoch.
    pub(crate) fn rewrite(&self, epoch: u64, places: &[(u64, Place)]) -> Result<()> {
        self.file.set_len(0)?;
        self.file.write(&epoch.to_le_bytes(), 0)?;
        let mut rest = places;
        while let Some((first, _)) = rest.first() {
            // A gap in the numbers is written as zeros while it is short: one call instead of two.
            let run =
                rest.windows(2).take_while(|pair| matches!(pair, [(a, _), (b, _)] if b - a <= 64)).count()
                    + 1;
            let (now, later) = rest.split_at(run.min(1 << 14));
            let last = now.last().map_or(*first, |(slot, _)| *slot);
            let mut bytes = vec![0; usize::try_from((last - first + 1) * RECORD).unwrap_or(0)];
            for (slot, place) in now {
                let at = usize::try_from((slot - first) * RECORD).unwrap_or(usize::MAX);
                if let Some(record) = bytes.get_mut(at..at.saturating_add(16)) {
                    record.copy_from_slice(&encode(Some(*place)));
                }
            }
            self.file.write(&bytes, first * RECORD)?;
            rest = later;
        }
        Ok(())
    }
}

fn encode(place: Option<Place>) -> [u8; 16] {
    let Some(Place { offset, len, check }) = place else { return [0; 16] };
    let (offset, len, check) = (offset.to_le_bytes(), len.to_le_bytes(), check.to_le_bytes());
    std::array::from_fn(|at| offset.iter().chain(&len).chain(&check).nth(at).copied().unwrap_or(0))
}

fn decode(bytes: &[u8]) -> Option<Place> {
    let (offset, rest) = bytes.split_first_chunk::<8>()?;
    let (len, rest) = rest.split_first_chunk::<4>()?;
    let (check, _) = rest.split_first_chunk::<4>()?;
    let place = Place {
        offset: u64::from_le_bytes(*offset),
        len: u32::from_le_bytes(*len),
        check: u32::from_le_bytes(*check),
    };
    (place.len > 0).then_some(place)
}

fn check(slot: u64, offset: u64, line: &[u8]) -> u32 {
    let mut digest = Sha256::new();
    digest.update(slot.to_le_bytes());
    digest.update(offset.to_le_bytes());
    digest.update(line);
    digest.finalize().first_chunk::<4>().map_or(0, |first| u32::from_le_bytes(*first))
}

#[cfg(test)]
mod tests {
    use unforget_fs::sim::SimDisk;

    use super::*;

    fn slots() -> Slots<SimDisk> {
        Slots::open(&Files::on(&SimDisk::new()), "/slots".as_ref()).unwrap()
    }

    #[test]
    fn a_slot_keeps_its_place_until_it_has_no_line() {
        let slots = slots();
        let place = Place::of(5, 100, "a line");
        slots.put(5, Some(place)).unwrap();
        assert_eq!(slots.get(5).unwrap(), Some(place));
        assert_eq!([slots.get(4).unwrap(), slots.get(6).unwrap(), slots.get(1 << 30).unwrap()], [None; 3]);
        assert!(place.has(5, b"a line") && !place.has(5, b"a lime") && !place.has(6, b"a line"));
        slots.put(5, None).unwrap();
        assert_eq!(slots.get(5).unwrap(), None);
    }

    #[test]
    fn all_slots_are_rewritten_across_gaps() {
        let slots = slots();
        slots.put(9, Some(Place::of(9, 1, "old"))).unwrap();
        let numbers = [2, 3, 40, 41, 5_000, 5_001, 5_100];
        let places: Vec<_> = numbers.iter().map(|slot| (*slot, Place::of(*slot, slot * 7, "new"))).collect();
        slots.rewrite(7, &places).unwrap();
        assert!(slots.are_of(7).unwrap() && !slots.are_of(8).unwrap());
        for slot in 1..5_200 {
            let expected = places.iter().find(|(number, _)| *number == slot).map(|(_, place)| *place);
            assert_eq!(slots.get(slot).unwrap(), expected, "slot {slot}");
        }
    }
}
