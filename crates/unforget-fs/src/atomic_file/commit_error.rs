//! What a commit that failed gives back.

use std::fmt;

use super::AtomicFile;
use crate::Error;
use crate::disk::{Disk, RealDisk};

/// Why a commit failed, with the file that was not committed.
///
/// It displays as its error and has the same source.
#[derive(Debug)]
pub struct CommitError<D: Disk = RealDisk, E = Error> {
    error: E,
    /// Boxed, so that a success is not as large as a failure.
    file: Option<Box<AtomicFile<D>>>,
}

impl<D: Disk, E> CommitError<D, E> {
    pub(super) fn new(error: E, file: Option<AtomicFile<D>>) -> Self {
        Self { error, file: file.map(Box::new) }
    }

    /// What went wrong.
    pub fn error(&self) -> &E {
        &self.error
    }

    /// The error, and the file unless it was renamed already.
    pub fn into_parts(self) -> (E, Option<AtomicFile<D>>) {
        (self.error, self.file.map(|file| *file))
    }
}

impl<D: Disk, E: fmt::Display> fmt::Display for CommitError<D, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<D: Disk, E: std::error::Error> std::error::Error for CommitError<D, E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

impl<D: Disk> From<CommitError<D>> for Error {
    /// The file is dropped, and with it what was written.
    fn from(error: CommitError<D>) -> Self {
        error.error
    }
}
