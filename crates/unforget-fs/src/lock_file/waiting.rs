//! Asking for a lock until it is free or the time is over.

use std::path::Path;
use std::time::Duration;

use unforget_sync::retry;

use super::{LockFile, LockOptions};
use crate::Error;

/// Why an attempt did not get the lock.
pub(crate) enum Refusal {
    /// Somebody has it now.
    Busy,
    /// Waiting would not help.
    Failed(Error),
}

impl Refusal {
    pub(crate) fn into_error(self, path: &Path, waited: Duration) -> Error {
        match self {
            Self::Failed(error) => error,
            Self::Busy => {
                let holder = LockFile::holder(path).ok().flatten().map(Box::new);
                Error::Locked { path: path.to_owned(), holder, waited }
            }
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Makes attempts until one succeeds or waiting would not help, up to the timeout of `options`.
pub(crate) fn wait<T>(
    path: &Path,
    options: &LockOptions,
    attempt: impl FnMut() -> Result<T, Refusal>,
) -> Result<T, Error> {
    let clock = &*options.clock;
    let began = clock.now();
    retry(clock, &options.polling(), |refusal| matches!(refusal, Refusal::Busy), attempt)
        .map_err(|refusal| refusal.into_error(path, clock.now().saturating_duration_since(began)))
}
