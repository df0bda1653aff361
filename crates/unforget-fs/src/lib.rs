//! Atomic file replacement, locks between processes, private directories.
#![forbid(unsafe_code)]

mod dir;
mod error;
mod kernel_lock;
mod lock_file;
mod nonce;
mod private_file;
mod replace;
mod secure_dir;
#[cfg(any(windows, test))]
mod sharing;
mod temp;
mod timestamp;
mod turnstile;

pub use dir::create_dir_all;
pub use error::Error;
pub use lock_file::{LockFile, LockOptions, Owner};
pub use private_file::ensure_file;
pub use replace::{Durability, ReplaceOptions, SymlinkPolicy, replace, replace_if};
pub use secure_dir::SecureDir;
pub use turnstile::{Turn, TurnHolder, Turnstile};
