//! A disk below SQLite that fails on demand and remembers what was written and what was synced.
//!
//! SQLite reaches files through a table of functions, its VFS. [`shim`] puts one in front of the real one and makes
//! it the default, so that the engine runs on it as it is. Files of a [`Disk`]'s directory are counted, failed and
//! recorded; every other file of the process goes straight through, and so do locks and shared memory.
//!
//! No sync reaches the real disk: what the power takes is decided by [`power`] from the record.

mod log;
mod power;
mod shim;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;
use unforget::unforget_sqlite::rusqlite::ffi;

pub(crate) use log::Event;
use log::{Inode, Log};
pub(crate) use power::{Files, Survivors, after_power_cut};

/// The calls that are counted and can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Call {
    Open,
    Read,
    Write,
    Truncate,
    Sync,
    Delete,
}

/// Which call fails, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) call: Call,
    /// Counted from 1.
    pub(crate) nth: usize,
    /// What SQLite is told.
    pub(crate) code: i32,
    /// Whether every later call of the kind fails too.
    pub(crate) for_ever: bool,
    /// Only calls on the file that was made first are counted and fail: that is the database itself.
    pub(crate) first_file: bool,
}

impl Fault {
    /// The first call of the kind, with what the real VFS would answer.
    pub(crate) fn first(call: Call, for_ever: bool) -> Self {
        let code = match call {
            Call::Open => ffi::SQLITE_CANTOPEN,
            Call::Read => ffi::SQLITE_IOERR_READ,
            Call::Write => ffi::SQLITE_IOERR_WRITE,
            Call::Truncate => ffi::SQLITE_IOERR_TRUNCATE,
            Call::Sync => ffi::SQLITE_IOERR_FSYNC,
            Call::Delete => ffi::SQLITE_IOERR_DELETE,
        };
        Self { call, nth: 1, code, for_ever, first_file: false }
    }

    pub(crate) fn full(for_ever: bool) -> Self {
        Self { code: ffi::SQLITE_FULL, ..Self::first(Call::Write, for_ever) }
    }
}

/// The disks of this process, which the shim looks through at every open and delete.
static DISKS: Mutex<Vec<Arc<Disk>>> = Mutex::new(Vec::new());

/// The files of one directory.
pub(crate) struct Disk {
    directory: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    counts: [usize; 6],
    fault: Option<Fault>,
    /// A sync of the first file waits here until the sender is gone.
    slow_sync: Option<SlowSync>,
    fired: usize,
    log: Log,
}

struct SlowSync {
    started: Sender<()>,
    ended: Receiver<()>,
}

/// A sync that takes long.
pub(crate) struct Slowness {
    pub(crate) has_started: Receiver<()>,
    pub(crate) end: Sender<()>,
}

/// A directory of its own on a recorded disk, for as long as this lives.
pub(crate) struct Mounted {
    watched: Watched,
    directory: TempDir,
}

struct Watched(Arc<Disk>);

impl Mounted {
    pub(crate) fn new() -> Self {
        shim::install();
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().canonicalize().expect("it exists");
        let disk = Arc::new(Disk { directory: path, state: Mutex::default() });
        lock(&DISKS).push(Arc::clone(&disk));
        Self { watched: Watched(disk), directory }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn disk(&self) -> &Disk {
        &self.watched.0
    }

    /// Gives the directory back as an ordinary one.
    pub(crate) fn unmount(self) -> TempDir {
        self.directory
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        lock(&DISKS).retain(|disk| !Arc::ptr_eq(disk, &self.0));
    }
}

impl Disk {
    /// Counts calls from here on, and makes those of `fault` fail.
    pub(crate) fn plan(&self, fault: Option<Fault>) {
        let mut state = self.state();
        (state.counts, state.fired, state.fault) = ([0; 6], 0, fault);
    }

    /// Makes the next sync of the first file last until the answer's `end` is dropped.
    pub(crate) fn slow_sync(&self) -> Slowness {
        let (started, has_started) = channel();
        let (end, ended) = channel();
        self.state().slow_sync = Some(SlowSync { started, ended });
        Slowness { has_started, end }
    }

    /// How many calls were made to fail since the plan.
    pub(crate) fn fired(&self) -> usize {
        self.state().fired
    }

    /// Puts into the record that a caller has been told of success.
    pub(crate) fn acknowledged(&self, op: u64) {
        self.state().log.push(Event::Acknowledged(op));
    }

    /// The record so far.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.state().log.events().to_vec()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The disk that has this file, and the file's name there.
    fn of(path: &Path) -> Option<(Arc<Self>, String)> {
        let name = path.file_name()?.to_str()?;
        let disks = lock(&DISKS);
        let disk = disks.iter().find(|disk| path.parent() == Some(&disk.directory))?;
        Some((Arc::clone(disk), name.to_owned()))
    }
}

impl State {
    /// Counts a call; answers what it is to fail with.
    fn meet(&mut self, call: Call, inode: Option<Inode>) -> Option<i32> {
        if self.fault.is_some_and(|fault| fault.first_file) && inode != Some(0) {
            return None;
        }
        self.counts[call as usize] += 1;
        let met = self.counts[call as usize];
        let fault = self.fault.filter(|fault| fault.call == call)?;
        if met != fault.nth && !(fault.for_ever && met > fault.nth) {
            return None;
        }
        self.fired += 1;
        Some(fault.code)
    }
}

/// A test that fails while it has a lock must not fail the others as well.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
