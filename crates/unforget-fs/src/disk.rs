//! The calls that files are changed by: a seam with a real disk below it, or one that loses power.
//!
//! Every operation of this crate that has to survive a power failure is written against [`Disk`]. In a program
//! it runs on [`RealDisk`]; in a test the same code, not a copy of it, runs on
//! [`SimDisk`](https://docs.rs/unforget-fs/latest/unforget_fs/sim/struct.SimDisk.html) (feature `sim`), which
//! remembers what was made durable when, and can show every state that a crash may leave.
//!
//! The calls are the system's: at a name inside an open directory, at an offset inside an open file. Nothing
//! is buffered and nothing is repeated. Who calls deals with short reads and writes and with
//! [`Interrupted`](io::ErrorKind::Interrupted).

mod entry;
mod real;

use std::ffi::{OsStr, OsString};
use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};

use unforget_sync::Clock;

pub use crate::dir::Dir as RealDir;
pub use entry::{Entry, FileId, Kind};
pub use real::RealDisk;

/// How often a call that was interrupted by a signal is repeated. A signal that comes that often in a row is a
/// fault, and a fault is reported.
const INTERRUPTIONS_ACCEPTED: u32 = 64;

/// A disk: open directories, the names in them, and the files behind the names.
///
/// What a live process sees changes with every call. What survives a power failure is another matter, and only
/// three calls say something about it: [`sync_all`](Self::sync_all) and [`sync_data`](Self::sync_data) for a
/// file and [`sync_dir`](Self::sync_dir) for the names in a directory. Everything else may survive or not, in
/// any combination. A sync that failed has proved nothing, and neither will another one of the same file:
/// systems forget after the first failure what they could not write.
///
/// A clone is another handle of the same disk.
pub trait Disk: Clone + Debug {
    /// An open directory; it stays the same one when its path is renamed or replaced.
    type Dir: Debug;
    /// An open file. Its lock ends, and nothing else happens, when it is dropped.
    type File: Debug;

    /// Opens a directory, links followed; a relative path begins at `at`, or at the working directory.
    fn open_dir(&self, at: Option<&Self::Dir>, path: &Path) -> io::Result<Self::Dir>;

    /// Opens the file that has a name. Links are not followed, a FIFO does not block, a file that is created
    /// is its owner's only, and no file is shortened.
    fn open(&self, dir: &Self::Dir, name: &OsStr, how: Open) -> io::Result<Self::File>;

    /// What a name stands for, without following it; `None` if nothing has it. The name `.` is the directory
    /// itself.
    fn entry(&self, dir: &Self::Dir, name: &OsStr) -> io::Result<Option<Entry>>;

    /// What an open file is.
    fn file_entry(&self, file: &Self::File) -> io::Result<Entry>;

    /// The names in a directory, at most `limit` of them, in no particular order.
    fn list(&self, dir: &Self::Dir, limit: usize) -> io::Result<Vec<OsString>>;

    /// What a symbolic link says.
    fn read_link(&self, dir: &Self::Dir, name: &OsStr) -> io::Result<PathBuf>;

    /// Creates a directory; the umask takes permissions away.
    fn make_dir(&self, dir: &Self::Dir, name: &OsStr, mode: u32) -> io::Result<()>;

    /// Gives what is called `from` the name `to`, in one step.
    ///
    /// [`Rename::New`] fails with [`AlreadyExists`](io::ErrorKind::AlreadyExists) where the name is taken, and
    /// with [`Unsupported`](io::ErrorKind::Unsupported) where system or file system cannot do it in one step.
    fn rename(&self, dir: &Self::Dir, from: &OsStr, to: &OsStr, how: Rename) -> io::Result<()>;

    /// Gives a file a second name, which must be free.
    fn link(&self, dir: &Self::Dir, from: &OsStr, to: &OsStr) -> io::Result<()>;

    /// Takes a name from a file.
    fn unlink(&self, dir: &Self::Dir, name: &OsStr) -> io::Result<()>;

    /// Reads from an offset on, and says how much; 0 is the end of the file.
    fn read_at(&self, file: &Self::File, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes at an offset, and says how much; behind the end, the gap reads as zeros.
    fn write_at(&self, file: &Self::File, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Writes at the end, wherever that is by now, and says how much; for a file that was opened for
    /// [appending](Open::Append).
    fn append(&self, file: &Self::File, bytes: &[u8]) -> io::Result<usize>;

    /// Cuts a file off, or lengthens it with zeros.
    fn set_len(&self, file: &Self::File, len: u64) -> io::Result<()>;

    /// Gives a file away. This takes set-user-id and set-group-id from it, so the mode is set afterwards.
    fn set_owner(&self, file: &Self::File, uid: u32, gid: u32) -> io::Result<()>;

    /// Sets the permission bits, whatever the umask is.
    fn set_mode(&self, file: &Self::File, mode: u32) -> io::Result<()>;

    /// Makes content, length and attributes of a file durable. Its name is not among them.
    fn sync_all(&self, file: &Self::File) -> io::Result<()>;

    /// Makes content and length of a file durable.
    fn sync_data(&self, file: &Self::File) -> io::Result<()>;

    /// Makes the names in a directory durable.
    ///
    /// Fails with [`Unsupported`](io::ErrorKind::Unsupported) where there is no such operation: then there is
    /// nothing more to be had from that file system.
    fn sync_dir(&self, dir: &Self::Dir) -> io::Result<()>;

    /// Takes the lock of a file if it is free; it ends with the last handle of this opening, however its
    /// process ends.
    fn try_lock(&self, file: &Self::File) -> io::Result<bool>;

    /// Gives the lock of a file back, also for the copies of this opening that a child process has between its
    /// `fork` and its `exec`.
    fn unlock(&self, file: &Self::File);

    /// Adds a name to the path that a directory was opened by, for messages.
    fn show(&self, dir: &Self::Dir, name: &OsStr) -> PathBuf;

    /// Who creates files here: the effective user.
    fn user(&self) -> u32;

    /// Whether an error says that another program has the file open for a moment, as virus scanners and
    /// indexers on Windows do: the same call may succeed a little later.
    fn is_sharing_violation(&self, error: &io::Error) -> bool;

    /// The clock by which such moments are waited for.
    fn clock(&self) -> &dyn Clock;
}

/// What a file is opened for, and whether it has to exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Open {
    /// Reading; it exists.
    Read,
    /// Reading and writing; it exists.
    Write,
    /// Writing at its end, whoever else writes there; it exists.
    Append,
    /// Reading and writing; it is created if it does not exist.
    OrCreate,
    /// Reading and writing; it is created and did not exist.
    New,
}

/// What a renaming does where the new name is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rename {
    /// The file that has it loses it.
    Replace,
    /// The renaming fails.
    New,
    /// It gets the old name. Fails with [`NotFound`](io::ErrorKind::NotFound) where the new name is free, and with
    /// [`Unsupported`](io::ErrorKind::Unsupported) where system or file system cannot do it in one step.
    Exchange,
}

/// Makes a call again while it is interrupted by signals: the only failure that is retried everywhere, also
/// for a sync.
pub(crate) fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 0..INTERRUPTIONS_ACCEPTED {
        match call() {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
    // Not as an interruption: whoever is told of one makes the call again.
    Err(io::Error::other(format!("interrupted by signals {INTERRUPTIONS_ACCEPTED} times in a row")))
}

/// Writes all of `bytes`; short writes are continued.
pub(crate) fn write_all_at<D: Disk>(disk: &D, file: &D::File, bytes: &[u8], offset: u64) -> io::Result<()> {
    write_all(bytes, |done, rest| disk.write_at(file, rest, offset + done))
}

/// Writes all of `bytes` at the end; short writes are continued.
pub(crate) fn append_all<D: Disk>(disk: &D, file: &D::File, bytes: &[u8]) -> io::Result<()> {
    write_all(bytes, |_, rest| disk.append(file, rest))
}

/// `write` is told how much was written, and what is left.
fn write_all(mut rest: &[u8], mut write: impl FnMut(u64, &[u8]) -> io::Result<usize>) -> io::Result<()> {
    let mut done = 0;
    while !rest.is_empty() {
        let written = uninterrupted(|| write(done, rest))?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        rest = rest.get(written..).unwrap_or_default();
        done += written as u64;
    }
    Ok(())
}

/// What a sync of names that did not fail has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameSync {
    /// The names are durable.
    Done,
    /// Nothing: the file system has no such operation, and so nothing more to give.
    Unsupported,
}

/// Syncs the names in a directory, where that is possible.
pub(crate) fn sync_names<D: Disk>(disk: &D, dir: &D::Dir) -> io::Result<NameSync> {
    match uninterrupted(|| disk.sync_dir(dir)) {
        Ok(()) => Ok(NameSync::Done),
        Err(e) if e.kind() == io::ErrorKind::Unsupported => Ok(NameSync::Unsupported),
        Err(e) => Err(e),
    }
}
