//! Contexts in the same database as the memories.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{OptionalExtension, Row};
use unforget_context::{
    Change, Changes, Committed, ContextStore, Error, Generation, Moment, Next, Observer, Observing,
    OwnerLock, Ownership, Saved, Stored,
};
use unforget_sqlite::{Database, WriteTx};

/// The largest value of a context, in bytes of JSON.
pub const CONTEXT_LIMIT: usize = 1 << 20;

/// Keeps contexts in the table `contexts`.
///
/// A change takes the next number of `meta.context_seq` in its own transaction, and transactions follow each other,
/// so the numbers are in the order of the commits. A removed context leaves a row behind, so that readers who ask
/// what changed learn of the removal and a new context of that key continues its revisions.
#[derive(Debug)]
pub struct SqliteContexts {
    db: Database,
    owner: OwnerLock,
}

impl SqliteContexts {
    pub(crate) fn new(db: Database) -> Self {
        let owner = OwnerLock::in_directory(db.path().parent().unwrap_or(Path::new(".")));
        Self { db, owner }
    }
}

/// The engine's generation, which every commit to the database moves, of contexts or of anything else.
#[derive(Debug)]
struct Page(unforget_sqlite::Generation);

impl Generation for Page {
    #[inline]
    fn now(&self) -> Option<Moment> {
        self.0.now().map(told)
    }

    #[inline]
    fn lasts(&self, moment: Moment) -> bool {
        let (counter, epoch) = moment.to_pair();
        self.0.lasts(unforget_sqlite::Moment::from_pair(counter, epoch))
    }
}

fn told(moment: unforget_sqlite::Moment) -> Moment {
    let (counter, epoch) = moment.to_pair();
    Moment::new(counter, epoch)
}

/// What a transaction has made of a context, for the copies in this process. Nothing else writes the table.
struct Changed(Stored);

/// What passes through the engine: a context's own error, or the engine's.
enum Failure {
    Context(Error),
    Engine(unforget_sqlite::Error),
}

impl From<unforget_sqlite::Error> for Failure {
    fn from(error: unforget_sqlite::Error) -> Self {
        Self::Engine(error)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(error.into())
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Context(error) => error,
            Failure::Engine(error) => Self::store(error),
        }
    }
}

impl ContextStore for SqliteContexts {
    fn changes_since(&self, seq: u64) -> Result<Changes, Error> {
        let changes = self.db.read(|tx| -> Result<Changes, Failure> {
            let latest: u64 = tx.query_row(LATEST, [], |row| row.get(0))?;
            if latest <= seq {
                return Ok(Changes { latest, rows: Vec::new() });
            }
            let mut statement =
                tx.prepare_cached("SELECT key, revision, seq, value FROM contexts WHERE seq > ?1")?;
            let rows = statement.query_map([seq], read)?.collect::<Result<_, _>>()?;
            Ok(Changes { latest, rows })
        })?;
        Ok(changes)
    }

    fn read(&self, key: &str) -> Result<Option<Stored>, Error> {
        let stored = self.db.read(|tx| -> Result<Option<Stored>, Failure> {
            Ok(tx.prepare_cached(READ)?.query_row([key], read).optional()?)
        })?;
        Ok(stored)
    }

    fn update(&self, key: &str, mut change: Change) -> Result<Option<Stored>, Error> {
        self.owner.commit()?;
        let key = key.to_owned();
        let stored = self.db.write(move |tx| -> Result<Option<Stored>, Failure> {
            let seen = tx.query_row(READ, [&key], read).optional()?;
            let value = match change(seen.as_ref()).map_err(Failure::Context)? {
                Next::Keep => return Ok(seen),
                Next::Put(json) => Some(json),
                Next::Remove => None,
            };
            let revision = seen.map_or(0, |stored| stored.revision) + 1;
            let mut stored = Stored { key: key.clone(), revision, seq: 0, value };
            put(tx, &mut stored)?;
            Ok(Some(stored))
        })?;
        Ok(stored)
    }

    /// Without a page, which somebody may have put something else in the place of, every read asks the database.
    fn generation(&self) -> Option<Arc<dyn Generation>> {
        let generation = self.db.generation().ok()?;
        Some(Arc::new(Page(generation)))
    }

    fn observe(&self, observer: Observer) -> Option<Observing> {
        let registered = self.db.on_publish(move |publication| {
            let rows = publication.news().map(|Changed(stored)| stored).collect();
            let (before, moment) = (publication.before().map(told), || told(publication.moment()));
            observer(&Committed { rows, before, moment: &moment });
        });
        Some(Observing::new(registered))
    }

    fn share(&self) -> Result<Ownership, Error> {
        self.owner.share()
    }

    fn own(&self) -> Result<Ownership, Error> {
        self.owner.own()
    }

    fn save(&self, contexts: &[Saved]) -> Result<(), Error> {
        let contexts = contexts.to_vec();
        let saved = self.db.write(move |tx| contexts.iter().try_for_each(|saved| save(tx, saved)));
        Ok(saved?)
    }
}

/// Stores a context in the revision that its owner gave it, unless it is stored in that revision.
fn save(tx: &WriteTx<'_>, saved: &Saved) -> Result<(), Failure> {
    let Saved { key, revision, value } = saved.clone();
    let seen = tx.query_row(READ, [&key], read).optional()?;
    let found = seen.map_or(0, |stored| stored.revision);
    if found > revision {
        return Err(Failure::Context(Error::Conflict { key, expected: revision, found }));
    }
    if found < revision {
        put(tx, &mut Stored { key, revision, seq: 0, value })?;
    }
    Ok(())
}

/// Gives the change its number and stores it.
fn put(tx: &WriteTx<'_>, stored: &mut Stored) -> Result<(), Failure> {
    let bytes = stored.value.as_ref().map_or(0, String::len);
    if bytes > CONTEXT_LIMIT {
        let reason = format!("it has {bytes} bytes of JSON; at most {CONTEXT_LIMIT} are allowed");
        return Err(Failure::Context(Error::Unencodable { key: stored.key.clone(), reason }));
    }
    stored.seq = tx.query_row(
        "UPDATE meta SET value = value + 1 WHERE key = 'context_seq' RETURNING value",
        [],
        |row| row.get(0),
    )?;
    tx.execute(PUT, (&stored.key, stored.revision, stored.seq, &stored.value, stored.value.is_none()))?;
    Ok(tx.publish(Changed(stored.clone()))?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored { key: row.get(0)?, revision: row.get(1)?, seq: row.get(2)?, value: row.get(3)? })
}

const LATEST: &str = "SELECT value FROM meta WHERE key = 'context_seq'";

const READ: &str = "SELECT key, revision, seq, value FROM contexts WHERE key = ?1";

const PUT: &str = "
    INSERT INTO contexts(key, revision, seq, value, deleted) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT(key) DO UPDATE SET
        revision = excluded.revision, seq = excluded.seq, value = excluded.value, deleted = excluded.deleted";
