//! How a database is opened.

use std::time::Duration;

use crate::Checkpoints;
use crate::intake::Budget;

/// Decides what an acknowledged write survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Survives power loss: every commit is synced to disk before it is acknowledged (`synchronous = FULL`).
    #[default]
    Full,
    /// Survives the crash of any process, but the last commits may be undone by power loss
    /// (`synchronous = NORMAL`). Never corrupts the file.
    Normal,
}

/// Longer waits are cut to these: a day of SQLite's own waiting, which counts milliseconds in 32 bits, and a year.
const LONGEST_BUSY_TIMEOUT: Duration = Duration::from_hours(24);
pub(crate) const LONGEST_DEADLINE: Duration = Duration::from_hours(365 * 24);

/// The pool keeps a place for each from the beginning; each one in use is a connection with three open files.
const MOST_READERS: u32 = 1024;

/// Settings of a [`Database`](crate::Database), fixed when its engine starts.
///
/// ```
/// use std::time::Duration;
/// use unforget_sqlite::{Durability, Options};
///
/// let options = Options::default().durability(Durability::Normal).deadline(Duration::from_secs(2));
/// assert_ne!(options, Options::default());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    pub(crate) durability: Durability,
    pub(crate) readers: u32,
    pub(crate) busy_timeout: Duration,
    pub(crate) deadline: Duration,
    pub(crate) queued_ops: usize,
    pub(crate) queued_bytes: usize,
    pub(crate) batch_operations: usize,
    pub(crate) batch_time: Duration,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) max_read: Option<Duration>,
    pub(crate) network: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            durability: Durability::Full,
            readers: 8,
            busy_timeout: Duration::from_secs(5),
            deadline: Duration::from_secs(10),
            queued_ops: 1024,
            queued_bytes: 64 << 20,
            batch_operations: 4096,
            batch_time: Duration::from_millis(50),
            checkpoints: Checkpoints::default(),
            max_read: None,
            network: false,
        }
    }
}

impl Options {
    /// Sets what an acknowledged write survives; [`Durability::Full`] unless set.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets how many reads run at once; 8 unless set, at least 1 and at most 1024.
    #[must_use]
    pub fn readers(mut self, readers: u32) -> Self {
        self.readers = readers.clamp(1, MOST_READERS);
        self
    }

    /// Sets how long SQLite itself waits for a lock of a foreign program before the engine tries again; 5 s
    /// unless set, never longer than the deadline, a day at most.
    #[must_use]
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout.min(LONGEST_BUSY_TIMEOUT);
        self
    }

    /// Sets how long a call waits for its turn to read or write before it gives up; 10 s unless set, a year at
    /// most.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline.min(LONGEST_DEADLINE);
        self
    }

    /// Bounds the writes that wait for the writer, in number and in bytes as told to
    /// [`Database::write_sized`](crate::Database::write_sized); 1024 and 64 MiB unless set, at least 1 each.
    #[must_use]
    pub fn queue(mut self, ops: usize, bytes: usize) -> Self {
        self.queued_ops = ops.max(1);
        self.queued_bytes = bytes.max(1);
        self
    }

    /// Bounds how many operations share a commit; 4096 unless set, at least 1. The rest of the queue can still be
    /// withdrawn, and goes on after others had the turn.
    ///
    /// 4096 operations that mark a row each make the end of the batch take some 30 ms where that is full text.
    #[must_use]
    pub fn batch_operations(mut self, operations: usize) -> Self {
        self.batch_operations = operations.max(1);
        self
    }

    /// Bounds how long operations are added to a batch that has begun; 50 ms unless set. One that is running is not
    /// interrupted, so others wait for the turn for this long, the last operation, the
    /// [end of the batch](crate::Schema::batch_end) and the commit. Where an operation fails, the batch may run a second
    /// time.
    ///
    /// 50 ms are a small part of anybody's deadline, and a hundred commits to a quick disk: sharing one among still
    /// more operations would not make writing faster.
    #[must_use]
    pub fn batch_time(mut self, time: Duration) -> Self {
        self.batch_time = time.min(LONGEST_DEADLINE);
        self
    }

    /// Sets when the write-ahead log is moved into the file.
    #[must_use]
    pub fn checkpoints(mut self, policy: Checkpoints) -> Self {
        self.checkpoints = policy;
        self
    }

    /// Sets how old a [`read`](crate::Database::read) may become; without a limit unless set.
    ///
    /// A statement that runs longer is ended, and the read fails with [`Error::ReadTooLong`](crate::Error::ReadTooLong).
    /// Only statements can be ended: a closure that does something else, or runs short statements only, goes on, and is
    /// named in [`Wal::pinned_by`](crate::Wal::pinned_by). Backups and checks are not limited.
    #[must_use]
    pub fn max_read(mut self, age: Duration) -> Self {
        self.max_read = Some(age);
        self
    }

    /// Sets whether a file on a network file system is opened; refused with
    /// [`Error::NetworkFileSystem`](crate::Error::NetworkFileSystem) unless set.
    ///
    /// With it, one machine alone may use the file, if the file system has locks and shared memory at all. sshfs and
    /// others in user space are not recognised, nor is any on Windows.
    #[must_use]
    pub fn allow_network_file_system(mut self, allow: bool) -> Self {
        self.network = allow;
        self
    }

    pub(crate) fn budget(&self) -> Budget {
        Budget { operations: self.batch_operations, time: self.batch_time }
    }

    /// How long SQLite itself waits: no longer than anybody waits for the engine.
    pub(crate) fn busy_wait(&self) -> Duration {
        self.busy_timeout.min(self.deadline)
    }
}
