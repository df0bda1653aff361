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
//! - Programs that do not know the turn, such as the `sqlite3` command, are met with a busy timeout and backoff.
//!
//! | [`Durability`] | a crash of any process | power loss |
//! |---|---|---|
//! | `Full` (default) | every acknowledged write is kept | every acknowledged write is kept |
//! | `Normal` | every acknowledged write is kept | the last writes may be undone, in order |
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
//! - Network file systems are not supported: neither SQLite's log nor kernel locks work there.
//! - Databases in one directory share one turn; give each its own directory if they are busy at the same time.
//! - An operation that never returns holds the turn for as long. Callers of later batches get [`Error::Busy`] at
//!   their deadline; those that share its batch wait with it.
//! - An operation may run more than once, also because it fails itself; what it does outside the database is then done
//!   as often.
//! - The [end of a batch](Schema::batch_end) is outside its time budget: it takes as long as the marked rows take.
//! - A closure that forgets a running statement (`mem::forget`) makes the engine unfit to write; from a read it
//!   leaks a connection with its snapshot.
//! - Each open that gives up at its deadline leaves a thread behind until the turn is free.
//! - After a disk failed to sync, a power cut may damage a file of normal durability, and any file until it has been
//!   opened once on a disk that works again.
//! - A read that never ends keeps the write-ahead log from being cut; it is named in [`Stats::wal`], not ended.
//! - A program that does not use this crate runs SQLite's own checkpoints inside its commits.
//! - [`Database::backup`] and [`Database::restore`] do not work on Windows, where the new file cannot be opened twice.
//! - A process that is forked after opening a database gets [`Error::Forked`] in the child.
//! - Runs on Linux; the code for macOS and Windows is written but has not been tested there.

#![forbid(unsafe_code)]

mod backup;
mod batch;
mod census;
mod check;
mod checkpoint;
mod database;
mod engine;
mod error;
mod file;
mod guard;
mod here;
mod intake;
mod ledger;
mod migrate;
mod observers;
mod op;
mod options;
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
pub use crate::ledger::{BatchEnd, Pending};
pub use crate::migrate::Schema;
pub use crate::observers::OnCommit;
pub use crate::options::{Durability, Options};
pub use crate::stats::{Stats, Wal};
pub use crate::tx::{ReadTx, WriteTx};
/// The version of rusqlite whose types appear here.
pub use rusqlite;
/// Who has the turn to write.
pub use unforget_fs::TurnHolder;
