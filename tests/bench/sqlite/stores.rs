//! Ways to write a row and wait until it is committed, behind one face.

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::Connection;
use tokio::runtime::Runtime;
use unforget_sqlite::{Database, Durability, Error, Options, Pending, Schema, WriteTx};

use crate::row::{INSERT, Kind, Row, TABLE, TEXT_TABLE, TEXT_TRIGGER};

/// What a caller has to write with.
pub(crate) trait Store: Clone + Send + Sync + 'static {
    /// Opens the file, with its tables.
    fn open(path: &Path, kind: Kind) -> Self;

    /// Writes one row; false if it was told that the file is busy.
    fn write(&self, row: Row) -> bool;
}

pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// `unforget-sqlite`.
#[derive(Clone)]
pub(crate) struct Unforget {
    pub(crate) db: Database,
    text: bool,
}

static PLAIN: Schema = Schema::new(&[TABLE]);
static WITH_TEXT: Schema = Schema::new(&[TABLE, TEXT_TABLE]).batch_end(index);

/// Writes the full-text rows of a batch at its end, once.
fn index(tx: &WriteTx<'_>, rows: &[Pending]) -> Result<(), Error> {
    let mut insert = tx
        .prepare_cached("INSERT INTO node_text(rowid, content) SELECT id, content FROM node WHERE id = ?1")?;
    for row in rows {
        insert.execute([row.row])?;
    }
    Ok(())
}

impl Store for Unforget {
    fn open(path: &Path, kind: Kind) -> Self {
        let durability = if kind.full { Durability::Full } else { Durability::Normal };
        let db = Database::open(path, Options::default().durability(durability)).expect("it opens");
        db.migrate(if kind.text { &WITH_TEXT } else { &PLAIN }).expect("the tables are made");
        Self { db, text: kind.text }
    }

    fn write(&self, row: Row) -> bool {
        written(self.db.write(self.insert(row)))
    }
}

impl Unforget {
    /// The operation that writes one row.
    pub(crate) fn insert(&self, row: Row) -> impl FnMut(&WriteTx<'_>) -> Result<(), Error> + Send + use<> {
        let text = self.text;
        move |tx| {
            row.bind_to(&mut *tx.prepare_cached(INSERT)?)?;
            if text { tx.pend(Pending::new("node", tx.last_insert_rowid())) } else { Ok(()) }
        }
    }
}

/// An acknowledged write is true, a busy file false, and nothing else is expected.
pub(crate) fn written(outcome: Result<(), Error>) -> bool {
    match outcome {
        Ok(()) => true,
        Err(Error::Busy { .. }) => false,
        Err(error) => panic!("a row was not written: {error}"),
    }
}

/// r2d2 with ten connections and the default settings; statements are compiled each time: what programs do today.
#[derive(Clone)]
pub(crate) struct Pool(pub(crate) r2d2::Pool<SqliteConnectionManager>);

impl Store for Pool {
    fn open(path: &Path, kind: Kind) -> Self {
        make_tables(path, kind);
        let manager = SqliteConnectionManager::file(path).with_init(move |conn| set_up(conn, kind));
        Self(r2d2::Pool::builder().max_size(10).build(manager).expect("it opens"))
    }

    fn write(&self, row: Row) -> bool {
        committed(row.insert(&self.0.get().expect("a connection")))
    }
}

/// One connection behind a lock, with a cached statement.
#[derive(Clone)]
pub(crate) struct Locked(Arc<Mutex<Connection>>);

impl Store for Locked {
    fn open(path: &Path, kind: Kind) -> Self {
        Self(Arc::new(Mutex::new(connect(path, kind))))
    }

    fn write(&self, row: Row) -> bool {
        committed(row.insert_cached(&self.0.lock().expect("nobody panics")))
    }
}

/// tokio-rusqlite: one connection with a thread of its own.
#[derive(Clone)]
pub(crate) struct TokioRusqlite(tokio_rusqlite::Connection);

impl Store for TokioRusqlite {
    fn open(path: &Path, kind: Kind) -> Self {
        Self(tokio_rusqlite::Connection::from(connect(path, kind)))
    }

    fn write(&self, row: Row) -> bool {
        let outcome = runtime().block_on(self.0.call(move |conn| row.insert_cached(conn)));
        match outcome {
            Ok(()) => true,
            Err(tokio_rusqlite::Error::Error(source)) => committed(Err(source)),
            Err(error) => panic!("a row was not written: {error}"),
        }
    }
}

/// deadpool-sqlite with ten connections and cached statements.
#[derive(Clone)]
pub(crate) struct Deadpool(deadpool_sqlite::Pool);

impl Store for Deadpool {
    fn open(path: &Path, kind: Kind) -> Self {
        make_tables(path, kind);
        let pool = deadpool_sqlite::Config::new(path)
            .builder(deadpool_sqlite::Runtime::Tokio1)
            .expect("the settings are right")
            .max_size(10)
            .post_create(deadpool_sqlite::Hook::async_fn(move |conn, _| {
                Box::pin(async move {
                    let done = conn.interact(move |conn| set_up(conn, kind)).await;
                    done.expect("nobody panics")
                        .map_err(|error| deadpool_sqlite::HookError::message(error.to_string()))
                })
            }))
            .build()
            .expect("it is built");
        Self(pool)
    }

    fn write(&self, row: Row) -> bool {
        let outcome = runtime().block_on(async {
            let conn = self.0.get().await.expect("a connection");
            conn.interact(move |conn| row.insert_cached(conn)).await.expect("nobody panics")
        });
        committed(outcome)
    }
}

/// For the two that are asynchronous. Their connections can only be dropped inside it.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("it starts")
    })
}

/// One connection as the contenders other than ours have it.
pub(crate) fn connect(path: &Path, kind: Kind) -> Connection {
    make_tables(path, kind);
    let conn = Connection::open(path).expect("it opens");
    set_up(&conn, kind).expect("it is set up");
    conn
}

fn set_up(conn: &Connection, kind: Kind) -> rusqlite::Result<()> {
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.pragma_update(None, "synchronous", kind.synchronous())
}

fn make_tables(path: &Path, kind: Kind) {
    let conn = Connection::open(path).expect("it opens");
    set_up(&conn, kind).expect("it is set up");
    if conn.table_exists(None, "node").expect("it can be asked") {
        return;
    }
    conn.execute_batch(TABLE).expect("the tables are made");
    if kind.text {
        conn.execute_batch(TEXT_TABLE).expect("the tables are made");
        conn.execute_batch(TEXT_TRIGGER).expect("the tables are made");
    }
}

fn committed(outcome: rusqlite::Result<()>) -> bool {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    match outcome {
        Ok(()) => true,
        Err(error) if matches!(error.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked)) => false,
        Err(error) => panic!("a row was not written: {error}"),
    }
}
