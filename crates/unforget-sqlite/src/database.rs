//! The handle: what callers hold.

mod moments;
#[cfg(test)]
mod tests;
mod upkeep;

use std::marker::PhantomData;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use unforget_fs::FileSystem;
use unforget_sync::{InitError, Registry, Shared as Entry, SubmitError, SystemClock, TicketError, WaitError};

use crate::engine::Engine;
use crate::memory::Place;
use crate::op::{Op, Reply, typed};
use crate::{
    Durability, Error, Options, ReadTx, Result, Schema, Stats, WriteTx, engine, file, here, process, writer,
};

/// The engines of this process, by file.
static ENGINES: Registry<PathBuf, Engine, Error> = Registry::new();

/// A SQLite file with one writer at a time, across threads and processes, and many readers.
///
/// Handles are cheap to clone and share one engine: opening a file that is open in this process gives a handle to
/// the same engine. When the last handle is dropped, what was accepted is committed first, within the deadline.
///
/// # Examples
///
/// ```
/// use unforget_sqlite::{Database, Error, Options, Schema};
///
/// static SCHEMA: Schema = Schema::new(&["CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT NOT NULL)"]);
/// # let directory = tempfile::tempdir().unwrap();
/// # let path = directory.path().join("notes.db");
/// let db = Database::open(&path, Options::default())?;
/// db.migrate(&SCHEMA)?;
/// let id: i64 = db.write(|tx| -> Result<_, Error> {
///     Ok(tx.query_row("INSERT INTO note(body) VALUES ('kept') RETURNING id", [], |row| row.get(0))?)
/// })?;
/// let body: String = db.read(|tx| -> Result<_, Error> {
///     Ok(tx.query_row("SELECT body FROM note WHERE id = ?1", [id], |row| row.get(0))?)
/// })?;
/// assert_eq!(body, "kept");
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Database {
    pub(crate) engine: Entry<Engine, Error>,
    key: Arc<Path>,
}

impl Database {
    /// Opens a database file, creating it if there is none; its directory must exist.
    ///
    /// The file becomes a write-ahead-log database and is readable by its owner only. A file that is a symbolic
    /// link or has other names is refused: its side files would be looked for in two places. So is one that belongs to
    /// another user, whom the files that are made beside it would shut out.
    ///
    /// # Blocking
    ///
    /// Waits for its turn with other processes, and after a checkpoint whose disk failed for the reads of this process on
    /// the same file, at most for the deadline of `options`. A caller that joins an
    /// attempt of another thread of this process waits for that attempt, by whose deadline it ends.
    ///
    /// # Errors
    ///
    /// [`Error::NotADatabase`] and [`Error::Corrupt`] leave the file as it is; nothing is ever created over an
    /// existing file. [`Error::DurabilityDiffers`] if this process has it open with another durability.
    /// [`Error::Files`] says what is wrong with its name or owner, [`Error::NetworkFileSystem`] with its disk.
    /// [`Error::Forked`] in the child of a process that opened any database.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Self> {
        Self::open_on(path.as_ref(), options, unforget_fs::file_system_of)
    }

    /// Opens a file on a disk that `file_system_of` its directory tells.
    fn open_on(
        path: &Path,
        options: Options,
        file_system_of: impl FnOnce(&Path) -> Result<FileSystem, unforget_fs::Error>,
    ) -> Result<Self> {
        process::check()?;
        let since = Instant::now();
        let path = file::resolve(path)?;
        if !options.network {
            file::refuse_network(&path, file_system_of(engine::directory(&path))?)?;
        }
        loop {
            let engine = match ENGINES.open(path.clone(), || Engine::start(&path, &options)) {
                Ok(engine) => engine,
                // Another caller's attempt may have had a shorter deadline than this one's.
                Err(InitError::Failed(error))
                    if error.is_retryable() && since.elapsed() < options.deadline =>
                {
                    continue;
                }
                Err(error) => return Err(opening(error, &path)),
            };
            let db = Self { engine, key: Arc::from(path.as_path()) };
            if db.engine.is_fit() {
                return db.with_durability_of(&options);
            }
            // Closed, poisoned, or on a file that was replaced: the next engine is a new one.
            db.engine.retire(since + options.deadline).map_err(|error| error.at(&path))?;
            ENGINES.forget(&path, &db.engine);
        }
    }

    /// Opens a new database in memory, of which nothing survives its last handle.
    ///
    /// Everything works as on a disk, snapshots and backups too: it is a file in a private directory on the file system
    /// that Linux has in memory (`/dev/shm`), and in the directory for temporary files on other systems, which may be on
    /// a disk. The durability of `options` is not looked at. Every call makes another one.
    ///
    /// It takes memory for the file and for its log, and can be no larger than that file system, which in containers
    /// may be small; then writes fail with [`Error::Full`]. What a process that was killed left is removed by the next
    /// call of the same user.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if there is no such directory, or nothing can be made in it.
    ///
    /// # Examples
    ///
    /// ```
    /// use unforget_sqlite::{Database, Error, Options};
    ///
    /// let db = Database::in_memory(Options::default())?;
    /// db.write(|tx| -> Result<(), Error> { Ok(tx.execute_batch("CREATE TABLE seen(n); INSERT INTO seen VALUES (1)")?) })?;
    /// let another = Database::in_memory(Options::default())?;
    /// let tables = |db: &Database| {
    ///     db.read(|tx| -> Result<i64, Error> {
    ///         Ok(tx.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?)
    ///     })
    /// };
    /// assert_eq!((tables(&db)?, tables(&another)?), (1, 0));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn in_memory(options: Options) -> Result<Self> {
        process::check()?;
        let place = Place::make()?;
        let path = place.file();
        // Nothing is to survive, so nothing has to reach a disk.
        let options = options.durability(Durability::Normal);
        let start = || Ok(Engine::start(&path, &options)?.in_place(place));
        let engine = ENGINES.open(path.clone(), start).map_err(|error| opening(error, &path))?;
        Ok(Self { engine, key: Arc::from(path.as_path()) })
    }

    fn with_durability_of(self, options: &Options) -> Result<Self> {
        if self.engine.options.durability == options.durability {
            return Ok(self);
        }
        Err(Error::DurabilityDiffers { path: self.key.to_path_buf() })
    }

    /// Runs `f` in one snapshot of the file that was taken before `f` started.
    ///
    /// # Blocking
    ///
    /// Never waits for writers. Waits for a free connection when [`Options::readers`] reads are running, so a read
    /// inside a read can wait for itself; it then fails with [`Error::Busy`] at the deadline.
    #[track_caller]
    pub fn read<T, E: From<Error>>(&self, f: impl FnOnce(&ReadTx<'_>) -> Result<T, E>) -> Result<T, E> {
        process::check()?;
        if self.engine.queue.is_closed() {
            return Err(Error::Closed.into());
        }
        self.engine.readers.read(Location::caller(), f)
    }

    /// Runs `op` in a transaction and answers after that was committed.
    ///
    /// Operations of many callers share a commit; each is isolated from the others: if `op` answers an error or
    /// panics, its changes are undone and its neighbours' are kept. `op` may run more than once, when it or a
    /// neighbour failed or ended the transaction they shared, but not after it panicked; only its last answer counts. It runs on the engine's thread, or on this one
    /// while nobody else writes.
    ///
    /// # Blocking
    ///
    /// Waits for the turn, at most for the deadline of the options; then the operation is withdrawn and
    /// [`Error::Busy`] says who has the turn. Once the writer has taken it, waits for the outcome, without a deadline.
    ///
    /// # Errors
    ///
    /// Any error but [`Error::OutcomeUnknown`] means that nothing of `op` is in the file.
    pub fn write<T, E>(&self, op: impl FnMut(&WriteTx<'_>) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.write_sized(0, op)
    }

    /// As [`write`](Self::write), for an operation that carries `bytes` bytes; the queue is bounded by their sum.
    pub fn write_sized<T, E>(
        &self,
        bytes: usize,
        op: impl FnMut(&WriteTx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (pending, since) = self.lead_or_hand_over(Op::write(bytes, op))?;
        typed(self.outcome(pending, since))
    }

    /// Hands over `op` and answers at once with a ticket for its outcome.
    ///
    /// # Blocking
    ///
    /// Waits only while the queue is full, at most for the deadline of the options.
    pub fn submit<T, E>(
        &self,
        bytes: usize,
        op: impl FnMut(&WriteTx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<Ticket<T, E>>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (pending, since) = self.hand_over(Op::write(bytes, op))?;
        Ok(Ticket { pending, since, db: self.clone(), answer: PhantomData })
    }

    /// Brings the schema up to date, once however many threads and processes ask for it. Waits for nobody where it is
    /// up to date already.
    ///
    /// Every later write in this process first looks whether another process has brought the schema further, and
    /// fails with [`Error::NewerSchema`] if so.
    ///
    /// # Errors
    ///
    /// [`Error::NewerSchema`] if the file is ahead of `schema`; nothing is changed then.
    pub fn migrate(&self, schema: &Schema) -> Result<()> {
        let (schema, path) = (*schema, Arc::clone(&self.key));
        process::check()?;
        let complete = self.engine.readers.run(|conn| schema.is_complete(conn, &path));
        if !complete.map_err(|error| error.at(&self.key))? {
            self.exclusive(move |conn| schema.apply(conn, &path))?;
        }
        self.engine.shared.know(schema);
        Ok(())
    }

    /// Answers figures about this process's engine; none in a forked child.
    pub fn stats(&self) -> Stats {
        self.engine.stats()
    }

    /// Tells whether this handle can still write: false once the database was closed, a commit failed in a way that
    /// leaves its outcome open, or the disk failed in a checkpoint.
    pub fn is_open(&self) -> bool {
        self.engine.is_fit()
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.key
    }

    /// Runs an operation here and now if that takes no waiting, and queues it otherwise.
    fn lead_or_hand_over(&self, op: Op) -> Result<(Pending, Instant)> {
        process::check()?;
        if here::is_writing() || op.weigh() > self.engine.options.queued_bytes {
            return self.hand_over(op);
        }
        let since = Instant::now();
        match writer::lead(&self.engine.shared, &self.engine.queue, op) {
            Ok(done) => Ok((done, since)),
            Err(op) => self.hand_over(op),
        }
    }

    /// Queues an operation and answers since when its caller waits.
    fn hand_over(&self, op: Op) -> Result<(Pending, Instant)> {
        process::check()?;
        if here::is_writing() {
            return Err(Error::Reentrant);
        }
        let since = Instant::now();
        let deadline = since + self.engine.options.deadline;
        match self.engine.queue.submit_until(op, &SystemClock, deadline) {
            Ok(ticket) => Ok((ticket, since)),
            Err(SubmitError::TooLarge { weight, limit, .. }) => Err(Error::TooLarge { bytes: weight, limit }),
            Err(SubmitError::Full(_)) => Err(self.engine.busy(since)),
            Err(_) => Err(Error::Closed),
        }
    }

    /// Waits until the operation was refused or has run; withdraws it if it has not started by the deadline.
    fn outcome(&self, ticket: Pending, since: Instant) -> Reply {
        process::check()?;
        if here::is_writing() && !ticket.is_resolved() {
            return Err(Error::Reentrant);
        }
        let deadline = since + self.engine.options.deadline;
        let resolved = match ticket.wait_until(&SystemClock, deadline) {
            Ok(reply) => return reply,
            Err(WaitError::TimedOut(ticket)) => {
                // Asked first: once nobody waits, nothing is in the way.
                let busy = self.engine.busy(since);
                if self.engine.queue.withdraw(&ticket).is_some() {
                    return Err(busy);
                }
                ticket.wait()
            }
            Err(WaitError::Failed(error)) => Err(error),
        };
        resolved.unwrap_or_else(|error| Err(unresolved(error)))
    }
}

impl Drop for Database {
    /// In a forked child the engine is left as it is: its threads are not there, another thread may have had its locks
    /// when the process was forked, and SQLite forbids to close an inherited connection.
    #[expect(clippy::mem_forget, reason = "what a forked child inherited is the parent's")]
    fn drop(&mut self) {
        if process::check().is_err() {
            std::mem::forget(self.engine.clone());
        }
    }
}

type Pending = unforget_sync::Ticket<Reply>;

/// The outcome of a submitted operation, once there is one.
///
/// Dropping a ticket cancels nothing. The deadline of the operation counts from its submission.
#[derive(Debug)]
pub struct Ticket<T, E> {
    pending: Pending,
    since: Instant,
    db: Database,
    answer: PhantomData<fn() -> Result<T, E>>,
}

impl<T: 'static, E: From<Error> + 'static> Ticket<T, E> {
    /// Waits for the outcome as [`Database::write`] does.
    pub fn wait(self) -> Result<T, E> {
        typed(self.db.outcome(self.pending, self.since))
    }

    /// Tells whether the outcome is there.
    pub fn is_resolved(&self) -> bool {
        self.pending.is_resolved()
    }
}

fn unresolved(error: TicketError) -> Error {
    match error {
        TicketError::Aborted | TicketError::Withdrawn => Error::Closed,
        TicketError::Abandoned => Error::OutcomeUnknown { source: None },
    }
}

fn opening(error: InitError<Error>, path: &Path) -> Error {
    match error {
        InitError::Failed(error) => (*error).clone().at(path),
        InitError::Panicked => Error::Panicked { message: "while the database was opened".to_owned() },
        InitError::Reentrant => Error::Reentrant,
    }
}
