//! The usual way: a few changes, in a file that is as it was left.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use unforget_fs::FileInPlace;
use unforget_fs::disk::Disk;

use super::Lines;
use crate::Result;
use crate::mirror::cursor::{Cursor, Look};
use crate::mirror::feed::{Change, Changes, Feed};
use crate::mirror::slots::{Place, Slots};

/// How many changes are taken at once.
const CHANGES: usize = 1024;

/// A file is written anew when it has more blanks than lines, and more than this.
const BLANKS: u64 = 64 << 10;

/// After so many changes the file is made durable.
const UNSYNCED_CHANGES: u64 = 1024;

/// After so long the next drain makes the file durable.
const UNSYNCED_MS: u64 = 5_000;

pub(super) enum Followed {
    /// The file shows everything up to this change, and there is no other.
    UpTo(u64),
    /// The file shows more than before, and there are more changes.
    More,
    /// The file is not as it was left.
    Differs,
    /// The file shows everything up to this change, and has more blanks than lines.
    Blanks(u64),
}

/// What is to be done to the file.
struct Edit {
    /// Where the file ends.
    begin: u64,
    /// What is appended.
    text: String,
    /// Where each line will be.
    places: BTreeMap<u64, Option<Place>>,
    /// What is blanked afterwards, by slot.
    old: Vec<(u64, Place)>,
}

impl<D: Disk> Lines<D> {
    /// Appends what came, then blanks what went, then says so.
    pub(super) fn follow(
        &self,
        feed: &impl Feed,
        mut cursor: Cursor,
        still_ours: &dyn Fn() -> Result<()>,
    ) -> Result<Followed> {
        let now_ms = feed.now_ms();
        let changes = feed.changes(cursor.applied, CHANGES)?;
        if !changes.continue_after(cursor.applied, cursor.mark) {
            return Ok(Followed::Differs);
        }
        let Changes { rows, last, .. } = changes;
        let Some((reached, mark)) = rows.last().map(|change| (change.seq, change.mark)) else {
            let reached = cursor.applied;
            self.sync_if_due(feed, cursor, now_ms)?;
            return Ok(Followed::UpTo(reached));
        };
        let Some(file) = self.files.open_in_place(&self.places.file)? else { return Ok(Followed::Differs) };
        let slots = Slots::open(&self.files, &self.places.slots)?;
        let Some(edit) = plan(&file, &slots, &cursor, &rows)? else { return Ok(Followed::Differs) };
        if !edit.write(&file, &slots)? {
            return Ok(Followed::Differs);
        }
        still_ours()?;
        let entry = file.entry()?;
        let blanked: u64 = edit.old.iter().map(|(_, place)| u64::from(place.len)).sum();
        cursor.live = (cursor.live + edit.text.len() as u64).saturating_sub(blanked);
        cursor.blank += blanked;
        if entry.len() != edit.end() || !file.is_named()? {
            return Ok(Followed::Differs);
        }
        (cursor.look, cursor.applied, cursor.mark) = (Look::of(&entry), reached, mark);
        cursor.drained_ms = now_ms;
        cursor.write(&self.files, &self.places.cursor)?;
        let borne = BLANKS.max(cursor.live).max(self.borne_blanks.load(Ordering::Relaxed));
        let has_too_many = cursor.blank > borne;
        self.sync_if_due(feed, cursor, now_ms)?;
        Ok(match (reached >= last, has_too_many) {
            (false, _) => Followed::More,
            (true, true) => Followed::Blanks(reached),
            (true, false) => Followed::UpTo(reached),
        })
    }

    /// Makes the file durable if it is as it was left and not durable yet.
    pub(crate) fn sync_now(&self, feed: &impl Feed) -> Result<()> {
        match (Cursor::read(&self.files, &self.places.cursor)?, self.look()?) {
            (Some(cursor), Some(entry))
                if self.describes(&cursor, &entry) && cursor.durable < cursor.applied =>
            {
                self.sync(feed, cursor, feed.now_ms())
            }
            _ => Ok(()),
        }
    }

    fn sync_if_due(&self, feed: &impl Feed, cursor: Cursor, now_ms: u64) -> Result<()> {
        let unsynced = cursor.applied - cursor.durable.min(cursor.applied);
        let is_due = unsynced >= UNSYNCED_CHANGES
            || unsynced > 0 && now_ms.saturating_sub(self.synced_ms.load(Ordering::Relaxed)) >= UNSYNCED_MS;
        if is_due { self.sync(feed, cursor, now_ms) } else { Ok(()) }
    }

    /// Makes the file durable; only then may the changes it shows be forgotten.
    fn sync(&self, feed: &impl Feed, mut cursor: Cursor, now_ms: u64) -> Result<()> {
        let Some(file) = self.files.open_in_place(&self.places.file)? else { return Ok(()) };
        if let Err(error) = file.sync() {
            // A second one would succeed and prove nothing: only another file will do.
            cursor.describing_nothing().write(&self.files, &self.places.cursor)?;
            return Err(error.into());
        }
        cursor.durable = cursor.applied;
        cursor.write(&self.files, &self.places.cursor)?;
        self.synced_ms.store(now_ms, Ordering::Relaxed);
        forget(feed, cursor.durable);
        Ok(())
    }
}

/// Has the graph forget changes that the file shows durably. That it cannot now, as when a process is stopped in its
/// turn, is no failure of the file; the next time brings these too.
pub(super) fn forget(feed: &impl Feed, durable: u64) {
    let _ = feed.durable(durable);
}

/// What the changes come to; `None` if file and slots are not those of the cursor.
fn plan<D: Disk>(
    file: &FileInPlace<D>,
    slots: &Slots<D>,
    cursor: &Cursor,
    rows: &[Change],
) -> Result<Option<Edit>> {
    if Look::of(&file.entry()?) != cursor.look || !slots.are_of(cursor.epoch)? {
        return Ok(None);
    }
    let latest: BTreeMap<u64, usize> =
        rows.iter().enumerate().map(|(at, change)| (change.slot, at)).collect();
    let mut edit =
        Edit { begin: cursor.look.len, text: String::new(), places: BTreeMap::new(), old: Vec::new() };
    for (at, Change { slot, line, .. }) in rows.iter().enumerate() {
        if latest.get(slot) != Some(&at) {
            continue;
        }
        edit.old.extend(slots.get(*slot)?.map(|old| (*slot, old)));
        edit.places.insert(*slot, line.as_ref().map(|line| Place::of(*slot, edit.end(), line)));
        if let Some(line) = line {
            edit.text.push_str(line);
            edit.text.push('\n');
        }
    }
    Ok(Some(edit))
}

impl Edit {
    /// Where the file will end.
    fn end(&self) -> u64 {
        self.begin + self.text.len() as u64
    }

    /// Appends first: whoever reads meanwhile may meet a line twice and never misses it. False if somebody else changed the
    /// file; what they appended is not written over then, and what they put in the place of a line is not blanked.
    fn write<D: Disk>(&self, file: &FileInPlace<D>, slots: &Slots<D>) -> Result<bool> {
        match file.append(self.text.as_bytes()) {
            Ok(true) if file.entry()?.len() == self.end() => {}
            Ok(_) => return Ok(false),
            Err(error) => {
                self.take_back(file)?;
                return Err(error.into());
            }
        }
        for (slot, old) in &self.old {
            if !blank(file, *slot, *old)? {
                return Ok(false);
            }
        }
        self.places.iter().try_for_each(|(slot, place)| slots.put(*slot, *place))?;
        Ok(true)
    }

    /// Half a line at the end would keep the file from being read. It is cut off if it is ours.
    fn take_back<D: Disk>(&self, file: &FileInPlace<D>) -> Result<()> {
        let written = file.read(self.begin, self.text.len() + 1)?;
        if !written.is_empty() && self.text.as_bytes().starts_with(&written) {
            file.set_len(self.begin)?;
        }
        Ok(())
    }
}

/// Takes a line away, unless something else is in its place.
fn blank<D: Disk>(file: &FileInPlace<D>, slot: u64, old: Place) -> Result<bool> {
    let mut bytes = file.read(old.offset, old.len as usize + 1)?;
    if bytes.pop() != Some(b'\n') || !old.has(slot, &bytes) {
        return Ok(false);
    }
    bytes.fill(b' ');
    file.write(&bytes, old.offset)?;
    Ok(true)
}
