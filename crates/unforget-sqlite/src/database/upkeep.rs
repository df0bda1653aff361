//! What keeps a database well: looking, copies of it and putting one back, a short log, and a good end.

use std::ops::ControlFlow;
use std::panic::Location;
use std::path::Path;
use std::time::{Duration, Instant};

use unforget_sync::{SystemClock, WaitError};

use super::{Database, ENGINES};
use crate::op::{Op, typed};
use crate::{
    Check, Checkpoint, Error, Existing, Progress, Result, backup, check, file, here, process, restore,
};

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
    /// [`Error::Exists`] if there is a file and it is not to be replaced; it is looked for again
    /// just before the copy gets the name. [`Error::InUse`] if that file is a database in use.
    /// [`Error::Unsound`] if this database is damaged, [`Error::Cancelled`],
    /// [`Error::Full`].
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
        process::check()?;
        if !self.is_open() {
            // Another file may have the name by now, and nobody would know of which this is the backup.
            return Err(Error::Closed);
        }
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
    /// or any other database. If that one has a log, SQLite may leave its side files beside it.
    ///
    /// # Blocking
    ///
    /// Takes time in proportion to the file. Waits for the turn in the directory of `to`, 10 s at most.
    ///
    /// # Errors
    ///
    /// [`Error::InUse`] if a program has `to` open, and this process too: every handle has to be
    /// dropped. [`Error::Unsound`], [`Error::NotADatabase`] and
    /// [`Error::Corrupt`] if `from` is damaged, empty or something else.
    ///
    /// A file at `to` that is too damaged for SQLite to lock is replaced without asking who has it open; an engine of
    /// this crate that has it open notices before its next write.
    pub fn restore(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<()> {
        process::check()?;
        restore::run(from.as_ref(), to.as_ref())
    }

    /// Moves the write-ahead log into the file and cuts it to nothing, if no reader is in the way.
    ///
    /// Nobody needs to call this: it is done as [`Checkpoints`](crate::Checkpoints) says. It is for before the file is
    /// copied by other means, or after much was written.
    ///
    /// # Blocking
    ///
    /// Waits for the disk and for the turn, at most for the deadline of the options. Has writers wait for readers that
    /// are in the way, at most for [`Checkpoints::patience`](crate::Checkpoints::patience).
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] at the deadline; the checkpoint may still be done then. [`Error::Reentrant`] inside a write.
    /// [`Error::DiskFailed`] ends the engine: what is in the log stays there until the file is opened again.
    pub fn checkpoint_now(&self) -> Result<Checkpoint> {
        process::check()?;
        if here::is_writing() {
            return Err(Error::Reentrant);
        }
        let since = Instant::now();
        let asked = self.engine.shared.log.ask();
        match asked.wait_until(&SystemClock, since + self.engine.options.deadline) {
            Ok(outcome) => outcome.map_err(|error| error.at(&self.key)),
            Err(WaitError::TimedOut(_)) => Err(self.engine.busy(since)),
            Err(_) => Err(Error::Closed),
        }
    }

    /// Writes the whole database anew, without the space that deleted rows left, and then moves the log into the file.
    ///
    /// Rows of tables without an integer key get new numbers, to which a full-text index must not refer.
    ///
    /// # Blocking
    ///
    /// Nobody writes while it runs, which takes time in proportion to the file; readers go on. It needs twice the space
    /// of the database meanwhile. Waits for its turn as [`write`](Self::write) does.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write); [`Error::Full`] if there is not the space.
    pub fn vacuum(&self) -> Result<()> {
        self.exclusive(|conn| Ok(conn.execute_batch("VACUUM")?))?;
        self.checkpoint_now().map(drop)
    }

    /// Reads every page and reports what is not sound, but does not compare indexes with their tables.
    ///
    /// Nobody waits for it, and it sees one snapshot. Takes time in proportion to the file, several times less than
    /// [`check`](Self::check).
    #[track_caller]
    pub fn check_quick(&self) -> Result<Check> {
        self.look(Location::caller(), check::quick)
    }

    /// Reads the whole file and reports what is not sound. Takes time in proportion to its size.
    ///
    /// Runs on a connection for reading: nobody waits for it, and it sees one snapshot.
    #[track_caller]
    pub fn check(&self) -> Result<Check> {
        self.look(Location::caller(), check::run)
    }

    /// Does what [`check`](Self::check) does, and compares every full-text index (FTS5) with the text it indexes.
    ///
    /// # Blocking
    ///
    /// Nobody writes while an index is compared, because SQLite does that only with the lock of a writer; others get in
    /// between two indexes. Waits for its turn as [`write`](Self::write) does.
    #[track_caller]
    pub fn check_full(&self) -> Result<Check> {
        let mut found = self.check()?;
        let indexes = self.engine.readers.run(check::full_text).map_err(|error| error.at(&self.key))?;
        for index in indexes {
            found.add(self.exclusive(move |conn| check::compare(conn, &index))?);
        }
        Ok(found)
    }

    /// Runs work that needs the writer's connection for itself.
    pub(super) fn exclusive<T: Send + 'static>(
        &self,
        op: impl FnMut(&mut rusqlite::Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (ticket, since) = self.hand_over(Op::exclusive(op))?;
        typed(self.outcome(ticket, since)).map_err(|error: Error| error.at(&self.key))
    }

    fn look(
        &self,
        place: &'static Location<'static>,
        look: impl FnOnce(&rusqlite::Connection) -> Result<Check>,
    ) -> Result<Check> {
        process::check()?;
        self.engine.readers.snapshot(place, look).map_err(|error| error.at(&self.key))
    }

    /// Commits what was accepted and stops; every handle to this engine is closed with it.
    ///
    /// Connections for reading stay open until the last handle is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if that took longer than the deadline of the options; what was not started by then is returned
    /// to its callers with [`Error::Closed`].
    pub fn close(&self) -> Result<()> {
        self.close_within(self.engine.options.deadline)
    }

    /// As [`close`](Self::close), with a deadline of its own, a year at most; with zero, nothing more is started.
    pub fn close_within(&self, timeout: Duration) -> Result<()> {
        process::check()?;
        ENGINES.forget(&self.key.to_path_buf(), &self.engine);
        self.engine.close(timeout)
    }
}
