//! One writer and many readers on one file: what all handles of a process share.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use unforget_sync::primitive::{Condvar, Mutex};
use unforget_sync::{Close, Limits, SystemClock, Ticket, WaitError, WriteQueue};

use crate::batch::Outcome;
use crate::census::Census;
use crate::file::{self, FileId};
use crate::generation::{self, Board, Generation, Watcher};
use crate::memory::Place;
use crate::observers::{Observers, OnKept, OnPublish};
use crate::op::{Op, Reply};
use crate::options::LONGEST_DEADLINE;
use crate::readers::Readers;
use crate::stats::{Stats, Wal};
use crate::wal::Log;
use crate::writer::{Desk, Writer};
use crate::{Blocker, Error, HeldRead, Options, Result, Schema, here, process, settings};

/// A read that lasts longer is told of before the log is long enough to look at.
const LONG_READ: Duration = Duration::from_millis(500);

/// What the writer's thread and the handles both see.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) path: PathBuf,
    poisoned: AtomicBool,
    /// What SQLite believes to be in the file may not be there: a sync of it failed.
    distrusted: AtomicBool,
    operations: AtomicU64,
    commits: AtomicU64,
    restarts: AtomicU64,
    busy: AtomicU64,
    foreign: AtomicBool,
    schema: Mutex<Option<Schema>>,
    file: OnceLock<Option<FileId>>,
    /// Nobody ever waits for it: who has the seat in the queue has this. Empty before and after the writer.
    pub(crate) desk: Mutex<Option<Desk>>,
    pub(crate) census: Arc<Census>,
    pub(crate) log: Log,
    pub(crate) board: Arc<Board>,
    pub(crate) observers: Arc<Observers<OnKept>>,
    pub(crate) publishers: Arc<Observers<OnPublish>>,
    stopped: Mutex<bool>,
    stop: Condvar,
}

impl Shared {
    fn new(path: PathBuf) -> Self {
        let board = Arc::new(Board::new(&path));
        Self {
            path,
            poisoned: AtomicBool::new(false),
            distrusted: AtomicBool::new(false),
            operations: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            restarts: AtomicU64::new(0),
            busy: AtomicU64::new(0),
            foreign: AtomicBool::new(false),
            schema: Mutex::new(None),
            file: OnceLock::new(),
            desk: Mutex::new(None),
            census: Arc::new(Census::new()),
            log: Log::new(),
            board,
            observers: Arc::default(),
            publishers: Arc::default(),
            stopped: Mutex::new(false),
            stop: Condvar::new(),
        }
    }

    // The counters and flags order nothing else: each is read on its own, so Relaxed suffices. Only who has the seat
    // in the queue sets the flags and reads `poisoned` back before it writes, and the seat changes hands under the
    // queue's lock; `foreign` only words a message.

    pub(crate) fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Relaxed)
    }

    pub(crate) fn count(&self, outcome: &Outcome) {
        self.log.committed();
        self.operations.fetch_add(outcome.told.len() as u64, Ordering::Relaxed);
        self.commits.fetch_add(outcome.commits, Ordering::Relaxed);
        self.restarts.fetch_add(outcome.restarts, Ordering::Relaxed);
        if outcome.poisoned {
            self.poison();
        }
    }

    /// The writer met a foreign program; it waits until [`Shared::got_in`].
    pub(crate) fn count_busy(&self) {
        self.busy.fetch_add(1, Ordering::Relaxed);
        self.foreign.store(true, Ordering::Relaxed);
    }

    pub(crate) fn got_in(&self) {
        self.foreign.store(false, Ordering::Relaxed);
    }

    fn busy(&self, since: Instant) -> Error {
        let foreign = self.foreign.load(Ordering::Relaxed);
        let blocker = if foreign {
            Some(Blocker::Foreign)
        } else {
            generation::blocker(&self.board.counter, directory(&self.path))
        };
        Error::Busy { path: Some(self.path.clone()), waited: since.elapsed(), blocker }
    }

    pub(crate) fn poison(&self) {
        self.poisoned.store(true, Ordering::Relaxed);
    }

    /// Ends the writing because the disk failed while the log was moved.
    pub(crate) fn distrust(&self) {
        self.distrusted.store(true, Ordering::Relaxed);
        self.poison();
    }

    /// Remembers the newest schema this process works with.
    pub(crate) fn know(&self, schema: Schema) {
        let mut known = self.schema.lock();
        if known.is_none_or(|known| known.version() < schema.version()) {
            *known = Some(schema);
        }
    }

    pub(crate) fn schema(&self) -> Option<Schema> {
        *self.schema.lock()
    }

    /// The reads of this process that were in the way when the log was last to be shortened, and still are; and those
    /// that have lasted for [`LONG_READ`] and began before the last commit, which they will be.
    pub(crate) fn pinned_by(&self) -> Vec<HeldRead> {
        let figures = self.log.figures();
        let long_ago = Instant::now().checked_sub(LONG_READ);
        let overtaken = figures.written.zip(long_ago).map(|(written, long_ago)| written.min(long_ago));
        let moment = figures.pinned.max(overtaken);
        moment.map_or_else(Vec::new, |moment| self.census.since_before(moment))
    }

    fn wal(&self) -> Wal {
        let figures = self.log.figures();
        let pinned_by = self.pinned_by();
        let mut name = self.path.clone().into_os_string();
        name.push("-wal");
        Wal {
            bytes: std::fs::metadata(name).map_or(0, |metadata| metadata.len()),
            frames: figures.frames,
            moved: figures.moved,
            checkpoints: figures.checkpoints,
            resets: figures.resets,
            resets_refused: figures.resets_refused,
            failures: figures.failures,
            pinned: figures.pinned.is_some() || !pinned_by.is_empty(),
            pinned_by,
        }
    }

    /// Remembers which file was opened.
    pub(crate) fn opened(&self) {
        self.file.get_or_init(|| file::id(&self.path));
    }

    /// Tells whether the path still names the file that was opened.
    pub(crate) fn has_its_name(&self) -> bool {
        self.file.get().is_some_and(|opened| opened.is_some() && file::id(&self.path) == *opened)
    }

    pub(crate) fn stopped(&self) {
        *self.stopped.lock() = true;
        self.stop.notify_all();
    }

    /// Waits until the writer has served its last operation; false when the deadline came first.
    fn wait_stopped(&self, deadline: Instant) -> bool {
        let mut stopped = self.stopped.lock();
        while !*stopped {
            let timed_out;
            (stopped, timed_out) = self.stop.wait_until(stopped, &SystemClock, deadline);
            if timed_out {
                break;
            }
        }
        *stopped
    }
}

/// The engine of one file in this process.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) shared: Arc<Shared>,
    pub(crate) options: Options,
    pub(crate) queue: WriteQueue<Op, Reply>,
    pub(crate) readers: Readers,
    watcher: Mutex<Option<Watcher>>,
    /// Dropped after the readers.
    place: Option<Place>,
}

impl Engine {
    /// Starts the writer and waits until it has opened the file.
    ///
    /// The writer's thread opens it rather than the caller's, because opening waits for the turn in the kernel,
    /// where no deadline reaches: a caller that gives up leaves the thread behind, which ends once it is let in.
    pub(crate) fn start(path: &Path, options: &Options) -> Result<Self> {
        settings::assert_library()?;
        if here::is_writing() {
            return Err(Error::Reentrant);
        }
        process::opens()?;
        let (queue, consumer) = WriteQueue::new(limits(options), Op::weigh);
        let shared = Arc::new(Shared::new(path.to_path_buf()));
        let (opened, tell) = Ticket::pair();
        let thread = {
            let (shared, options) = (Arc::clone(&shared), *options);
            let ends = (queue.clone(), consumer);
            move || match Writer::open(shared, &options, ends) {
                Ok(writer) => {
                    tell.complete(Ok(()));
                    writer.run();
                }
                Err(error) => tell.complete(Err(error)),
            }
        };
        thread::Builder::new()
            .name("unforget-writer".to_owned())
            .spawn(thread)
            .map_err(|source| file::io("start the writer of", path, source))?;
        wait_opened(opened, &shared, options).inspect_err(|_| queue.close(Close::Abort))?;
        let readers = Readers::new(path, options, Arc::clone(&shared.census), Arc::clone(&shared.board));
        let (options, watcher) = (*options, Mutex::new(None));
        Ok(Self { shared, options, queue, readers, watcher, place: None })
    }

    /// Keeps the place of its file until it ends.
    pub(crate) fn in_place(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// The generation of the database; the first call starts the thread that looks for foreign programs.
    pub(crate) fn generation(&self) -> Result<Generation> {
        let mut watcher = self.watcher.lock();
        if self.shared.board.is_closed() {
            return Err(Error::Closed);
        }
        let watcher = match &mut *watcher {
            Some(watcher) => watcher,
            none => none.insert(Watcher::start(&self.shared, &self.options, &self.queue)?),
        };
        Ok(watcher.generation())
    }

    /// Tells whether a new handle may use this engine: it writes, and the path still names its file.
    pub(crate) fn is_fit(&self) -> bool {
        process::check().is_ok()
            && !self.shared.is_poisoned()
            && !self.queue.is_closed()
            && self.shared.has_its_name()
    }

    /// Closes every connection of an engine that may not believe what SQLite knows of the log, at most until `deadline`.
    ///
    /// What was moved into the file is known to all connections of a process together, and forgotten when the last one
    /// is closed. Another process that has the file open remembers it; its own sync fails as well, where the system tells
    /// everybody who has the file open, as Linux does.
    pub(crate) fn retire(&self, deadline: Instant) -> Result<()> {
        if !self.shared.distrusted.load(Ordering::Relaxed) {
            return Ok(());
        }
        if here::is_writing() {
            return Err(Error::Reentrant);
        }
        let since = Instant::now();
        self.queue.drain_until(&SystemClock, deadline);
        if self.shared.wait_stopped(deadline) { self.readers.retire(deadline) } else { Err(self.busy(since)) }
    }

    pub(crate) fn stats(&self) -> Stats {
        if process::check().is_err() {
            // Another thread may have had the locks of the figures when the process was forked.
            return Stats::default();
        }
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            operations: load(&self.shared.operations),
            commits: load(&self.shared.commits),
            restarts: load(&self.shared.restarts),
            busy: load(&self.shared.busy),
            generation: self.shared.board.counter.value(),
            healed: self.shared.board.counter.healed(),
            readers: self.readers.open(),
            reads: self.shared.census.since_before(Instant::now()),
            queued: self.queue.len(),
            wal: self.shared.wal(),
        }
    }

    /// What a caller is told that waited in vain.
    pub(crate) fn busy(&self, since: Instant) -> Error {
        self.shared.busy(since)
    }

    /// Commits what was accepted, for as long as the deadline allows, and returns the rest to its callers.
    pub(crate) fn close(&self, timeout: Duration) -> Result<()> {
        self.shared.board.close();
        if let Some(watcher) = self.watcher.lock().take() {
            watcher.join();
        }
        if here::is_writing_in(directory(&self.shared.path)) {
            // An operation that drops the last handle runs on the thread, or has the turn, it would wait for.
            self.queue.close(Close::Drain);
            return Ok(());
        }
        let since = Instant::now();
        let deadline = since + timeout.min(LONGEST_DEADLINE);
        let returned = self.queue.drain_until(&SystemClock, deadline);
        if self.shared.wait_stopped(deadline) && returned == 0 {
            return Ok(());
        }
        Err(self.busy(since))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Nobody is left to be told; what could not be committed was returned to its ticket's holder.
        let _reported_by_tickets = self.close(self.options.deadline);
    }
}

fn limits(options: &Options) -> Limits {
    let bound = |n| NonZeroUsize::new(n).unwrap_or(NonZeroUsize::MIN);
    Limits { ops: bound(options.queued_ops), bytes: bound(options.queued_bytes) }
}

fn wait_opened(opened: Ticket<Result<()>>, shared: &Shared, options: &Options) -> Result<()> {
    let since = Instant::now();
    match opened.wait_until(&SystemClock, since + options.deadline) {
        Ok(outcome) => outcome,
        Err(WaitError::TimedOut(_)) => Err(shared.busy(since)),
        Err(_) => Err(Error::Panicked { message: "while the database was opened".to_owned() }),
    }
}

/// The directory whose turn a database takes.
pub(crate) fn directory(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}
