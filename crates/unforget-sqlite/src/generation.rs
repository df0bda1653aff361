//! Whether something that was read is still what the database says, without asking the database.
//!
//! Every engine on a database shares a counter with the others, in a page of memory that is a file ([`page`]). Under
//! the turn each commit makes it odd before and even after ([`commit`]):
//!
//! ```text
//! writer:  the turn ─► BEGIN … ─► odd ─► COMMIT ─► even ─► give the turn back ─► acknowledge
//! reader:  load the counter ─► even, and the same as when the copy was made? ─► the copy is up to date
//!                                  └─ otherwise ─► read the database; the copy is of the value loaded before
//! ```
//!
//! - *Even before acknowledging:* a copy of an older value is not taken for up to date by whoever knows of the write.
//! - *Odd before COMMIT:* somebody may have read what is committed and not acknowledged; nobody reads older copies from
//!   then on, so reads never go back in time.
//! - *The value of before the read:* what is committed during the read may be in it or not.
//! - *Who takes a snapshot while the counter is odd says so* in the page, before anybody is told what is in it. Until
//!   then a copy of before the commit may be answered: nobody knows of the commit ([`commit::is_current`]).
//! - *Who commits may publish copies* of the value that the commit will leave, between COMMIT and even, after saying so
//!   likewise. So no thread of its process has to read what the process wrote.
//! - *An unknown outcome stays odd* until a commit that really writes took the place of what was left, or the log was
//!   cut to nothing; that happens when the database is opened, with the next commit, or when the watcher asks for it.
//!
//! Foreign programs do not move the counter. A thread of each process ([`watcher`]) looks every 250 ms for changes
//! that SQLite knows of, and whether the page's file still has its name. What it finds changes the *epoch*, which
//! belongs to this process and this engine alone. So a moment is two numbers, and never comes again.

mod changes;
mod commit;
#[expect(unsafe_code, reason = "memory that processes share has no other owner")]
mod mapped;
mod page;
mod turn;
mod watcher;

#[cfg(test)]
mod model;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};

use unforget_sync::primitive::{Condvar, Mutex};

pub use changes::Changes;
pub(crate) use commit::Commit;
pub(crate) use page::Counter;
pub(crate) use turn::{TurnInPage, blocker};
pub(crate) use watcher::{INTERVAL, Watcher};

/// The epoch in which nobody can say whether a copy is up to date.
const BLIND: u64 = 0;

/// The last epoch of any engine in this process.
static EPOCHS: AtomicU64 = AtomicU64::new(BLIND);

/// A state of a database that can be told from every other state.
///
/// Only equality means something, and only among moments of one process. Every engine has moments of its own, so one
/// of an engine that was closed equals none of the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Moment {
    counter: u64,
    epoch: u64,
}

impl Moment {
    /// The moment that these are; `None` if nobody can say what is committed.
    fn of(counter: u64, epoch: u64) -> Option<Self> {
        (epoch != BLIND && commit::is_known(counter)).then_some(Self { counter, epoch })
    }

    /// Two numbers that are the same exactly for equal moments, for a type that must not know this one.
    pub fn to_pair(self) -> (u64, u64) {
        (self.counter, self.epoch)
    }

    /// The moment that these numbers are of.
    pub fn from_pair(counter: u64, epoch: u64) -> Self {
        Self { counter, epoch }
    }
}

/// Tells in nanoseconds whether what was read from a database is up to date.
///
/// Handles are cheap to clone and keep no engine alive. [`Database::read_with_moment`](crate::Database::read_with_moment)
/// reads and tells the moment that the answer is of; as long as [`now`](Self::now) is that moment, reading again would
/// answer the same. To keep a copy by other means, ask for the moment *before* reading:
///
/// ```
/// use unforget_sqlite::{Database, Error, Options, Schema};
///
/// static SCHEMA: Schema = Schema::new(&["CREATE TABLE counter(n INTEGER NOT NULL)"]);
/// # let directory = tempfile::tempdir().unwrap();
/// # let path = directory.path().join("counter.db");
/// let db = Database::open(&path, Options::default())?;
/// db.migrate(&SCHEMA)?;
/// let generation = db.generation()?;
///
/// let count = |tx: &unforget_sqlite::ReadTx<'_>| -> Result<i64, Error> {
///     Ok(tx.query_row("SELECT count(*) FROM counter", [], |row| row.get(0))?)
/// };
/// let (copy, moment) = db.read_with_moment(count)?;
/// db.write(|tx| -> Result<usize, Error> { Ok(tx.execute("INSERT INTO counter VALUES (7)", [])?) })?;
/// assert!(moment.is_none() || generation.now() != moment, "the copy {copy} is out of date");
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Generation {
    board: Arc<Board>,
}

impl Generation {
    pub(crate) fn new(board: Arc<Board>) -> Self {
        Self { board }
    }

    /// Answers the present moment, by a few loads and no system call.
    ///
    /// `None` while a commit is under way anywhere, or the outcome of one is open; while nobody can look for foreign
    /// programs; and for ever once the engine was closed. Then only the database can tell what is in it.
    ///
    /// Every write that any engine acknowledged before the call changed it. A change by a program that does not use
    /// this crate changes it within 250 ms, and so does one by an engine that uses another page because somebody
    /// removed the file of this one. It may change though the database did not.
    #[inline]
    pub fn now(&self) -> Option<Moment> {
        self.board.now()
    }

    /// Tells whether a copy of `moment` may still be answered, by a few loads and no system call.
    ///
    /// It may while [`now`](Self::now) is that moment, and also while the commit that ends it is under way, until
    /// somebody has read that commit through this crate. So reads by all who ask this, or read the database through
    /// this crate, never go back in time, and see what was acknowledged; but a foreign program may read such a commit
    /// before it is acknowledged, and tell somebody who does not find it yet.
    #[inline]
    pub fn lasts(&self, moment: Moment) -> bool {
        self.board.lasts(moment)
    }
}

/// What one engine knows about the state of its database, and who waits for news.
#[derive(Debug)]
pub(crate) struct Board {
    pub(crate) counter: Counter,
    epoch: AtomicU64,
    closed: AtomicBool,
    /// How many threads wait for `news`.
    listeners: AtomicUsize,
    lock: Mutex<()>,
    news: Condvar,
}

impl Board {
    pub(crate) fn new(database: &Path) -> Self {
        Self {
            counter: Counter::of(database),
            epoch: AtomicU64::new(BLIND),
            closed: AtomicBool::new(false),
            listeners: AtomicUsize::new(0),
            lock: Mutex::new(()),
            news: Condvar::new(),
        }
    }

    fn now(&self) -> Option<Moment> {
        // The partner is `begin_epoch`: who finds an epoch finds the page that is mapped in it.
        let epoch = self.epoch.load(Ordering::Acquire);
        Moment::of(self.counter.value(), epoch)
    }

    fn lasts(&self, moment: Moment) -> bool {
        // As in `now`.
        let epoch = self.epoch.load(Ordering::Acquire);
        epoch != BLIND && epoch == moment.epoch && self.counter.is_current(moment.counter)
    }

    /// What ends with `commit`, if that is known, and what it begins; `None` if nobody will be able to tell. Asked
    /// before the commit: a foreign program that commits after it begins another epoch.
    pub(crate) fn moments(&self, commit: &Commit<'_>) -> Option<(Option<Moment>, Moment)> {
        let epoch = self.epoch.load(Ordering::Acquire);
        let (before, after) = commit.values()?;
        Some((before.and_then(|before| Moment::of(before, epoch)), Moment::of(after, epoch)?))
    }

    /// Something changed that the counter does not tell of.
    fn begin_epoch(&self) {
        let epoch = EPOCHS.fetch_add(1, Ordering::Relaxed) + 1;
        let guard = self.lock.lock();
        if !self.is_closed() {
            self.epoch.store(epoch, Ordering::Release);
        }
        drop(guard);
        self.announce();
    }

    /// Nobody looks for what the counter does not tell of.
    fn go_blind(&self) {
        self.epoch.store(BLIND, Ordering::Release);
    }

    fn is_blind(&self) -> bool {
        self.epoch.load(Ordering::Relaxed) == BLIND
    }

    /// No epoch begins any more. The last one ends with the watcher.
    pub(crate) fn close(&self) {
        let guard = self.lock.lock();
        self.closed.store(true, Ordering::Relaxed);
        drop(guard);
        self.news.notify_all();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Wakes who waits for news.
    ///
    /// What is new was stored before. Between that and a look at `listeners` is a barrier, and so is one between
    /// counting in and the last look at what is new: one of the two sees the other.
    pub(crate) fn announce(&self) {
        fence(Ordering::SeqCst);
        if self.listeners.load(Ordering::Relaxed) > 0 {
            // Who has counted in, found nothing new and does not wait yet has the lock.
            drop(self.lock.lock());
            self.news.notify_all();
        }
    }
}
