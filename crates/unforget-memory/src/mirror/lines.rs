//! Keeping a file of lines in step, under the mirror's lock.
//!
//! # Invariants
//!
//! 1. What the file shows is the graph at `applied`, or the cursor does not describe the file. The cursor is written
//!    last, so a process that ends half-way leaves a file that the next one reads.
//! 2. A line is blanked after the one that replaces it was appended: who reads at any moment may meet an entity twice,
//!    and never misses it.
//! 3. Only what was written here is taken away: bytes are compared before they are blanked, and a file that is not as
//!    it was left is read before it is replaced.

mod follow;
mod rebuild;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use unforget_fs::Files;
use unforget_fs::disk::{Disk, Entry};

use super::cursor::{Boot, Cursor, Look};
use super::feed::Feed;
use super::report::MergeReport;
use crate::{Error, Result};
use follow::Followed;

/// How often the file is read anew in one drain because somebody else changes it all the time.
const ROUNDS: usize = 8;

/// The places of a mirror.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// The file of lines.
    pub(crate) file: PathBuf,
    pub(crate) cursor: PathBuf,
    pub(crate) slots: PathBuf,
    /// A directory for what was there before the first drain.
    pub(crate) imported: PathBuf,
}

/// A file of lines with its cursor and slots.
#[derive(Debug)]
pub(crate) struct Lines<D: Disk> {
    files: Files<D>,
    places: Places,
    /// This boot, where the system tells.
    boot: Option<Boot>,
    /// Whether this process has drained: then the file was looked at in this boot, also where no boot is told.
    has_drained: AtomicBool,
    /// When this process last knew the file durable, in milliseconds since 1970.
    synced_ms: AtomicU64,
    /// So many bytes of blanks are borne, because there was no room for another file when there were fewer.
    borne_blanks: AtomicU64,
}

/// What a drain did.
#[derive(Debug, Default)]
pub(crate) struct Drained {
    /// The last change that the file shows.
    pub(crate) applied: u64,
    /// What was found in a file that was not as it was left.
    pub(crate) reports: Vec<MergeReport>,
}

impl<D: Disk> Lines<D> {
    pub(crate) fn new(disk: &D, places: Places, boot: Option<Boot>) -> Self {
        Self {
            files: Files::on(disk),
            places,
            boot,
            has_drained: AtomicBool::new(false),
            synced_ms: AtomicU64::new(0),
            borne_blanks: AtomicU64::new(0),
        }
    }

    pub(crate) fn places(&self) -> &Places {
        &self.places
    }

    /// The last change that the file shows, by the cursor alone: needs no lock, and is `None` if there is any doubt.
    pub(crate) fn applied(&self) -> Option<u64> {
        let cursor = Cursor::read(&self.files, &self.places.cursor).ok()??;
        let entry = self.look().ok()??;
        self.describes(&cursor, &entry).then_some(cursor.applied)
    }

    /// The last change that the file showed when it was left, whatever became of it since.
    pub(crate) fn recorded(&self) -> Option<u64> {
        Some(Cursor::read(&self.files, &self.places.cursor).ok()??.applied)
    }

    /// Has the file show every change that was made before the call. `still_ours` says whether the lock is held.
    pub(crate) fn drain(&self, feed: &impl Feed, still_ours: &dyn Fn() -> Result<()>) -> Result<Drained> {
        let mut drained = Drained::default();
        let mut rounds = 0;
        while rounds < ROUNDS {
            let cursor = Cursor::read(&self.files, &self.places.cursor)?;
            let followed = match (&cursor, self.look()?) {
                (Some(cursor), Some(entry)) if self.describes(cursor, &entry) => {
                    self.follow(feed, cursor.clone(), still_ours)?
                }
                _ => Followed::Differs,
            };
            match followed {
                Followed::UpTo(applied) => {
                    drained.applied = applied;
                    self.has_drained.store(true, Ordering::Relaxed);
                    return Ok(drained);
                }
                Followed::More => {}
                Followed::Blanks(applied) => {
                    rounds += 1;
                    let Ok(report) = self.rebuild(feed, cursor.as_ref(), still_ours) else {
                        // It shows the changes, blanks or not; on a full disk there is no room for another file.
                        self.borne_blanks.store(2 * self.blanks()?, Ordering::Relaxed);
                        return Ok(Drained { applied, ..drained });
                    };
                    drained.reports.extend(report);
                }
                Followed::Differs => {
                    rounds += 1;
                    drained.reports.extend(self.rebuild(feed, cursor.as_ref(), still_ours)?);
                }
            }
        }
        Err(Error::MirrorContended { path: self.places.file.clone() })
    }

    fn blanks(&self) -> Result<u64> {
        Ok(Cursor::read(&self.files, &self.places.cursor)?.map_or(0, |cursor| cursor.blank))
    }

    /// What the path of the file names; a link is refused.
    fn look(&self) -> Result<Option<Entry>> {
        let path = || self.places.file.clone();
        let entry = self.files.look(&self.places.file)?;
        match &entry {
            Some(entry) if entry.is_symlink() => Err(unforget_fs::Error::Symlink { path: path() }.into()),
            Some(entry) if !entry.is_regular() => {
                Err(unforget_fs::Error::NotRegular { path: path(), found: entry.kind().as_str() }.into())
            }
            Some(entry) if entry.mode() & 0o200 == 0 => {
                let source = std::io::ErrorKind::PermissionDenied.into();
                Err(unforget_fs::Error::Io { operation: "write", path: path(), source }.into())
            }
            _ => Ok(entry),
        }
    }

    /// Whether a cursor may be believed, and says of the file what it is.
    ///
    /// After another boot it may not, whatever it says: of what was written in between, the disk may have any part, and
    /// the times of a file are not written with its content.
    fn describes(&self, cursor: &Cursor, entry: &Entry) -> bool {
        let is_of_this_boot = match &self.boot {
            Some(boot) => *boot == cursor.boot,
            None => self.has_drained.load(Ordering::Relaxed),
        };
        is_of_this_boot && entry.links() == 1 && cursor.look == Look::of(entry)
    }
}
