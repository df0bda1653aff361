//! Waiting until somebody has committed.

use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::time::{Duration, Instant};

use unforget_sync::SystemClock;

use super::{Generation, Moment};
use crate::{Error, Result};

/// How often a waiting thread looks at the counter by itself: no portable way is known by which another process would
/// wake it without a system call in every commit.
const POLL: Duration = Duration::from_millis(50);

/// Tells that something was committed, by whomever: this process, another one, a foreign program.
///
/// What happens between two answers is told once. The latest commit is never missed, but one that was told may be told
/// again. A commit of this process is told at once, of another one that uses this crate within 50 ms, of a foreign
/// program within 300 ms. Nothing has to be done to unsubscribe.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use unforget_sqlite::{Database, Error, Options, Schema};
///
/// static SCHEMA: Schema = Schema::new(&["CREATE TABLE counter(n INTEGER NOT NULL)"]);
/// # let directory = tempfile::tempdir().unwrap();
/// # let path = directory.path().join("counter.db");
/// let db = Database::open(&path, Options::default())?;
/// db.migrate(&SCHEMA)?;
/// let mut changes = db.changes()?;
/// db.write(|tx| -> Result<usize, Error> { Ok(tx.execute("INSERT INTO counter VALUES (7)", [])?) })?;
/// assert!(changes.wait_timeout(Duration::from_secs(10))?.is_some());
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Changes {
    generation: Generation,
    told: Option<Moment>,
}

impl Changes {
    pub(crate) fn new(generation: Generation) -> Self {
        let told = generation.now();
        Self { generation, told }
    }

    /// Answers the present moment if something was committed since the last answer.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] once the database was closed.
    pub fn try_next(&mut self) -> Result<Option<Moment>> {
        if self.generation.board.is_closed() {
            return Err(Error::Closed);
        }
        let now = self.generation.now().filter(|now| Some(*now) != self.told);
        if now.is_some() {
            self.told = now;
        }
        Ok(now)
    }

    /// Waits until something was committed since the last answer; `None` if nothing was within `timeout`.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] once the database was closed, at once also for who waits.
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Option<Moment>> {
        let deadline = Instant::now().checked_add(timeout);
        let generation = self.generation.clone();
        let board = &generation.board;
        let _counted = Listener::enter(&board.listeners);
        let mut guard = board.lock.lock();
        loop {
            let next = self.try_next()?;
            let now = Instant::now();
            if next.is_some() || deadline.is_some_and(|deadline| deadline <= now) {
                return Ok(next);
            }
            let look = deadline.map_or(now + POLL, |deadline| deadline.min(now + POLL));
            (guard, _) = board.news.wait_until(guard, &SystemClock, look);
        }
    }
}

/// A thread that is to be woken.
struct Listener<'a>(&'a AtomicUsize);

impl<'a> Listener<'a> {
    fn enter(listeners: &'a AtomicUsize) -> Self {
        listeners.fetch_add(1, Ordering::Relaxed);
        // The partner is the barrier in `Board::announce`.
        fence(Ordering::SeqCst);
        Self(listeners)
    }
}

impl Drop for Listener<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
