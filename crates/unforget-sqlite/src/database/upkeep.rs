//! What keeps a database well: copies of it, and putting one back.

use std::ops::ControlFlow;
use std::panic::Location;
use std::path::Path;

use super::Database;
use crate::{Existing, Progress, Result, backup, file, restore};

impl Database {
    /// Copies the database, as it is at this moment, to the file `to`, while others read and write.
    ///
    /// The copy is checked (`PRAGMA integrity_check`) before it gets its name, and durable when this returns. It is one
    /// file that needs no other beside it, readable by its owner only, and holds a prefix of what was committed, in the
    /// order of the commits: at least everything that was acknowledged before the call. Until then, and after an
    /// error, nothing has the name `to` that did not have it before.
    ///
    /// `progress` is called after every 128 pages; to end the backup, it answers [`ControlFlow::Break`].
    ///
    /// # Blocking
    ///
    /// Takes time in proportion to the file, for copying and for checking. Nobody waits for it, but the write-ahead log
    /// grows while it runs, as during any long read. Waits for a free connection as [`read`](Self::read) does. With
    /// [`Existing::Replace`], waits for the turn in the directory of `to`, 10 s at most.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`](crate::Error::Exists) if there is a file and it is not to be replaced; it is looked for again
    /// just before the copy gets the name. [`Error::InUse`](crate::Error::InUse) if that file is a database in use.
    /// [`Error::Unsound`](crate::Error::Unsound) if this database is damaged, [`Error::Cancelled`](crate::Error::Cancelled),
    /// [`Error::Full`](crate::Error::Full).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use unforget_sqlite::{Database, Existing, Options};
    ///
    /// # let directory = tempfile::tempdir().unwrap();
    /// # let (path, copy) = (directory.path().join("notes.db"), directory.path().join("notes.backup"));
    /// let db = Database::open(&path, Options::default())?;
    /// db.backup(&copy, Existing::Refuse, |progress| {
    ///     assert!(progress.copied <= progress.pages);
    ///     ControlFlow::Continue(())
    /// })?;
    /// drop(db);
    /// Database::restore(&copy, &path)?;
    /// # Ok::<(), unforget_sqlite::Error>(())
    /// ```
    #[track_caller]
    pub fn backup(
        &self,
        to: impl AsRef<Path>,
        existing: Existing,
        mut progress: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<()> {
        let place = Location::caller();
        self.engine.check_process()?;
        let to = file::resolve(to.as_ref())?;
        let scratch = backup::begin(&to, existing)?;
        let copied = self.engine.readers.snapshot(place, |conn| scratch.fill(conn, &mut progress));
        copied.and_then(|()| scratch.verify(&self.key)).map_err(|error| error.at(&self.key))?;
        backup::finish(scratch, &to, existing)
    }

    /// Puts a copy of the database `from` in the place of the database `to`, which nobody may have open.
    ///
    /// The copy is checked before it is put in place, in one step and durably; until then, and after an error, the
    /// database that is there stays. Its log is never applied to the new one. `from` is only read; it may be a backup
    /// or any other database.
    ///
    /// # Blocking
    ///
    /// Takes time in proportion to the file. Waits for the turn in the directory of `to`, 10 s at most.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`](crate::Error::InUse) if a program has `to` open, and this process too: every handle has to be
    /// dropped. [`Error::Unsound`](crate::Error::Unsound), [`Error::NotADatabase`](crate::Error::NotADatabase) and
    /// [`Error::Corrupt`](crate::Error::Corrupt) if `from` is damaged, empty or something else.
    ///
    /// A file at `to` that is too damaged for SQLite to lock is replaced without asking who has it open; an engine of
    /// this crate that has it open notices before its next write.
    pub fn restore(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<()> {
        restore::run(from.as_ref(), to.as_ref())
    }
}
