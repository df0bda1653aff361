//! The slow way: the file is read, what is new in it is taken over, and it is written anew.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use unforget_fs::disk::{Disk, Entry};
use unforget_fs::{Displaced, Durability, Error as FileError, ReplaceOptions};

use super::Lines;
use super::follow::forget;
use crate::Result;
use crate::mirror::cursor::{Cursor, Look};
use crate::mirror::feed::{Feed, Snapshot};
use crate::mirror::foreign::Foreign;
use crate::mirror::report::{Finding, MergeReport};
use crate::mirror::short_digest;
use crate::mirror::slots::{Place, Slots};

/// What was deleted so shortly before a file was written is not new in it: its writer had read it before. Programs
/// read and write in a moment; a person with an editor takes longer.
const READ_BEFORE_MS: u64 = 10 * 60 * 1000;

/// How many changes are looked through to tell lines that are new from lines that are missed.
const CHANGES_LOOKED_AT: usize = 1 << 16;

/// A file as it was read.
struct Found {
    /// `None` if there was no file.
    look: Option<Look>,
    has_one_name: bool,
    modified_ms: u64,
    content: Vec<u8>,
}

impl<D: Disk> Lines<D> {
    /// Writes the file anew, with what others added to it. If it changes meanwhile nothing is replaced; the next round
    /// reads it again.
    pub(super) fn rebuild(
        &self,
        feed: &impl Feed,
        cursor: Option<&Cursor>,
        still_ours: &dyn Fn() -> Result<()>,
    ) -> Result<Vec<MergeReport>> {
        let now_ms = feed.now_ms();
        let Some(found) = self.find()? else { return Ok(Vec::new()) };
        let before = feed.snapshot()?;
        let foreign = Foreign::read(&found.content, &before);
        let mut report = MergeReport::new(self.places.file.clone(), finding(cursor, &found));
        let snapshot = merge(feed, cursor, &found, &foreign, before, now_ms, &mut report)?;
        if report.loses_something() || cursor.is_none() && !found.content.is_empty() {
            report.kept = Some(self.keep(&found.content, cursor.is_none(), &report.rejected_lines())?);
        }
        let content = content_of(&snapshot);
        // A file whose sync failed is replaced: another sync of it would succeed and prove nothing.
        let may_stay = cursor.is_none_or(|cursor| !cursor.describes_nothing());
        let put = self.put(&found, &content, may_stay, still_ours)?;
        let mut reports = vec![report];
        if let Put::Over(theirs, kept) = &put {
            reports.push(self.take_over(feed, cursor, (theirs, kept), &snapshot, now_ms)?);
        }
        if !matches!(put, Put::Refused) {
            self.note(feed, cursor, &snapshot, &content, now_ms)?;
        }
        reports.retain(MergeReport::says_something);
        Ok(reports)
    }

    /// Has the graph take over what another program gave the name just before it was exchanged.
    fn take_over(
        &self,
        feed: &impl Feed,
        cursor: Option<&Cursor>,
        (theirs, kept): (&Found, &Path),
        shown: &Snapshot,
        now_ms: u64,
    ) -> Result<MergeReport> {
        let foreign = Foreign::read(&theirs.content, shown);
        let mut report = MergeReport::new(self.places.file.clone(), Finding::Replaced);
        merge(feed, cursor, theirs, &foreign, shown.clone(), now_ms, &mut report)?;
        report.kept = Some(kept.to_owned());
        Ok(report)
    }

    /// Reads the file; `None` if it changed while it was read.
    fn find(&self) -> Result<Option<Found>> {
        let Some(entry) = self.look()? else {
            let (modified_ms, content) = (u64::MAX, Vec::new());
            return Ok(Some(Found { look: None, has_one_name: false, modified_ms, content }));
        };
        let Some(file) = self.files.open_in_place(&self.places.file)? else { return Ok(None) };
        let content = file.read_all()?;
        let look = Look::of(&entry);
        if Look::of(&file.entry()?) != look || look.len != content.len() as u64 {
            return Ok(None);
        }
        Ok(Some(Found::of(&entry, content)))
    }

    /// Keeps a copy of a file of which something will be gone. Its name is made of its content, so that the same one
    /// is kept once.
    fn keep(&self, content: &[u8], is_first: bool, rejected: &str) -> Result<PathBuf> {
        let digest = short_digest(content);
        let name = self.places.file.file_name().unwrap_or_default().to_os_string();
        let mut copy = name;
        let place = if is_first {
            copy.push(format!(".{digest}"));
            self.places.imported.join(&copy)
        } else {
            copy.push(format!(".before-merge-{digest}"));
            self.places.file.with_file_name(&copy)
        };
        self.create(&place, content)?;
        if is_first && !rejected.is_empty() {
            copy.push(".rejected");
            self.create(&place.with_file_name(&copy), rejected.as_bytes())?;
        }
        Ok(place)
    }

    fn create(&self, path: &Path, content: &[u8]) -> Result<()> {
        match self.files.create_new(path, content, &ReplaceOptions::new().create_parents(true)) {
            Ok(()) | Err(FileError::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Replaces the file unless it is no longer the one that was read; where the system can exchange names, another program
    /// that is faster even then is noticed. A file that has the right content already, and no
    /// other name by which it is changed, may stay.
    fn put(
        &self,
        found: &Found,
        content: &[u8],
        may_stay: bool,
        still_ours: &dyn Fn() -> Result<()>,
    ) -> Result<Put> {
        if may_stay && found.has_one_name && found.content == content {
            still_ours()?;
            return Ok(if self.is_still(found)? { Put::Done } else { Put::Refused });
        }
        let is_ours = || -> Result<(), Refused> {
            still_ours().map_err(Refused::Failed)?;
            if self.is_still(found).map_err(Refused::Failed)? { Ok(()) } else { Err(Refused::Changed) }
        };
        let mut put = Put::Done;
        let look = |displaced: &Displaced<'_, D>| {
            let content = displaced.read_all()?;
            if content != found.content {
                let kept = self.keep(&content, false, "").map_err(Refused::Failed)?;
                put = Put::Over(Found::of(&displaced.entry()?, content), kept);
            }
            Ok(())
        };
        let options = ReplaceOptions::new().durability(Durability::Full).create_parents(true);
        match self.files.exchange(&self.places.file, content, &options, is_ours, look) {
            Ok(()) => Ok(put),
            Err(Refused::Changed) => Ok(Put::Refused),
            Err(Refused::Failed(error)) => Err(error),
        }
    }

    fn is_still(&self, found: &Found) -> Result<bool> {
        Ok(self.look()?.as_ref().map(Look::of) == found.look)
    }

    /// Writes the slots of a file that was written anew, and then the cursor.
    ///
    /// Somebody may have been faster and replaced it again, so it is read; then the old cursor, which does not describe
    /// what they made, stays.
    fn note(
        &self,
        feed: &impl Feed,
        old: Option<&Cursor>,
        snapshot: &Snapshot,
        content: &[u8],
        now_ms: u64,
    ) -> Result<()> {
        let Some(file) = self.files.open_in_place(&self.places.file)? else { return Ok(()) };
        let look = Look::of(&file.entry()?);
        if file.read_all()? != content {
            return Ok(());
        }
        if let Some(old) = old.filter(|old| old.look.is_same_file(&look)) {
            // The file stays, and the slots are about to be no longer as its cursor says.
            old.clone().describing_nothing().write(&self.files, &self.places.cursor)?;
        }
        let cursor = Cursor {
            applied: snapshot.seq,
            mark: snapshot.mark,
            durable: snapshot.seq,
            boot: self.boot.unwrap_or_default(),
            look,
            live: content.len() as u64,
            blank: 0,
            drained_ms: now_ms,
            epoch: 0,
        };
        let cursor = cursor.in_new_epoch();
        // A file that stays was not synced by its writing.
        if let Err(error) = file.sync() {
            let untrusted = Cursor { durable: 0, ..cursor }.describing_nothing();
            untrusted.write(&self.files, &self.places.cursor)?;
            return Err(error.into());
        }
        let slots = Slots::open(&self.files, &self.places.slots)?;
        slots.rewrite(cursor.epoch, &places_of(snapshot))?;
        cursor.write(&self.files, &self.places.cursor)?;
        self.has_drained.store(true, Ordering::Relaxed);
        self.synced_ms.store(now_ms, Ordering::Relaxed);
        forget(feed, snapshot.seq);
        Ok(())
    }
}

impl Found {
    fn of(entry: &Entry, content: Vec<u8>) -> Self {
        let has_one_name = entry.links() == 1;
        Self { look: Some(Look::of(entry)), has_one_name, modified_ms: modified_ms(entry), content }
    }
}

/// What became of a replacement.
enum Put {
    Done,
    /// Another program gave the name to this file in the last moment. It was replaced, and a copy of it is kept.
    Over(Found, PathBuf),
    /// The file is no longer the one that was read.
    Refused,
}

/// Why a file was not replaced.
enum Refused {
    /// It is no longer the one that was read.
    Changed,
    Failed(crate::Error),
}

impl From<FileError> for Refused {
    fn from(error: FileError) -> Self {
        match error {
            FileError::AlreadyExists { .. } => Self::Changed,
            error => Self::Failed(error.into()),
        }
    }
}

/// Has the graph take over what is new to it, and answers what the file will be.
fn merge(
    feed: &impl Feed,
    cursor: Option<&Cursor>,
    found: &Found,
    foreign: &Foreign,
    before: Snapshot,
    now_ms: u64,
    report: &mut MergeReport,
) -> Result<Snapshot> {
    report.rejected.clone_from(&foreign.rejected);
    (report.unknown_fields, report.half_characters) = (foreign.unknown_fields, foreign.half_characters);
    if let Some(cursor) = cursor {
        let changes = feed.changes(cursor.applied, CHANGES_LOOKED_AT)?;
        let new: HashSet<u64> = changes.rows.iter().map(|change| change.slot).collect();
        // Where some were not kept, nobody can tell what is new from what is missed.
        if changes.continue_after(cursor.applied, cursor.mark) {
            report.put_back = foreign.lacks(&found.content, &before, |slot| new.contains(&slot));
        }
    }
    if foreign.items.is_empty() {
        return Ok(before);
    }
    // Nobody knows what a file without a cursor has shown: then every deletion after its writing is worth telling.
    let shown_ms = cursor.map_or(u64::MAX, |cursor| cursor.drained_ms);
    // A clock that was put back since has the latest deletions before it.
    let since_ms = found.modified_ms.min(shown_ms).min(now_ms).saturating_sub(READ_BEFORE_MS);
    report.set_merged(feed.merge(foreign.items.clone(), since_ms, shown_ms)?);
    feed.snapshot()
}

fn finding(cursor: Option<&Cursor>, found: &Found) -> Finding {
    match (cursor, &found.look) {
        (None, _) => Finding::First,
        (Some(_), None) => Finding::Missing,
        (Some(cursor), Some(look)) if cursor.look.is_same_file(look) => Finding::Changed,
        (Some(_), Some(_)) => Finding::Replaced,
    }
}

fn modified_ms(entry: &Entry) -> u64 {
    u64::try_from(entry.modified_ns() / 1_000_000).unwrap_or(0)
}

fn content_of(snapshot: &Snapshot) -> Vec<u8> {
    let mut content = Vec::with_capacity(snapshot.lines.iter().map(|(_, line)| line.len() + 1).sum());
    for (_, line) in &snapshot.lines {
        content.extend_from_slice(line.as_bytes());
        content.push(b'\n');
    }
    content
}

fn places_of(snapshot: &Snapshot) -> Vec<(u64, Place)> {
    let mut offset = 0;
    let mut places = Vec::with_capacity(snapshot.lines.len());
    for (slot, line) in &snapshot.lines {
        places.push((*slot, Place::of(*slot, offset, line)));
        offset += line.len() as u64 + 1;
    }
    places.sort_unstable_by_key(|(slot, _)| *slot);
    places
}
