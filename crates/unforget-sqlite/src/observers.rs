//! Who wants to know of every commit of this process.

use std::any::Any;
use std::sync::{Arc, Weak};

use unforget_sync::primitive::Mutex;

use crate::Database;
use crate::generation::{Commit, Moment};
use crate::ledger::News;
use crate::told::{contain, discard};

/// Is told how many operations of a batch are in the file now.
pub(crate) type OnKept = dyn Fn(usize) + Send + Sync;

/// Is told what they published.
pub(crate) type OnPublish = dyn Fn(&Publication<'_>) + Send + Sync;

pub(crate) struct Observers<F: ?Sized> {
    registered: Mutex<Registered<F>>,
}

struct Registered<F: ?Sized> {
    next: u64,
    /// Replaced as a whole, so that nothing is held while they run.
    all: All<F>,
}

/// Those who were registered at one moment.
pub(crate) struct All<F: ?Sized>(Arc<[(u64, Arc<F>)]>);

impl<F: ?Sized> All<F> {
    fn each(self, tell: impl Fn(&F)) {
        for (_, observer) in self.0.iter() {
            contain(|| tell(observer));
        }
        // One that was unregistered meanwhile is dropped here.
        discard(self.0);
    }
}

impl All<OnKept> {
    /// Tells of a batch of which `kept` operations are in the file now.
    pub(crate) fn tell(self, kept: usize) {
        self.each(|observer| observer(kept));
    }
}

impl All<OnPublish> {
    pub(crate) fn tell(self, publication: &Publication<'_>) {
        self.each(|observer| observer(publication));
    }
}

impl<F: ?Sized> Observers<F> {
    /// All of them; `None` if there is nobody.
    pub(crate) fn all(&self) -> Option<All<F>> {
        let all = Arc::clone(&self.registered.lock().all.0);
        (!all.is_empty()).then_some(All(all))
    }

    fn register(&self, observer: Arc<F>) -> u64 {
        let mut registered = self.registered.lock();
        let number = registered.next;
        registered.next += 1;
        let others = registered.all.0.iter().cloned();
        registered.all = All(others.chain([(number, observer)]).collect());
        number
    }
}

/// Where somebody can be taken out again.
trait Unregister: Send + Sync {
    fn unregister(&self, number: u64);
}

impl<F: ?Sized + Send + Sync> Unregister for Observers<F> {
    fn unregister(&self, number: u64) {
        let mut registered = self.registered.lock();
        let others: Arc<[_]> =
            registered.all.0.iter().filter(|(other, _)| *other != number).cloned().collect();
        let before = std::mem::replace(&mut registered.all, All(others));
        drop(registered);
        // Its destructor is the caller's, and may ask for this very lock.
        drop(before);
    }
}

impl<F: ?Sized> Default for Observers<F> {
    fn default() -> Self {
        Self { registered: Mutex::new(Registered { next: 0, all: All(Arc::new([])) }) }
    }
}

impl<F: ?Sized> std::fmt::Debug for Observers<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observers").field("registered", &self.registered.lock().all.0.len()).finish()
    }
}

/// Keeps a function registered that [`Database::on_commit`] or [`Database::on_publish`] was given, until it is dropped.
///
/// A call that has begun when this is dropped is not waited for.
#[must_use = "the function is not called any more once this is dropped"]
pub struct OnCommit {
    observers: Weak<dyn Unregister>,
    number: u64,
}

impl OnCommit {
    fn of<F: ?Sized + Send + Sync + 'static>(observers: &Arc<Observers<F>>, observer: Arc<F>) -> Self {
        let number = observers.register(observer);
        let observers: Weak<Observers<F>> = Arc::downgrade(observers);
        Self { observers, number }
    }
}

impl std::fmt::Debug for OnCommit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnCommit").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Drop for OnCommit {
    fn drop(&mut self) {
        if let Some(observers) = self.observers.upgrade() {
            observers.unregister(self.number);
        }
    }
}

/// A commit of this process, and what its operations [published](crate::WriteTx::publish).
#[derive(Debug)]
pub struct Publication<'a> {
    news: &'a [News],
    before: Option<Moment>,
    moment: Moment,
    commit: &'a Commit<'a>,
}

impl<'a> Publication<'a> {
    pub(crate) fn new(
        news: &'a [News],
        (before, moment): (Option<Moment>, Moment),
        commit: &'a Commit<'a>,
    ) -> Self {
        Self { news, before, moment, commit }
    }

    /// The news of this type, in the order in which they were published.
    pub fn news<T: Any>(&self) -> impl Iterator<Item = &'a T> {
        self.news.iter().filter_map(|news| news.downcast_ref())
    }

    /// The moment that this commit ends, unless the outcome of an earlier one was open.
    pub fn before(&self) -> Option<Moment> {
        self.before
    }

    /// The moment that it begins: a copy of what is committed then is of this moment.
    ///
    /// From this call on everybody takes the commit for seen, since a copy of this moment is answered at once. Until the
    /// copy is there, who has an older one asks the database; so ask for the moment last.
    pub fn moment(&self) -> Moment {
        self.commit.is_seen();
        self.moment
    }
}

impl Database {
    /// Has `observer` called after every commit of this process's engine, with the number of operations that were kept.
    ///
    /// Once per batch, after the turn was given back (a [`vacuum`](Self::vacuum) or the like that was queued behind the
    /// batch keeps it), and before any of the callers is told. Migrations and maintenance are not counted. So whoever learns of
    /// a commit finds what was published for it. It runs on a thread that writes, while others wait: it should neither
    /// block nor take long, and writing is refused with [`Error::Reentrant`](crate::Error::Reentrant). A panic is contained. What other
    /// processes commit is not seen here.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use std::sync::atomic::{AtomicUsize, Ordering};
    /// # use unforget_sqlite::{Database, Error, Options};
    /// # let directory = tempfile::tempdir().unwrap();
    /// let db = Database::open(directory.path().join("notes.db"), Options::default())?;
    /// let seen = Arc::new(AtomicUsize::new(0));
    /// let counts = Arc::clone(&seen);
    /// let registered = db.on_commit(move |kept| _ = counts.fetch_add(kept, Ordering::Relaxed));
    /// db.write(|tx| -> Result<(), Error> { Ok(tx.execute_batch("CREATE TABLE note(body TEXT)")?) })?;
    /// assert_eq!(seen.load(Ordering::Relaxed), 1);
    /// drop(registered);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn on_commit(&self, observer: impl Fn(usize) + Send + Sync + 'static) -> OnCommit {
        OnCommit::of(&self.engine.shared.observers, Arc::new(observer) as Arc<OnKept>)
    }

    /// Has `observer` called with every commit of this process's engine, before its moment begins.
    ///
    /// Once per batch, after the commit and before the [generation](Self::generation) tells of it: so copies that
    /// are brought up to date here are up to date when the moment begins, and nobody has to read what this process
    /// wrote. It runs on a thread that writes and *has the turn*, while all writers of all processes wait: it should do
    /// no more than replace a value in memory. A panic is contained; writing is refused with [`Error::Reentrant`](crate::Error::Reentrant).
    /// Migrations, maintenance, and what other processes commit are not seen here.
    ///
    /// ```
    /// # use std::sync::{Arc, Mutex};
    /// # use unforget_sqlite::{Database, Error, Options};
    /// # let directory = tempfile::tempdir().unwrap();
    /// let db = Database::open(directory.path().join("notes.db"), Options::default())?;
    /// let generation = db.generation()?;
    /// let copy = Arc::new(Mutex::new(None));
    /// let kept = Arc::clone(&copy);
    /// let registered = db.on_publish(move |commit| {
    ///     if let Some(note) = commit.news::<String>().last() {
    ///         *kept.lock().unwrap() = Some((note.clone(), commit.moment()));
    ///     }
    /// });
    /// db.write(|tx| -> Result<(), Error> {
    ///     tx.execute_batch("CREATE TABLE note(body TEXT); INSERT INTO note VALUES ('hello')")?;
    ///     tx.publish("hello".to_owned())
    /// })?;
    /// let copy = copy.lock().unwrap();
    /// let (note, moment) = copy.as_ref().unwrap();
    /// assert!(note == "hello" && generation.lasts(*moment));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn on_publish(&self, observer: impl Fn(&Publication<'_>) + Send + Sync + 'static) -> OnCommit {
        OnCommit::of(&self.engine.shared.publishers, Arc::new(observer) as Arc<OnPublish>)
    }
}
