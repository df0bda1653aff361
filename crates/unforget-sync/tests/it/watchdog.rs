//! Ends the process when a test does not end, and says which thread waits for what.
//!
//! libtest waits for a test as long as it takes, and a thread that waits for ever cannot be stopped. So every test
//! begins with [`watch`], which `hanging::every_test_is_watched` demands, and what may block is named by [`waiting`].

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::panic::Location;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a test may take, or one case of a property. More than
/// [`DEADLINE`](crate::eventually::DEADLINE), which says better what went wrong.
const LIMIT: Duration = Duration::from_secs(90);
/// Milliseconds that replace [`LIMIT`]; a process that has it hangs.
pub(crate) const HANG: &str = "UNFORGET_SYNC_TEST_HANG";

static WATCHDOG: LazyLock<Watchdog> = LazyLock::new(Watchdog::start);

struct Watchdog {
    limit: Duration,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    next: u64,
    /// By number, so from the first that began to the last.
    tests: BTreeMap<u64, Entry>,
    waits: BTreeMap<u64, Entry>,
}

struct Entry {
    thread: String,
    what: Cow<'static, str>,
    at: &'static Location<'static>,
    since: Instant,
}

/// Watches until it is dropped.
#[must_use = "what is not held is not watched"]
pub(crate) struct Watched(u64);

/// Gives the caller's test, up to the end of the scope, the time that a test may take.
#[track_caller]
pub(crate) fn watch() -> Watched {
    Watched(WATCHDOG.enter("a test".into(), Location::caller(), |entries| &mut entries.tests))
}

/// Runs `wait`, and has this thread wait for `what` should the test not end.
#[track_caller]
pub(crate) fn waiting<T>(what: impl Into<Cow<'static, str>>, wait: impl FnOnce() -> T) -> T {
    let _watched = Watched(WATCHDOG.enter(what.into(), Location::caller(), |entries| &mut entries.waits));
    wait()
}

impl Watchdog {
    fn start() -> Self {
        let limit = std::env::var(HANG).ok().map(|millis| millis.parse().expect("a number of milliseconds"));
        thread::Builder::new()
            .name("watchdog".to_owned())
            .spawn(|| WATCHDOG.run())
            .expect("a thread can be started");
        let limit = limit.map_or(LIMIT, Duration::from_millis);
        Self { limit, entries: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(
        &self,
        what: Cow<'static, str>,
        at: &'static Location<'static>,
        list: fn(&mut Entries) -> &mut BTreeMap<u64, Entry>,
    ) -> u64 {
        let current = thread::current();
        let thread = current.name().map_or_else(|| format!("{:?}", current.id()), str::to_owned);
        let entry = Entry { thread, what, at, since: Instant::now() };
        let mut entries = self.lock();
        let number = entries.next;
        entries.next += 1;
        list(&mut entries).insert(number, entry);
        number
    }

    /// Looks when the oldest test may have run too long. Nothing wakes it before: a test that begins while this
    /// waits has not run longer than this has waited.
    fn run(&self) {
        loop {
            let entries = self.lock();
            let oldest = entries.tests.values().next().map(|test| test.since.elapsed());
            let left = oldest.map_or(self.limit, |elapsed| self.limit.saturating_sub(elapsed));
            if left.is_zero() {
                self.give_up(&entries);
            }
            drop(entries);
            thread::park_timeout(left);
        }
    }

    /// Writes past the harness, which would keep what a test prints until the test has ended.
    fn give_up(&self, entries: &Entries) -> ! {
        let mut err = std::io::stderr().lock();
        let _ = writeln!(err, "\nwatchdog: a test runs longer than {:?}\n{entries}", self.limit);
        std::process::abort();
    }
}

impl fmt::Display for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (verb, list) in [("runs", &self.tests), ("waits for", &self.waits)] {
            for Entry { thread, what, at, since } in list.values() {
                writeln!(f, "  `{thread}` {verb} {what} since {:?}, at {at}", since.elapsed())?;
            }
        }
        Ok(())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut entries = WATCHDOG.lock();
        entries.tests.remove(&self.0);
        entries.waits.remove(&self.0);
    }
}
