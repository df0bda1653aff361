//! A copy of a database that is in use, complete before it gets its name.
//!
//! SQLite's backup interface copies page by page. A write between two steps makes it begin again, unless the source is
//! in a read transaction: so the copy is taken in one pinned snapshot, which shows what had been committed when it was
//! taken, and neither waits for writers nor makes them wait. `VACUUM INTO` would do the same, but cannot say how far
//! it is, and gives new numbers to the rows of tables without an integer key.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use unforget_fs::{AtomicFile, ReplaceOptions};

use crate::restore::Claim;
use crate::{Blocker, Error, Result, check, engine, file, settings};

/// Pages copied between two calls of the callback: half a megabyte, a few milliseconds, at SQLite's usual page size.
const PAGES_PER_STEP: i32 = 128;

/// How far a backup is, in pages of the database (4096 bytes unless it was made otherwise).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Pages that were copied.
    pub copied: u64,
    /// All pages.
    pub pages: u64,
}

/// Says what becomes of a file that already has the name of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Existing {
    /// The backup is refused with [`Error::Exists`].
    #[default]
    Refuse,
    /// The backup takes its place, unless it is a database in use.
    Replace,
}

/// What is told how far a backup is, and may end it.
pub(crate) type Callback<'a> = dyn FnMut(Progress) -> ControlFlow<()> + 'a;

/// A file beside its later place, with its side files; dropped, they are all removed.
pub(crate) struct Scratch {
    file: Option<AtomicFile>,
    path: PathBuf,
}

impl Scratch {
    /// Begins a new file for `to`, readable by its owner only.
    pub(crate) fn beside(to: &Path) -> Result<Self> {
        let file = AtomicFile::create(to, &ReplaceOptions::default())?;
        let path = file.temporary_path();
        Ok(Self { file: Some(file), path })
    }

    /// Fills it with what `source` holds in its present snapshot.
    pub(crate) fn fill(&self, source: &Connection, progress: &mut Callback<'_>) -> Result<()> {
        let mut target = self.open()?;
        copy(source, &mut target, progress)?;
        make_single(&target)?;
        target.close().map_err(|(_, source)| Error::classify(source))
    }

    /// Refuses a copy that is damaged; `from` is what it was made from.
    pub(crate) fn verify(&self, from: &Path) -> Result<()> {
        let target = self.open()?;
        let faults = check::integrity(&target)?;
        if !faults.is_empty() {
            return Err(Error::Unsound { path: from.to_path_buf(), faults });
        }
        target.close().map_err(|(_, source)| Error::classify(source))
    }

    /// The copy is worth nothing until it is complete, and is synced then: no journal, no syncs on the way.
    pub(crate) fn open(&self) -> Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let target = Connection::open_with_flags(&self.path, flags)?;
        settings::apply_scratch(&target)?;
        Ok(target)
    }

    /// Gives it the name, durably, if `agreed` has nothing against it at the last moment.
    pub(crate) fn place(mut self, agreed: impl FnOnce() -> Result<()>) -> Result<()> {
        let Some(file) = self.file.take() else { return Ok(()) };
        file.commit_if(agreed).map_err(|failed| failed.into_parts().0)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // SQLite removes its own when it closes; these are there only after a failure.
        let _there_is_none = remove_side_files(&self.path);
    }
}

/// Begins the backup `to`.
pub(crate) fn begin(to: &Path, existing: Existing) -> Result<Scratch> {
    refuse_existing(to, existing)?;
    Scratch::beside(to)
}

/// Gives a complete backup its name.
pub(crate) fn finish(scratch: Scratch, to: &Path, existing: Existing) -> Result<()> {
    match existing {
        Existing::Refuse => scratch.place(|| refuse_existing(to, existing)),
        Existing::Replace => Claim::new(to)?.replace_by(scratch),
    }
}

fn refuse_existing(to: &Path, existing: Existing) -> Result<()> {
    if existing == Existing::Refuse && to.symlink_metadata().is_ok() {
        return Err(Error::Exists { path: to.to_path_buf() });
    }
    Ok(())
}

fn copy(source: &Connection, target: &mut Connection, progress: &mut Callback<'_>) -> Result<()> {
    let backup = Backup::new(source, target)?;
    loop {
        let step = backup.step(PAGES_PER_STEP)?;
        if matches!(step, StepResult::Busy | StepResult::Locked) {
            // Only a foreign program could hold either file: the source is in a snapshot, the target is new.
            let blocker = Some(Blocker::Foreign);
            return Err(Error::Busy { path: None, waited: std::time::Duration::ZERO, blocker });
        }
        let so_far = backup.progress();
        let pages = u64::try_from(so_far.pagecount).unwrap_or(0);
        let copied = pages.saturating_sub(u64::try_from(so_far.remaining).unwrap_or(0));
        if progress(Progress { copied, pages }).is_break() {
            return Err(Error::Cancelled);
        }
        if step == StepResult::Done {
            return Ok(());
        }
    }
}

/// Turns the copy into one file that needs no log: it can be read from a read-only medium, and nothing beside it is
/// ever applied to it.
fn make_single(target: &Connection) -> Result<()> {
    let mode: String = target.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0))?;
    if mode == "delete" {
        return Ok(());
    }
    Err(Error::Setting { path: None, name: "journal_mode", wanted: "delete".to_owned(), found: mode })
}

/// Removes, durably, what belongs to a database that is not there any more.
pub(crate) fn remove_side_files(database: &Path) -> Result<()> {
    let mut removed = false;
    for side in file::SIDE_FILES {
        let mut path = database.as_os_str().to_owned();
        path.push(side);
        match std::fs::remove_file(&path) {
            Ok(()) => removed = true,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(file::io("remove", Path::new(&path), source)),
        }
    }
    if removed { sync(engine::directory(database)) } else { Ok(()) }
}

#[cfg(unix)]
fn sync(directory: &Path) -> Result<()> {
    let synced = std::fs::File::open(directory).and_then(|opened| opened.sync_all());
    synced.map_err(|source| file::io("sync", directory, source))
}

#[cfg(not(unix))]
fn sync(_: &Path) -> Result<()> {
    Ok(())
}
