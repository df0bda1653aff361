//! Renames that another program delays for a moment, as Windows knows them.

use std::io;
use std::time::Duration;

use unforget_sync::Backoff;

use crate::disk::Disk;

/// `ERROR_ACCESS_DENIED`, `ERROR_SHARING_VIOLATION` and `ERROR_LOCK_VIOLATION`: what a rename or a removal is
/// told while a virus scanner, an indexer or a backup has the file open. The first can also mean what it
/// says, and is then reported after the last attempt.
const SHARING_VIOLATIONS: [i32; 3] = [5, 32, 33];

/// Whether another program has the file open for a moment.
pub(crate) fn is_violation(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|code| SHARING_VIOLATIONS.contains(&code))
}

/// Runs `operation` again, up to 10 times, while another program has the file open.
///
/// Waits 5 ms before the second attempt, then twice as long each time up to 80 ms, with jitter.
pub(crate) fn retry<D: Disk>(disk: &D, operation: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    let backoff = Backoff::default()
        .base(Duration::from_millis(5))
        .cap(Duration::from_millis(80))
        .attempts(11)
        .deadline(Duration::from_secs(2));
    unforget_sync::retry(disk.clock(), &backoff, |e| disk.is_sharing_violation(e), operation)
}
