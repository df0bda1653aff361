//! What tells whether something that was read is up to date.

use super::Database;
use crate::{Changes, Error, Generation, Moment, ReadTx, Result, process};

impl Database {
    /// Answers a handle that tells in nanoseconds whether something was committed, by whomever.
    ///
    /// The first call starts a thread with a connection of its own, which looks for changes by foreign programs.
    ///
    /// # Blocking
    ///
    /// The first call waits for whoever recovers the database, at most for the busy timeout.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`]; [`Error::Page`] if somebody put something else in the place of the file `generation`.
    pub fn generation(&self) -> Result<Generation> {
        process::check()?;
        self.engine.generation().map_err(|error| error.at(&self.key))
    }

    /// Subscribes to what is committed from now on, by whomever.
    ///
    /// # Errors
    ///
    /// As [`generation`](Self::generation).
    pub fn changes(&self) -> Result<Changes> {
        self.generation().map(Changes::new)
    }

    /// As [`read`](Self::read), and tells the moment that the answer is of.
    ///
    /// As long as [`Generation::now`] answers this moment, `f` would answer the same. `None` if that cannot be said,
    /// such as while a commit is under way.
    #[track_caller]
    pub fn read_with_moment<T, E: From<Error>>(
        &self,
        f: impl FnOnce(&ReadTx<'_>) -> Result<T, E>,
    ) -> Result<(T, Option<Moment>), E> {
        // Before the snapshot is taken: what is committed in between may be in it, and its moment is a later one.
        let moment = self.generation()?.now();
        Ok((self.read(f)?, moment))
    }
}
