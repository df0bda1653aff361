//! Ends statements of a read that lasts too long.
//!
//! SQLite asks every few thousand steps of a statement whether to go on. So nothing watches a read from outside, and
//! none is ended that has just made place for another on the same connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::Result;

/// After how many steps SQLite asks; some ten microseconds.
const STEPS: i32 = 2_000;

const NEVER: u64 = u64::MAX;

/// The limit of one connection.
///
/// Relaxed order suffices: all of it happens on the thread that uses the connection; it is atomic only because SQLite's
/// callbacks have to be `Send`.
#[derive(Debug)]
pub(crate) struct Limit {
    base: Instant,
    /// In nanoseconds since `base`.
    end: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
}

impl Limit {
    pub(crate) fn install(conn: &Connection) -> Result<Self> {
        let (base, end) = (Instant::now(), Arc::new(AtomicU64::new(NEVER)));
        let ended = Arc::new(AtomicBool::new(false));
        let (seen, tell) = (Arc::clone(&end), Arc::clone(&ended));
        let asked = move || {
            let end = seen.load(Ordering::Relaxed);
            let is_over = end != NEVER && nanos(base.elapsed()) >= end;
            if is_over {
                tell.store(true, Ordering::Relaxed);
            }
            is_over
        };
        conn.progress_handler(STEPS, Some(asked))?;
        Ok(Self { base, end, ended })
    }

    /// Runs `work`; answers also how long it had lasted if a statement of it was ended.
    pub(crate) fn watch<T>(
        &self,
        limit: Option<Duration>,
        work: impl FnOnce() -> T,
    ) -> (T, Option<Duration>) {
        struct Lift<'a>(&'a Limit);
        impl Drop for Lift<'_> {
            fn drop(&mut self) {
                self.0.end.store(NEVER, Ordering::Relaxed);
            }
        }
        let since = Instant::now();
        let end = limit.map_or(NEVER, |limit| nanos(self.base.elapsed().saturating_add(limit)));
        self.ended.store(false, Ordering::Relaxed);
        self.end.store(end, Ordering::Relaxed);
        let lift = Lift(self);
        let answer = work();
        drop(lift);
        (answer, self.ended.load(Ordering::Relaxed).then(|| since.elapsed()))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(NEVER)
}
