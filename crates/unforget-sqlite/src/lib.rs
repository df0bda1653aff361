//! A SQLite engine for several threads and several processes on one file.
//!
//! SQLite lets one connection write at a time and makes the others wait or fail with `SQLITE_BUSY`. This crate
//! puts an order on that: in each process one thread writes, across processes they take turns, and what queues
//! up meanwhile is committed together.
//!
//! - [`Database::write`] hands an operation to the writer and answers after the commit. Writers that wait at the
//!   same time share a commit (**group commit**), each isolated from the others.
//! - [`Database::read`] runs in a snapshot on a read-only connection of a pool. Readers and the writer never wait
//!   for each other.
//! - **The turn** is a kernel lock on a file beside the database, taken before a transaction begins and given back
//!   after its commit. It is released by the kernel when its holder dies.
//! - [`Database::generation`] tells whether what was read is still up to date, across processes and without a query;
//!   [`Database::changes`] waits until it is not.
//! - Programs that do not know the turn, such as the `sqlite3` command, are met with a busy timeout and backoff.
//!
//! | [`Durability`] | a crash of any process | power loss |
//! |---|---|---|
//! | `Full` (default) | every acknowledged write is kept | every acknowledged write is kept |
//! | `Normal` | every acknowledged write is kept | the last writes may be undone, in order |
//!
//! [`Database::in_memory`] is the same engine with nothing to survive.
//!
//! # What an operation may do
//!
//! Read and write through its [`WriteTx`], in any number of statements, and answer an error to undo all of it. It may
//! run again, so what it does beside that may happen twice. It may not begin or end transactions, attach databases,
//! change settings or make temporary tables ([`Error::Forbidden`]); nor write, open or wait for a database
//! ([`Error::Reentrant`]). It holds the turn while it runs: what takes long belongs before it.
//!
//! # What a ticket means
//!
//! A [`Ticket`] is for an operation that was accepted and will run whether or not anybody waits. Resolved, it means
//! what [`Database::write`] means when it returns: success is committed, an error left nothing, and only
//! [`Error::OutcomeUnknown`] leaves that open. An operation that was not started by its deadline is withdrawn.
//!
//! # What it costs
//!
//! A commit costs a sync at `Full`, shared by all operations that wait at the time: throughput grows with the number of
//! callers, or of tickets in flight. An operation costs a savepoint and a hand-over between threads, which a lone caller
//! is spared. A read costs two short statements for its snapshot beside its own. An engine has two threads, a
//! connection each, and up to [`Options::readers`] connections for reading, each with a cache of at most 64 MB.
//!
//! ```
//! use unforget_sqlite::{Database, Error, Options, Schema};
//!
//! static SCHEMA: Schema = Schema::new(&["CREATE TABLE counter(n INTEGER NOT NULL)"]);
//! # let directory = tempfile::tempdir().unwrap();
//! # let path = directory.path().join("counter.db");
//! let db = Database::open(&path, Options::default())?;
//! db.migrate(&SCHEMA)?;
//! db.write(|tx| -> Result<(), Error> {
//!     tx.execute("INSERT INTO counter VALUES (0)", [])?;
//!     Ok(())
//! })?;
//! let threads: Vec<_> = (0..4)
//!     .map(|_| {
//!         let db = db.clone();
//!         std::thread::spawn(move || {
//!             db.write(|tx| -> Result<usize, Error> { Ok(tx.execute("UPDATE counter SET n = n + 1", [])?) })
//!         })
//!     })
//!     .collect();
//! for thread in threads {
//!     assert_eq!(thread.join().unwrap()?, 1);
//! }
//! let n = db.read(|tx| -> Result<i64, Error> { Ok(tx.query_row("SELECT n FROM counter", [], |r| r.get(0))?) })?;
//! assert_eq!(n, 4);
//! # Ok::<(), Error>(())
//! ```
//!
//! # Limitations
//!
//! - Network file systems are refused unless allowed: neither SQLite's log nor kernel locks are dependable there. File
//!   systems in user space, such as sshfs, and all those of Windows are not recognised.
//! - Databases in one directory share one turn; give each its own directory if they are busy at the same time.
//! - An operation that never returns holds the turn for as long. Callers of later batches get [`Error::Busy`] at
//!   their deadline; those that share its batch wait with it.
//! - An operation may run more than once, also because it fails itself; what it does outside the database is then done
//!   as often.
//! - The [end of a batch](Schema::batch_end) is outside its time budget: it takes as long as the marked rows take.
//! - A closure that forgets a running statement (`mem::forget`) makes the engine unfit to write; from a read it
//!   leaks a connection with its snapshot.
//! - Each open that gives up at its deadline leaves a thread behind until the turn is free.
//! - After a disk failed to sync the log, a power cut while the file is opened next may damage a file of normal
//!   durability; any file until it has been opened once on a disk that works again. Another process that has the file
//!   open is not told of a failed sync, unless the system tells it too, as Linux does.
//! - A read that never ends keeps the write-ahead log from beginning anew, which grows then; it is named in
//!   [`Stats::wal`]. [`Options::max_read`] ends its statements, and cannot end a closure between them.
//! - A program that does not use this crate runs SQLite's own checkpoints inside its commits.
//! - [`Database::backup`] and [`Database::restore`] do not work on Windows, where the new file cannot be opened twice.
//! - The file `generation` beside a database is mapped: cutting it short ends every process that has a database of the
//!   directory open, by a signal. At most 63 databases of one directory ever get a counter in it; the next one is refused
//!   ([`Error::Page`]) until the file is removed while none of them is open.
//! - A backup or restore that is killed may leave files beside its place whose names begin with `.unforget-tmp-`;
//!   `unforget_fs::sweep_orphans` removes the copy, not the side files of SQLite (`-wal`, `-journal`). They are not used.
//! - A callback of a backup that forks must end the child; its copy is the parent's.
//! - In a forked child an inherited [`Generation`] is not told of foreign programs any more.
//! - The child of a process that opened a database and was forked gets [`Error::Forked`] for every database, until it
//!   starts a program (`exec`). If the parent is killed while it has the turn, the turn stays taken while such a child
//!   lives.
//! - Runs on Linux; the code for macOS and Windows is written but has not been tested there.

#![deny(unsafe_code)]

mod backup;
mod batch;
mod census;
mod check;
mod checkpoint;
mod database;
mod engine;
mod error;
mod file;
mod generation;
mod guard;
mod here;
mod intake;
mod ledger;
mod limit;
mod memory;
mod migrate;
mod observers;
mod op;
mod options;
mod process;
mod readers;
mod restore;
mod settings;
mod stats;
mod told;
mod tx;
mod wal;
mod writer;

pub use crate::backup::{Existing, Progress};
pub use crate::census::HeldRead;
pub use crate::check::Check;
pub use crate::checkpoint::{Checkpoint, Checkpoints};
pub use crate::database::{Database, Ticket};
pub use crate::error::{Blocker, Error, Result};
pub use crate::generation::{Changes, Generation, Moment};
pub use crate::ledger::{BatchEnd, Pending};
pub use crate::migrate::Schema;
pub use crate::observers::{OnCommit, Publication};
pub use crate::options::{Durability, Options};
pub use crate::stats::{Stats, Wal};
pub use crate::tx::{ReadTx, WriteTx};
/// The version of rusqlite whose types appear here.
pub use rusqlite;
/// Who has the turn to write.
pub use unforget_fs::TurnHolder;
