//! Many connections that only read.

use std::panic::Location;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use r2d2::{ManageConnection, Pool, PooledConnection};
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, OpenFlags};
use unforget_sync::{Backoff, Clock, SystemClock, retry};

use crate::census::Census;
use crate::generation::Board;
use crate::guard::Guard;
use crate::limit::Limit;
use crate::{Blocker, Error, Options, ReadTx, Result, process, settings};

/// The pool rests at most half of this after it failed to open a connection.
const RECONNECT: Duration = Duration::from_millis(200);

/// A bounded pool of read-only connections.
#[derive(Debug)]
pub(crate) struct Readers {
    pool: Pool<Manager>,
    retired: Arc<AtomicBool>,
    census: Arc<Census>,
    board: Arc<Board>,
    path: PathBuf,
    busy_timeout: Duration,
    deadline: Duration,
    max_read: Option<Duration>,
}

impl Readers {
    /// Builds the pool; connections are opened when they are first needed.
    pub(crate) fn new(path: &Path, options: &Options, census: Arc<Census>, board: Arc<Board>) -> Self {
        let manager = Manager::new(path, options.busy_wait());
        let retired = Arc::clone(&manager.retired);
        let pool = Pool::builder()
            .max_size(options.readers)
            .min_idle(Some(0))
            .test_on_check_out(false)
            .idle_timeout(None)
            .max_lifetime(None)
            // Callers wait by their own deadline; this bounds how long the pool rests after a failure to connect.
            .connection_timeout(RECONNECT)
            .error_handler(Box::new(r2d2::NopErrorHandler))
            .build_unchecked(manager);
        let (busy_timeout, deadline) = (options.busy_wait(), options.deadline);
        Self {
            pool,
            retired,
            census,
            board,
            path: path.to_path_buf(),
            busy_timeout,
            deadline,
            max_read: options.max_read,
        }
    }

    /// Runs `f` in one snapshot of the file, taken before `f` starts.
    pub(crate) fn read<T, E: From<Error>>(
        &self,
        place: &'static Location<'static>,
        f: impl FnOnce(&ReadTx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.pinned(place, |reader| {
            let work = || reader.guard.watch(|| f(&ReadTx::new(&reader.conn)));
            match reader.limit.watch(self.max_read, work) {
                (Err(_interrupted), Some(held_for)) => Err(self.too_long(place, held_for).into()),
                (answer, _) => answer,
            }
        })
    }

    fn too_long(&self, place: &Location<'_>, held_for: Duration) -> Error {
        let limit = self.max_read.unwrap_or_default();
        Error::ReadTooLong { path: self.path.clone(), place: place.to_string(), held_for, limit }
    }

    /// Runs work of the engine's own in one snapshot.
    pub(crate) fn snapshot<T>(
        &self,
        place: &'static Location<'static>,
        work: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        self.pinned(place, |reader| work(&reader.conn))
    }

    fn pinned<T, E: From<Error>>(
        &self,
        place: &'static Location<'static>,
        f: impl FnOnce(&Reader) -> Result<T, E>,
    ) -> Result<T, E> {
        let reader = self.connection()?;
        let counted = self.census.enter(place);
        let snapshot = self.pin(&reader.conn)?;
        self.board.counter.see();
        let answer = f(&reader);
        if let Err(forked) = process::check() {
            leave(snapshot);
            leave(counted);
            leave(reader);
            return Err(forked.into());
        }
        let answer = answer?;
        snapshot.release()?;
        Ok(answer)
    }

    /// Runs work of the engine's own on a connection for reading.
    pub(crate) fn run<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        work(&self.connection()?.conn)
    }

    /// Recovery after a crash and the last close of another process hold the file for a moment.
    fn pin<'a>(&self, conn: &'a Connection) -> Result<Snapshot<'a>> {
        let backoff = Backoff::default().base(Duration::from_millis(2)).attempts(50).deadline(self.deadline);
        retry(&SystemClock, &backoff, Error::is_retryable, || Snapshot::pin(conn))
    }

    fn connection(&self) -> Result<PooledConnection<Manager>> {
        let since = Instant::now();
        self.pool.get_timeout(self.deadline).map_err(|_| self.unavailable(since))
    }

    /// The pool tells nothing but a time-out, so the reason is looked for by opening a connection directly: it
    /// fails with the reason, or it succeeds and all connections really are in use.
    fn unavailable(&self, since: Instant) -> Error {
        if let Err(reason) = Manager::new(&self.path, self.busy_timeout).connect() {
            return reason.at(&self.path);
        }
        let (path, waited) = (Some(self.path.clone()), since.elapsed());
        Error::Busy { path, waited, blocker: Some(Blocker::Readers) }
    }

    /// Closes the connections, those in use when their reads have ended.
    pub(crate) fn retire(&self, deadline: Instant) -> Result<()> {
        self.retired.store(true, Ordering::Relaxed);
        let since = Instant::now();
        let mut delays =
            Backoff::default().base(Duration::from_millis(1)).cap(Duration::from_millis(50)).delays();
        loop {
            // The pool does not take back what is asked for here: it is retired.
            while self.pool.try_get().is_some() {}
            if self.open() == 0 {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let (path, waited) = (Some(self.path.clone()), since.elapsed());
                return Err(Error::Busy { path, waited, blocker: Some(Blocker::Readers) });
            }
            SystemClock.sleep(delays.next().unwrap_or(Duration::from_millis(50)));
        }
    }

    pub(crate) fn open(&self) -> u32 {
        self.pool.state().connections
    }
}

/// In a child that was forked while it read: the parent goes on with these, and another thread may have had the locks
/// that giving them back takes.
#[expect(clippy::mem_forget, reason = "what a forked child inherited is the parent's")]
fn leave<T>(inherited: T) {
    std::mem::forget(inherited);
}

/// A read transaction on a pooled connection.
struct Snapshot<'a> {
    conn: &'a Connection,
    released: bool,
}

/// The comments keep these out of the way of a closure's own statements in the connection's cache, where a
/// statement is found again without being authorised again.
const BEGIN: &str = "BEGIN /* snapshot */";
const COMMIT: &str = "COMMIT /* snapshot */";

impl<'a> Snapshot<'a> {
    /// `BEGIN` alone pins nothing: SQLite takes the snapshot at the first read, so one is made.
    fn pin(conn: &'a Connection) -> Result<Self> {
        conn.prepare_cached(BEGIN)?.execute([])?;
        let snapshot = Self { conn, released: false };
        conn.prepare_cached("SELECT 1 FROM sqlite_schema LIMIT 1 /* snapshot */")?.exists([])?;
        Ok(snapshot)
    }

    fn release(mut self) -> Result<()> {
        self.released = true;
        Ok(end(self.conn)?)
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        if !self.released {
            // If this fails too, the pool finds the open transaction and throws the connection away.
            let _judged_by_the_pool = end(self.conn);
        }
    }
}

fn end(conn: &Connection) -> rusqlite::Result<()> {
    if conn.is_autocommit() {
        return Ok(());
    }
    conn.prepare_cached(COMMIT)?.execute([])?;
    Ok(())
}

/// The manager of `r2d2_sqlite`, with settings that are read back and with a check when a connection returns.
///
/// The check replaces the query that a pool otherwise runs at every check-out: a connection that returns
/// inside a transaction, or with a statement still running, would pin the write-ahead log.
#[derive(Debug)]
struct Manager {
    inner: SqliteConnectionManager,
    busy_timeout: Duration,
    /// No connection is made or kept. It is set once and orders nothing: whoever sets it looks again.
    retired: Arc<AtomicBool>,
}

impl Manager {
    fn new(path: &Path, busy_timeout: Duration) -> Self {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let inner = SqliteConnectionManager::file(path).with_flags(flags);
        Self { inner, busy_timeout, retired: Arc::default() }
    }
}

impl ManageConnection for Manager {
    type Connection = Reader;
    type Error = Error;

    fn connect(&self) -> Result<Reader> {
        if self.retired.load(Ordering::Relaxed) {
            return Err(Error::Closed);
        }
        let conn = self.inner.connect()?;
        settings::apply_reader(&conn, self.busy_timeout)?;
        let (guard, limit) = (Guard::install(&conn)?, Limit::install(&conn)?);
        Ok(Reader { conn, guard, limit })
    }

    fn is_valid(&self, reader: &mut Reader) -> Result<()> {
        Ok(self.inner.is_valid(&mut reader.conn)?)
    }

    fn has_broken(&self, reader: &mut Reader) -> bool {
        self.retired.load(Ordering::Relaxed) || !reader.conn.is_autocommit() || reader.conn.is_busy()
    }
}

/// A pooled connection and its fences.
#[derive(Debug)]
struct Reader {
    conn: Connection,
    guard: Guard,
    limit: Limit,
}
