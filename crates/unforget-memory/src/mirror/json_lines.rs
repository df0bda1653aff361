//! The graph in a file of JSON lines, as the official memory server keeps it.

mod attach;

use std::fmt;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use unforget_fs::{Error as FileError, LockFile, LockOptions, Owner, RealDisk, SecureDir};
use unforget_sync::primitive::Mutex;
use unforget_sync::{Backoff, Clock, SystemClock};

use super::Mirror;
use super::feed::GraphFeed;
use super::lines::{Drained, Lines};
use super::report::MirrorEvent;
use super::seat::{Asked, Seat};
use crate::{Error, Result};

/// How long a call waits for a holder of the lock that an earlier call has waited for in vain.
const AGAIN: Duration = Duration::from_millis(10);

/// The graph in a file of JSON lines that other programs may read and write.
///
/// While it is attached, a change of the graph returns when the file shows it. Each entity and each relation is one
/// line, in the form and key order of the official memory server. A small change costs the same however large the
/// graph is: its line is appended and the old one blanked, and now and then the file is written anew.
///
/// Other programs may change or replace the file at any time. Before each drain it is compared with how it was left. If it
/// is not as it was left, what is new in it goes to the graph, what it lacks is written again, and both are told
/// ([`MergeReport`](crate::MergeReport)). Nothing is deleted because a file lacks it.
///
/// Cheap to clone. The mirror is detached by [`Graph::detach`](crate::Graph::detach).
#[derive(Debug, Clone)]
pub struct JsonLines {
    inner: Arc<Inner>,
}

/// How a mirror is kept.
#[derive(Clone)]
pub struct MirrorOptions {
    wait: Duration,
    follow_symlinks: bool,
    log: Option<Log>,
}

type Log = Arc<dyn Fn(&MirrorEvent) + Send + Sync>;

/// How a mirror is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MirrorStatus {
    /// How many changes the file does not show.
    pub behind: u64,
    /// Why the last change was not shown; `None` if it was.
    pub trouble: Option<MirrorEvent>,
    /// Since when changes are not shown.
    pub since: Option<Instant>,
}

struct Inner {
    name: String,
    lines: Lines<RealDisk>,
    feed: GraphFeed,
    lock: std::path::PathBuf,
    seat: Seat,
    trouble: Mutex<Option<Trouble>>,
    options: MirrorOptions,
}

#[derive(Debug, Clone)]
struct Trouble {
    event: MirrorEvent,
    since: Instant,
}

/// Why a mirror was not brought up to date.
enum Stopped {
    /// Somebody holds the lock.
    Locked {
        holder: Option<Box<Owner>>,
        waited: Duration,
    },
    Failed(Error),
}

impl MirrorOptions {
    /// Waits for the mirror's lock for up to two seconds, refuses links, and tells nobody.
    pub fn new() -> Self {
        Self { wait: Duration::from_secs(2), follow_symlinks: false, log: None }
    }

    /// Sets how long a change waits for others to bring the file up to date, or to let this process do it.
    ///
    /// Then the change returns all the same: it is stored, and the file shows it after the next change.
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Sets whether a path that is a symbolic link stands for the file that it leads to when the mirror is attached.
    #[must_use]
    pub fn follow_symlinks(mut self, follow: bool) -> Self {
        self.follow_symlinks = follow;
        self
    }

    /// Sets who is told what happens to the mirror. It is called by the thread that found it, under no lock that a change
    /// needs, and must not change the graph.
    #[must_use]
    pub fn log(mut self, log: impl Fn(&MirrorEvent) + Send + Sync + 'static) -> Self {
        self.log = Some(Arc::new(log));
        self
    }
}

impl Default for MirrorOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MirrorOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wait, follow_symlinks, log } = self;
        let mut shown = f.debug_struct("MirrorOptions");
        shown
            .field("wait", wait)
            .field("follow_symlinks", follow_symlinks)
            .field("log", &log.is_some())
            .finish()
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLines").field("name", &self.name).finish_non_exhaustive()
    }
}

impl JsonLines {
    /// The file.
    pub fn file(&self) -> &Path {
        &self.inner.lines.places().file
    }

    /// Has the file show every change that is stored, whoever made it: for a process that learns of changes by others,
    /// or that suspects an edit of the file.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if the file cannot be used, or if somebody else held the lock until the deadline.
    ///
    /// # Blocking
    ///
    /// As any change: see [`MirrorOptions::wait`].
    pub fn catch_up(&self) -> Result<()> {
        let drained = self.inner.drain_by(Instant::now() + self.inner.options.wait, None);
        self.inner.conclude(drained)
    }

    /// Tells whether the file is as it was left, without waiting for anybody.
    ///
    /// `false` after an edit of it, and also in the moment in which another process shows a change. In both cases
    /// [`catch_up`](Self::catch_up) brings the file and the graph together.
    pub fn is_as_left(&self) -> bool {
        self.inner.lines.applied().is_some()
    }

    /// Answers how the mirror is, without waiting for anybody.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn status(&self) -> Result<MirrorStatus> {
        let last = self.inner.feed.last()?;
        let trouble = self.inner.trouble.lock().clone();
        let behind = match self.inner.lines.recorded() {
            Some(applied) => last.saturating_sub(applied),
            None => last,
        };
        let (since, trouble) = trouble.map(|trouble| (trouble.since, trouble.event)).unzip();
        Ok(MirrorStatus { behind, trouble, since })
    }

    pub(super) fn name(&self) -> &str {
        &self.inner.name
    }

    pub(super) fn as_mirror(&self) -> Arc<dyn Mirror> {
        Arc::clone(&self.inner) as Arc<dyn Mirror>
    }
}

impl Mirror for Inner {
    fn name(&self) -> &str {
        &self.name
    }

    fn catch_up(&self, position: u64) -> Result<()> {
        let asked = Instant::now();
        let deadline = asked + self.options.wait;
        let taken = match self.seat.ask(position, deadline) {
            Asked::Reached => return Ok(()),
            Asked::Taken(taken) => taken,
            Asked::TimedOut => {
                let holder = self.holder();
                return self.conclude(Err(Stopped::Locked { holder, waited: asked.elapsed() }));
            }
        };
        let drained = self.drain_by(deadline, Some(position));
        if let Ok(drained) = &drained {
            taken.reached(drained.applied);
        }
        drop(taken);
        self.conclude(drained)
    }
}

impl Inner {
    /// Takes the lock and brings the file up to date; finds it done if another process does it first.
    fn drain_by(&self, deadline: Instant, position: Option<u64>) -> Result<Drained, Stopped> {
        let asked = Instant::now();
        let mut delays = polling().delays();
        let mut is_made = false;
        loop {
            match LockFile::try_acquire(&self.lock, &LockOptions::new()) {
                Ok(lock) => return self.drain(lock),
                Err(FileError::Locked { holder, .. }) => {
                    if let Some(applied) =
                        self.lines.applied().filter(|applied| position.is_some_and(|p| *applied >= p))
                    {
                        return Ok(Drained { applied, reports: Vec::new() });
                    }
                    self.pause(asked, deadline, holder, &mut delays)?;
                }
                Err(FileError::HeldHere { .. }) => self.pause(asked, deadline, self.holder(), &mut delays)?,
                Err(FileError::Io { source, .. }) if source.kind() == ErrorKind::NotFound && !is_made => {
                    is_made = true;
                    self.make_place().map_err(Stopped::Failed)?;
                }
                Err(error) => return Err(Stopped::Failed(error.into())),
            }
        }
    }

    /// Makes the mirror's directory again that somebody removed; what was in it comes from the file and the graph. A store
    /// that is gone as a whole is not begun again.
    fn make_place(&self) -> Result<()> {
        let place = self.lock.parent().unwrap_or(Path::new("/"));
        if place.parent().is_some_and(Path::is_dir) {
            SecureDir::create(place)?;
        }
        Ok(())
    }

    fn drain(&self, lock: LockFile) -> Result<Drained, Stopped> {
        let still_ours = || Ok(lock.verify()?);
        let drained = self.lines.drain(&self.feed, &still_ours).map_err(Stopped::Failed);
        // Who removed the lock file while it was held is found out by the next drain.
        drop(lock);
        drained
    }

    /// Sleeps a little, but not past the deadline, and hardly at all for a holder that was waited for in vain before.
    fn pause(
        &self,
        asked: Instant,
        deadline: Instant,
        holder: Option<Box<Owner>>,
        delays: &mut impl Iterator<Item = Duration>,
    ) -> Result<(), Stopped> {
        let now = Instant::now();
        let deadline =
            if self.has_waited_for(holder.as_deref()) { deadline.min(asked + AGAIN) } else { deadline };
        let left = deadline.saturating_duration_since(now);
        if left.is_zero() {
            return Err(Stopped::Locked { holder, waited: now.saturating_duration_since(asked) });
        }
        SystemClock.sleep(delays.next().unwrap_or(left).min(left));
        Ok(())
    }

    fn has_waited_for(&self, holder: Option<&Owner>) -> bool {
        match (&*self.trouble.lock(), holder) {
            (Some(Trouble { event: MirrorEvent::Behind { holder: Some(before), .. }, .. }), Some(holder)) => {
                before.nonce == holder.nonce
            }
            _ => false,
        }
    }

    fn holder(&self) -> Option<Box<Owner>> {
        LockFile::holder(&self.lock).ok().flatten().map(Box::new)
    }

    /// Tells what there is to tell, once each, and answers the caller.
    fn conclude(&self, drained: Result<Drained, Stopped>) -> Result<()> {
        let file = || self.lines.places().file.clone();
        let (event, error) = match drained {
            Ok(drained) => {
                drained.reports.into_iter().for_each(|report| self.tell(&MirrorEvent::Merged(report)));
                if self.trouble.lock().take().is_some() {
                    self.tell(&MirrorEvent::CaughtUp { file: file() });
                }
                return Ok(());
            }
            Err(Stopped::Locked { holder, waited }) => (
                MirrorEvent::Behind { file: file(), holder: holder.clone(), waited },
                FileError::Locked { path: self.lock.clone(), holder, waited }.into(),
            ),
            // Nothing more changes here, and what did change is shown or is seen to by the next process.
            Err(Stopped::Failed(error @ Error::Database(unforget_sqlite::Error::Closed))) => {
                return Err(error);
            }
            Err(Stopped::Failed(error)) => {
                (MirrorEvent::Failed { file: file(), reason: told(&error) }, error)
            }
        };
        if self.note(&event) {
            self.tell(&event);
        }
        Err(error)
    }

    /// Keeps what went wrong; answers whether that is news.
    fn note(&self, event: &MirrorEvent) -> bool {
        let mut trouble = self.trouble.lock();
        let is_news = trouble.as_ref().is_none_or(|before| !is_same(&before.event, event));
        let since = trouble.as_ref().map_or_else(Instant::now, |before| before.since);
        *trouble = Some(Trouble { event: event.clone(), since });
        is_news
    }

    fn tell(&self, event: &MirrorEvent) {
        if let Some(log) = &self.options.log {
            log(event);
        }
    }
}

/// The same trouble for as long as it lasts is told once.
fn is_same(before: &MirrorEvent, now: &MirrorEvent) -> bool {
    match (before, now) {
        (MirrorEvent::Behind { holder: before, .. }, MirrorEvent::Behind { holder: now, .. }) => {
            before.as_ref().map(|owner| &owner.nonce) == now.as_ref().map(|owner| &owner.nonce)
        }
        _ => before == now,
    }
}

/// An error with its causes, in one line.
fn told(error: &Error) -> String {
    let mut told = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        told.push_str(": ");
        told.push_str(&next.to_string());
        cause = next.source();
    }
    told
}

/// A drain takes less than a millisecond, so that is how long the pauses are at first.
fn polling() -> Backoff {
    Backoff::default().base(Duration::from_micros(100)).cap(Duration::from_millis(5)).attempts(u32::MAX)
}
