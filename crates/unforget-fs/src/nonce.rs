//! Numbers that no two files or owners share.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A number of 64 bits; [`random_hex`] writes it in sixteen digits.
///
/// Such numbers keep names apart and protect nothing: a guessed file name is made harmless by `O_EXCL`. So the keys
/// of the standard hasher are random enough. The process id and the time keep a forked child, which inherits
/// those keys, from repeating its parent.
pub(crate) fn random() -> u64 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.write_u64(crate::timestamp::now_us());
    hasher.finish()
}

/// Sixteen hexadecimal digits.
pub(crate) fn random_hex() -> String {
    format!("{:016x}", random())
}
