//! Replaces files whole, locks between processes, and keeps directories private.
//!
//! # The model
//!
//! Several processes share a directory, and each may end at any instruction. Four things are needed then,
//! and all of them rest on what the kernel does and nothing on what another process promised:
//!
//! - **A file is replaced, not changed.** [`replace`] writes a new file beside the old one, makes it
//!   durable, and gives it the old one's name in one step. Readers and crashes meet the old file or the new
//!   one. A disk that failed once is not believed when it is asked again: the content goes to another file
//!   ([`Durability`], [`replace_if`]).
//! - **A lock is the kernel's.** It belongs to an open file and ends with its process, however that ends. So
//!   there are no stale locks, and no age or process id decides anything. What stands *in* a lock file is for
//!   people.
//! - **A journal is only appended to** ([`Journal`]), and each record is acknowledged when it is durable and
//!   chained to the one before: what a crash tears is told from what it lost.
//! - **A directory that nobody else can enter** ([`SecureDir`]) needs no further care for what is in it.
//!
//! How a file comes to be:
//!
//! | | |
//! |---|---|
//! | [`replace`], [`replace_if`] | from memory, whatever was there; on a condition |
//! | [`replace_many`] | several, with one wait for their directory |
//! | [`create_new`] | from memory, if nothing was there |
//! | [`AtomicFile`] | in pieces, or written by another library |
//! | [`FileInPlace`] | changed where it is, by whoever says what its readers may meet |
//! | [`ensure_file`] | empty, for another library to fill |
//! | [`create_dir_all`], [`SecureDir`] | directories that last |
//! | [`sweep_orphans`] | and what is left of files whose writers died goes |
//!
//! # The durability ladder
//!
//! What is lost when, from the least to the most that can happen:
//!
//! | | `std::fs::write` | [`Durability::None`] | [`Durability::Full`] |
//! |---|---|---|---|
//! | a reader comes in the middle | sees a part | old or new | old or new |
//! | the process dies in the middle | a part remains | old or new | old or new |
//! | the power fails before the call returns | anything | anything | old or new |
//! | the power fails afterwards | anything | anything | new |
//! | a sync fails | not noticed | not noticed | an error that says whether it is the old or the new |
//! | the drive lies about flushes | anything | anything | anything |
//!
//! The column on the right is not a hope: every operation runs on a [simulated disk](disk) whose power fails at
//! every moment, and whose every call fails.
//!
//! # Which lock when
//!
//! | | for | excludes by | its holder dies | waits | in one process |
//! |---|---|---|---|---|---|
//! | [`LockFile`] | few holders, some time each: a command, a clean-up | the kernel | free at once | polling, to a deadline | twice is [`Error::HeldHere`] |
//! | [`SharedLock`] | readers that keep a `LockFile` out | the kernel | free at once | polling, to a deadline | any number |
//! | [`Turnstile`] | busy writers, a moment each | the kernel | free at once | in the kernel, fairly, without a deadline | the second waits |
//! | [`GitLock`] | a file that git changes too | `X.lock` exists | taken over if provably dead | polling, to a deadline | twice is [`Error::HeldHere`] |
//! | [`DotLock`] | file systems without kernel locks | its file exists | taken over if provably dead | polling, to a deadline | twice is [`Error::HeldHere`] |
//! | [`Lease`] | work that goes on when its holder hangs | **nothing**: it passes on, and the resource checks a number | passes on | polling, for the duration at least | the second waits |
//!
//! A path is for one kind only (`LockFile` and `SharedLock` are one), and all programs have to use the same:
//! different kinds do not see each other. Age decides nothing, except that a lease runs out, which is why it is
//! no lock.
//!
//! # Example
//!
//! A counter that many processes increase. The lock makes read and write one step; the check at the end of
//! the replacement makes sure that it still did.
//!
//! ```
//! use unforget_fs::{Error, LockFile, LockOptions, ReplaceOptions, SecureDir, replace_if};
//!
//! fn increase(store: &SecureDir) -> Result<u64, Error> {
//!     let guard = LockFile::acquire(&store.file("counter.lock"), &LockOptions::default())?;
//!     let path = store.file("counter");
//!     let count = std::fs::read_to_string(&path).ok().and_then(|text| text.parse().ok()).unwrap_or(0_u64) + 1;
//!     replace_if(&path, count.to_string().as_bytes(), &ReplaceOptions::default(), || guard.verify())?;
//!     guard.release()?;
//!     Ok(count)
//! }
//!
//! # let root = tempfile::tempdir()?;
//! let store = SecureDir::create(&root.path().join("store"))?;
//! assert_eq!(increase(&store)?, 1);
//! assert_eq!(increase(&store)?, 2);
//! assert_eq!(std::fs::read_to_string(store.file("counter"))?, "2");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The tempting wrong use is to read before the lock is taken: then the lock orders the writes, and still
//! loses one.
//!
//! # Limitations
//!
//! - The locks are advisory: they exclude only programs that ask for them. Network file systems may not have
//!   them at all, which is [`Error::LocksUnsupported`] and never a pretence; [`DotLock`] is for those. Others
//!   have locks that only one machine sees, and nothing can tell.
//! - Death is proved by what `/proc` and `/etc/machine-id` say, so on Linux only; elsewhere a [`DotLock`] of a
//!   killed process stays until a person breaks it. Machines that were cloned with their machine id are taken
//!   for one.
//! - Replaced files keep mode and owner, and neither access control lists nor extended attributes nor hard
//!   links. That needs the right to create files in the directory and space for the old and the new content.
//! - A directory that cannot be synced because its file system has no such operation is taken as it is;
//!   [`syncs_names`] tells.
//! - Where the size of files is limited (`ulimit -f`), the system ends a process that reaches the limit by the
//!   signal `SIGXFSZ`. Only a process that ignores that signal is told by an error.
//! - A process that replaces itself by another program (`exec`) while it has a [`DotLock`] keeps it until it
//!   ends: its id and the time of its beginning stay the same.
//! - A process that dies between writing and renaming leaves a file named `.unforget-tmp-` and 16 hexadecimal
//!   digits, until somebody calls [`sweep_orphans`].
//! - Several files do not change in one step; a database does that.
//! - Windows and macOS have their own code paths (sharing violations are waited for, `F_FULLFSYNC` is used),
//!   which are **untested**. On Windows locks are mandatory, so the record of a holder cannot be read while
//!   it holds the lock; files have no identity, so [`LockFile::verify`] only sees that the name is there;
//!   modes and owners are inherited.
#![forbid(unsafe_code)]

mod error;

mod dir;
pub mod disk;
#[cfg(feature = "sim")]
pub mod sim;

mod create_dir;
mod file_system;
mod secure_dir;

mod atomic_file;
mod create_new;
mod private_file;
mod replace;
mod sweep;
mod temp;
mod weak_names;

mod files;

mod in_place;

mod journal;

mod kernel_lock;
mod lock_file;
mod turnstile;

mod dot_lock;
mod git_lock;
mod lease;

mod digest;
mod nonce;
mod own_file;
mod sharing;
mod timestamp;

pub use atomic_file::{AtomicFile, CommitError};
pub use create_dir::create_dir_all;
pub use create_new::create_new;
pub use disk::{Disk, RealDisk};
pub use dot_lock::DotLock;
pub use error::Error;
pub use file_system::{FileSystem, file_system_of};
pub use files::Files;
pub use git_lock::GitLock;
pub use in_place::FileInPlace;
pub use journal::{Journal, JournalError, JournalOptions, JournalReader, JournalRecord, TornTail};
pub use lease::Lease;
pub use lock_file::{LockFile, LockOptions, Owner, SharedLock, boot_id};
pub use private_file::{check_own_file, ensure_file, open_file};
pub use replace::{Displaced, Durability, ReplaceOptions, SymlinkPolicy, replace, replace_if, replace_many};
pub use secure_dir::SecureDir;
pub use sweep::{Swept, sweep_orphans};
pub use turnstile::{Turn, TurnHolder, TurnRecord, Turnstile};
pub use weak_names::syncs_names;

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
