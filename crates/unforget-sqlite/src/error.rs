//! What can go wrong, told apart by what the caller can do about it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::ErrorCode;
use unforget_fs::TurnHolder;

/// A specialised result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation on a [`Database`](crate::Database) did not succeed.
///
/// Unless a variant says otherwise, the operation was rolled back or never started: nothing of it is in the
/// file. Only [`Error::OutcomeUnknown`] leaves that open.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operation had not started when its deadline passed.
    #[error("{} was busy for {waited:.1?}: {}; try again later", at(path.as_ref()), by(blocker.as_ref()))]
    Busy {
        /// The database file, where known.
        path: Option<PathBuf>,
        /// How long the caller waited.
        waited: Duration,
        /// What was in the way when the caller gave up, where known.
        blocker: Option<Blocker>,
    },
    /// The disk, the quota or the size limit of the file is exhausted.
    #[error("no space left to write {}; free some and try again", at(path.as_ref()))]
    Full {
        /// The database file, where known.
        path: Option<PathBuf>,
        /// What SQLite said.
        source: Arc<rusqlite::Error>,
    },
    /// The system could not read, write or sync the file.
    #[error("the disk failed under {}; look at the disk, then open the database again", at(path.as_ref()))]
    DiskFailed {
        /// The database file, where known.
        path: Option<PathBuf>,
        /// What SQLite said.
        source: Arc<rusqlite::Error>,
    },
    /// The file holds what no SQLite database holds. It was not touched.
    #[error("{} is damaged; restore a backup (the file was left as it is)", at(path.as_ref()))]
    Corrupt {
        /// The database file, where known.
        path: Option<PathBuf>,
        /// What SQLite said.
        source: Arc<rusqlite::Error>,
    },
    /// The file is something else than a SQLite database. It was not touched.
    #[error("{} is not a database; name another file, or move this one away", at(path.as_ref()))]
    NotADatabase {
        /// The file, where known.
        path: Option<PathBuf>,
        /// What SQLite said.
        source: Arc<rusqlite::Error>,
    },
    /// The file cannot be opened or written by this user, or a read tried to write.
    #[error("{} cannot be written here: it belongs to somebody else, is gone, or a read tried to", at(path.as_ref()))]
    NotAccessible {
        /// The database file, where known.
        path: Option<PathBuf>,
        /// What SQLite said.
        source: Arc<rusqlite::Error>,
    },
    /// The file is on a network file system, where neither locks nor shared memory are dependable. It was not touched.
    #[error(
        "{} is on a network file system ({file_system}); move it to a local disk, or allow it in the options \
         if one machine alone uses it",
        path.display()
    )]
    NetworkFileSystem {
        /// The database file.
        path: PathBuf,
        /// What the file system is called.
        file_system: &'static str,
    },
    /// The file was written by a newer version of the program.
    #[error("{} has schema {found}, this program knows {supported}; upgrade the program", path.display())]
    NewerSchema {
        /// The database file.
        path: PathBuf,
        /// The schema version in the file.
        found: usize,
        /// The newest schema version this program knows.
        supported: usize,
    },
    /// The file is a database of another program. It was left as it is.
    #[error("{} is a database of another program; name another file", path.display())]
    ForeignDatabase {
        /// The database file.
        path: PathBuf,
    },
    /// Bringing the schema up to date failed. The file still has the schema it had.
    #[error("the schema of {} could not be brought up to date: {reason}; it was left as it is", path.display())]
    Migration {
        /// The database file.
        path: PathBuf,
        /// What SQLite said about the step that failed.
        reason: String,
    },
    /// The SQLite library of this process has a known fault that corrupts databases.
    #[error(
        "SQLite {found} corrupts write-ahead logs under load; 3.51.3 or newer is needed (feature `bundled`)"
    )]
    OldLibrary {
        /// The version of the library in use.
        found: &'static str,
    },
    /// A setting was given to SQLite and is not in force.
    #[error("{} does not accept {name} = {wanted}: it is {found}; the file system may not support it", at(path.as_ref()))]
    Setting {
        /// The database file, where known.
        path: Option<PathBuf>,
        /// The name of the PRAGMA.
        name: &'static str,
        /// The value that was set.
        wanted: String,
        /// The value read back.
        found: String,
    },
    /// The file is open in this process with another durability.
    #[error("{} is open in this process with another durability; open it with the same", path.display())]
    DurabilityDiffers {
        /// The database file.
        path: PathBuf,
    },
    /// The operation did what only the engine may do, or ended the engine's transaction.
    #[error("an operation may not control transactions, attach databases or change settings")]
    Forbidden,
    /// A database was written, opened or waited for from inside a write. It would wait for itself: the writer of
    /// one database, or the turn of its directory, is what runs the write.
    #[error("a database was written, opened or waited for inside a write; do that before or after it")]
    Reentrant,
    /// The operation panicked. It was rolled back; the engine goes on.
    #[error("the operation panicked: {message}; it was rolled back")]
    Panicked {
        /// The panic's message.
        message: String,
    },
    /// The operation is larger than the queue may hold.
    #[error("the operation has {bytes} bytes, the queue holds {limit}; split it or raise the limit")]
    TooLarge {
        /// The size told for the operation.
        bytes: usize,
        /// The bound of the queue.
        limit: usize,
    },
    /// A row was marked for the end of the batch, but nothing is done there.
    #[error("the schema names nothing to be done at the end of a batch; migrate to one with `batch_end`")]
    NoBatchEnd,
    /// The operation left more to be done later than is kept in memory.
    #[error("the operation marked rows of more than {limit} bytes for the end of its batch; split it")]
    TooMuchPending {
        /// How many bytes one operation may leave.
        limit: usize,
    },
    /// The database was closed.
    #[error("the database is closed; open it again")]
    Closed,
    /// The process was forked after it had opened a database. What the child inherited of SQLite is the parent's, also
    /// for a database that the child opens itself.
    #[error(
        "this process was forked after a database was opened; fork before that, or start a program in the child"
    )]
    Forked,
    /// Whether the operation is in the file is known only after it was opened again.
    #[error("it is unknown whether the operation was stored; open the database again and look")]
    OutcomeUnknown {
        /// What SQLite said when committing; absent when the writer itself was lost.
        source: Option<Arc<rusqlite::Error>>,
    },
    /// An earlier failure left the engine unfit to write. Nothing was tried.
    #[error("the database stopped writing after a failure; open it again")]
    Poisoned,
    /// A read was older than [`Options::max_read`](crate::Options::max_read) allows. A statement of it was ended.
    #[error("a read of {} at {place} was ended after {held_for:.1?}, {limit:.1?} are allowed; read less at once", path.display())]
    ReadTooLong {
        /// The database file.
        path: PathBuf,
        /// The call that read, as `file:line:column`.
        place: String,
        /// How long it had lasted.
        held_for: Duration,
        /// How long it may last.
        limit: Duration,
    },
    /// The file was removed, or another took its name, while it was open. Nothing was written.
    #[error("{} was removed or replaced while it was open; open it again", path.display())]
    Replaced {
        /// The name the file had.
        path: PathBuf,
    },
    /// A backup was to be made where a file is already. It was left as it is.
    #[error("{} exists; name another file, or ask for it to be replaced", path.display())]
    Exists {
        /// The file that exists.
        path: PathBuf,
    },
    /// A database was to be replaced that a program has open. It was left as it is.
    #[error("{} is in use{}; close the programs that use it", path.display(), by_processes(pids))]
    InUse {
        /// The database file.
        path: PathBuf,
        /// The processes that have it open, where the system tells; this one may be among them.
        pids: Vec<u32>,
    },
    /// A copy was checked before it was put in place, and is damaged. Nothing was changed.
    #[error("{} is not sound: {}; take another backup", path.display(), faults.first().map_or("it cannot be read", |fault| fault))]
    Unsound {
        /// The file that was copied.
        path: PathBuf,
        /// What is wrong with it, at most 100 lines.
        faults: Vec<String>,
    },
    /// The callback of a backup ended it. Nothing of it is left.
    #[error("the backup was cancelled")]
    Cancelled,
    /// A statement failed.
    #[error("a statement failed and was undone")]
    Sql {
        /// What SQLite said.
        #[source]
        source: Arc<rusqlite::Error>,
    },
    /// A file beside the database could not be used.
    #[error(transparent)]
    Files(Arc<unforget_fs::Error>),
    /// The file `generation` beside the database cannot be used. Nothing was changed.
    #[error(
        "{} is not this library's page of counters: {fault}; remove it while no program uses the databases beside it",
        path.display()
    )]
    Page {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// The operating system refused something.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: Arc<std::io::Error>,
    },
}

/// What keeps operations from being started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Blocker {
    /// A process has the turn to write, or is next in line for it and does not take it, such as one that was stopped.
    Process(TurnHolder),
    /// A program that does not take turns has the file locked. SQLite does not tell which.
    Foreign,
    /// All connections for reading are in use in this process.
    Readers,
}

impl Error {
    /// Tells whether the same call may succeed later without anything being mended.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Busy { .. })
    }

    /// Tells apart what SQLite reports.
    pub(crate) fn classify(source: rusqlite::Error) -> Self {
        let path = None;
        let Some(code) = source.sqlite_error_code() else {
            return Self::Sql { source: Arc::new(source) };
        };
        match code {
            ErrorCode::DatabaseBusy | ErrorCode::FileLockingProtocolFailed => {
                Self::Busy { path, waited: Duration::ZERO, blocker: None }
            }
            ErrorCode::DiskFull => Self::Full { path, source: Arc::new(source) },
            ErrorCode::SystemIoFailure => Self::DiskFailed { path, source: Arc::new(source) },
            ErrorCode::DatabaseCorrupt => Self::Corrupt { path, source: Arc::new(source) },
            ErrorCode::NotADatabase => Self::NotADatabase { path, source: Arc::new(source) },
            ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied => {
                Self::NotAccessible { path, source: Arc::new(source) }
            }
            ErrorCode::AuthorizationForStatementDenied => Self::Forbidden,
            _ => Self::Sql { source: Arc::new(source) },
        }
    }

    /// Names the file in an error that does not name one yet.
    pub(crate) fn at(mut self, file: &Path) -> Self {
        match &mut self {
            Self::Busy { path, .. }
            | Self::Full { path, .. }
            | Self::DiskFailed { path, .. }
            | Self::Corrupt { path, .. }
            | Self::NotADatabase { path, .. }
            | Self::NotAccessible { path, .. }
            | Self::Setting { path, .. } => {
                path.get_or_insert_with(|| file.to_path_buf());
            }
            _ => {}
        }
        self
    }
}

impl From<rusqlite::Error> for Error {
    fn from(source: rusqlite::Error) -> Self {
        Self::classify(source)
    }
}

impl From<unforget_fs::Error> for Error {
    fn from(source: unforget_fs::Error) -> Self {
        Self::Files(Arc::new(source))
    }
}

fn at(path: Option<&PathBuf>) -> String {
    path.map_or_else(|| "the database".to_owned(), |path| path.display().to_string())
}

fn by_processes(pids: &[u32]) -> String {
    let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
    if pids.is_empty() { String::new() } else { format!(" by process {}", pids.join(", ")) }
}

fn by(blocker: Option<&Blocker>) -> String {
    match blocker {
        Some(Blocker::Process(holder)) => format!("the turn to write is with {holder}"),
        Some(Blocker::Foreign) => "a program that takes no turns has it locked".to_owned(),
        Some(Blocker::Readers) => "all connections for reading are in use".to_owned(),
        None => "others use it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    fn failure(code: i32) -> Error {
        Error::classify(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
    }

    #[test]
    fn a_message_names_the_file_once_it_is_known() {
        assert!(failure(ffi::SQLITE_CORRUPT).to_string().starts_with("the database is damaged"));
        let error = failure(ffi::SQLITE_CORRUPT).at(Path::new("a.db"));
        assert!(error.to_string().starts_with("a.db is damaged"));
        let blocker = Some(Blocker::Foreign);
        let busy = Error::Busy { path: None, waited: Duration::from_secs(10), blocker }.at(Path::new("a.db"));
        assert!(
            busy.to_string().starts_with("a.db was busy for 10.0s: a program that takes no turns"),
            "{busy}"
        );
    }
}
