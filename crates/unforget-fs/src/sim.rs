//! A disk in memory that shows what a power failure may leave (feature `sim`).
//!
//! # The model
//!
//! [`SimDisk`] is a [`Disk`](crate::disk::Disk), so the code under test is the code that runs in production.
//! It keeps two things: what a live process sees, and the history of everything done to it in the smallest
//! steps that can be lost on their own.
//!
//! - A write is one step for each block that it touches, and one for the length if the file grows. So a write
//!   may be torn at every block, and a file may have its new length and zeros in it.
//! - A change of owner and a change of mode are one step each.
//! - A name given, taken or moved inside its directory is one step. A file without a durable name is gone,
//!   however often its content was synced.
//!
//! A sync makes the steps of its file durable, or the names of its directory, and nothing else. When the power
//! fails, what is durable survives, and of the rest any part that the [`Profile`] allows.
//! [`crash_states`](SimDisk::crash_states) gives all of these, for every moment of the history, each once.
//!
//! A sync that fails ([`Failure::Io`], [`Failure::NoSpace`]) gives up on its steps: they may survive or not,
//! and no later sync makes them durable, although it succeeds. That is what Linux does (Rebello et al., "Can
//! Applications Recover from fsync Failures?", USENIX ATC 2020).
//!
//! Sources of the rules: Pillai et al., "All File Systems Are Not Created Equal" (OSDI 2014) for
//! [`Profile::PosixWeak`]; Bornholt et al., "Specifying and Checking File System Crash-Consistency Models"
//! (ASPLOS 2016) for [`Profile::Ext4Like`].
//!
//! # How a test looks
//!
//! Run the operation, [`mark`](SimDisk::mark) each acknowledgement, then look at every crash state: what was
//! acknowledged is there, and what was not is there whole or not at all. [`verify`](SimDisk::verify) does it
//! with a recovery in between, and crashes during the recovery too.
//!
//! ```
//! use std::ffi::OsStr;
//! use std::path::Path;
//! use unforget_fs::disk::{Disk, Open, Rename};
//! use unforget_fs::sim::{Profile, SimDisk};
//!
//! /// The wrong way: the content is not synced before it gets the name.
//! fn replace(disk: &SimDisk) -> std::io::Result<()> {
//!     let dir = disk.open_dir(None, Path::new("/"))?;
//!     let file = disk.open(&dir, OsStr::new("new"), Open::New)?;
//!     disk.write_at(&file, b"new content", 0)?;
//!     disk.rename(&dir, OsStr::new("new"), OsStr::new("file"), Rename::Replace)?;
//!     disk.sync_dir(&dir)
//! }
//!
//! let disk = SimDisk::new();
//! disk.put("/file", b"old content");
//! replace(&disk)?;
//! let is_whole = |content: &[u8]| content == b"old content" || content == b"new content";
//! let states = disk.crash_states(Profile::PosixWeak);
//! let broken = states.iter().filter(|state| !is_whole(&state.disk().read("/file").unwrap_or_default()));
//! assert!(broken.count() > 0, "a test that cannot fail shows nothing");
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Limitations
//!
//! Permissions are kept and not enforced. Renames stay inside one directory. Directories cannot be removed.
//! There is one lock per file, and it is exclusive. A write within one block is not torn; choose small blocks
//! ([`with_block_size`](SimDisk::with_block_size)) where that matters.

mod calls;
mod crash;
mod fault;
mod interleave;
mod log;
mod profile;
mod state;
mod tree;
mod verify;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use unforget_sync::ManualClock;

use crate::disk::Entry;

pub use calls::{SimDir, SimFile};
pub use crash::{CrashState, CrashStates};
pub use fault::{Call, Failure, Fault};
pub use profile::Profile;
use state::{Settings, State};
use tree::{Node, Tree};
pub use verify::Verified;

/// Up to so many unsynced changes, every subset of them is looked at; that is a million.
const EXHAUSTIVE_UP_TO: usize = 20;

/// The unit in which disks write.
const SECTOR: usize = 512;

/// A disk in memory that knows what it would have lost. See the [module](self) for the model.
///
/// A clone is another handle of the same disk. Its methods beside those of [`Disk`](crate::disk::Disk) set it
/// up and look at it, and are not part of its history.
#[derive(Debug, Clone)]
pub struct SimDisk {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    clock: ManualClock,
}

impl SimDisk {
    /// An empty disk that writes sectors of 512 bytes.
    pub fn new() -> Self {
        Self::with_block_size(SECTOR)
    }

    /// An empty disk that tears writes at multiples of `bytes`; 0 counts as 1.
    pub fn with_block_size(bytes: usize) -> Self {
        let settings = Settings { block_size: bytes.max(1), exhaustive_up_to: EXHAUSTIVE_UP_TO };
        Self::of(State::new(Tree::empty(), settings, Vec::new()))
    }

    fn of(state: State) -> Self {
        Self { shared: Arc::new(Shared { state: Mutex::new(state), clock: ManualClock::new() }) }
    }

    /// Puts a file of mode 0600 there, durably, as if it had always been there. Missing directories come with
    /// it.
    pub fn put(&self, path: impl AsRef<Path>, contents: &[u8]) {
        self.state().put(path.as_ref(), &Node::file(contents, 0o600));
    }

    /// Puts a directory there, durably.
    pub fn put_dir(&self, path: impl AsRef<Path>) {
        self.state().put(path.as_ref(), &Node::dir(0o755));
    }

    /// Puts a symbolic link there, durably.
    pub fn put_link(&self, path: impl AsRef<Path>, target: impl Into<PathBuf>) {
        self.state().put(path.as_ref(), &Node::link(target.into()));
    }

    /// Changes mode and owner of what is there, durably.
    pub fn set_attributes(&self, path: impl AsRef<Path>, mode: u32, uid: u32, gid: u32) {
        self.state().set_attributes(path.as_ref(), mode, uid, gid);
    }

    /// Limits the bytes that all files together may have; a write that does not fit does what does.
    pub fn set_capacity(&self, bytes: u64) {
        self.state().capacity = Some(bytes);
    }

    /// Looks at every subset of the unsynced changes only up to so many of them, and not up to 20: for tests
    /// that go through many histories.
    pub fn set_exhaustive(&self, changes: usize) {
        self.state().settings.exhaustive_up_to = changes;
    }

    /// What a live process reads at a path, links followed; `None` if no file is there.
    pub fn read(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        self.state().contents(path.as_ref())
    }

    /// The names in a directory, in order; none if there is no such directory.
    pub fn names(&self, path: impl AsRef<Path>) -> Vec<OsString> {
        self.state().names(path.as_ref())
    }

    /// What a live process sees at a path, links followed.
    pub fn entry_at(&self, path: impl AsRef<Path>) -> Option<Entry> {
        self.state().entry_at(path.as_ref())
    }

    /// Notes something in the history, such as an acknowledgement. Crash states after it
    /// [have it](CrashState::has_mark).
    pub fn mark(&self, mark: impl Into<String>) {
        self.state().mark(mark.into());
    }

    /// Makes a call fail. Several plans count independently; the first one that applies decides.
    pub fn fail(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// Lets nothing fail any more.
    pub fn heal(&self) {
        self.state().faults.clear();
    }

    /// The calls made so far, failed ones included, each with the path that it was about.
    pub fn calls(&self) -> Vec<(Call, PathBuf)> {
        self.state().calls.clone()
    }

    /// Every state that a crash, at any moment since the disk was made, may leave.
    pub fn crash_states(&self, profile: Profile) -> CrashStates {
        let history = self.state().history();
        crash::states(&history, profile)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics under it; a test that panics elsewhere should say why and not this.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets somebody else act before the `nth` call from now on, the first being 1: what another process may
    /// do at that moment. The other's calls are calls too, and are not counted again by this plan.
    ///
    /// With a test that tries every number, an operation meets another one at each of its steps.
    ///
    /// # Examples
    ///
    /// ```
    /// use unforget_fs::sim::SimDisk;
    /// use unforget_fs::{Files, ReplaceOptions};
    ///
    /// let disk = SimDisk::new();
    /// disk.before(1, |disk| {
    ///     let created = Files::on(disk).create_new("/file".as_ref(), b"theirs", &ReplaceOptions::new());
    ///     created.expect("they were first");
    /// });
    /// let outcome = Files::on(&disk).create_new("/file".as_ref(), b"ours", &ReplaceOptions::new());
    /// assert!(outcome.is_err());
    /// assert_eq!(disk.read("/file").as_deref(), Some(&b"theirs"[..]));
    /// ```
    pub fn before(&self, nth: u64, act: impl FnOnce(&SimDisk) + Send + 'static) {
        self.state().others.add(nth, act);
    }

    /// Begins a call: lets others act, counts it, and says how it fails.
    ///
    /// Others act without the lock that a call is made under: they make calls themselves.
    fn begin(&self, call: Call, path: PathBuf) -> (MutexGuard<'_, State>, Option<Failure>) {
        let mut state = self.state();
        for act in state.others.due() {
            drop(state);
            act(self);
            state = self.state();
        }
        let failure = state.begin(call, path);
        (state, failure)
    }

    /// Counts a call, and does it unless it is planned to fail.
    fn call<T>(
        &self,
        call: Call,
        path: PathBuf,
        act: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> io::Result<T> {
        let (mut state, failure) = self.begin(call, path);
        match failure.and_then(Failure::error) {
            Some(error) => Err(error),
            None => act(&mut state),
        }
    }
}

impl Default for SimDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl CrashState {
    /// The disk as it is found after the crash: nobody has a file open, and this is what is durable.
    pub fn disk(&self) -> SimDisk {
        SimDisk::of(State::new(self.tree.clone(), self.settings, self.marks.clone()))
    }
}
