//! The thread that looks for what the counter does not tell of.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use unforget_sync::{SystemClock, Ticket, WriteQueue};

use super::commit::is_known;
use super::{Board, Generation};
use crate::engine::Shared;
use crate::op::{Op, Reply};
use crate::{Error, Options, Result, file, settings};

/// How often it looks: so long may a change by a foreign program go unnoticed.
pub(crate) const INTERVAL: Duration = Duration::from_millis(250);

/// The watcher of one engine, started when somebody first asks for its generation.
#[derive(Debug)]
pub(crate) struct Watcher {
    board: Arc<Board>,
    thread: JoinHandle<()>,
}

impl Watcher {
    /// Looks once and goes on looking: a change after this returned does not go unnoticed.
    pub(crate) fn start(
        shared: &Arc<Shared>,
        options: &Options,
        queue: &WriteQueue<Op, Reply>,
    ) -> Result<Self> {
        let board = Arc::clone(&shared.board);
        let mut worker = Worker {
            conn: open(shared, options)?,
            shared: Arc::clone(shared),
            queue: queue.clone(),
            version: 0,
            unknown: None,
            heal: None,
        };
        match worker.look() {
            // Blind until it comes to it.
            Err(error) if !error.is_retryable() => return Err(error),
            _ => {}
        }
        let thread = thread::Builder::new()
            .name("unforget-watcher".to_owned())
            .spawn(|| worker.run())
            .map_err(|source| file::io("start the watcher of", &shared.path, source))?;
        Ok(Self { board, thread })
    }

    pub(crate) fn generation(&self) -> Generation {
        Generation::new(Arc::clone(&self.board))
    }

    /// Waits until it has closed its connection; the board is closed already.
    pub(crate) fn join(self) {
        // It runs nobody's code, and without it nothing is up to date: the board says so.
        let _ended = self.thread.join();
    }
}

struct Worker {
    conn: Connection,
    shared: Arc<Shared>,
    queue: WriteQueue<Op, Reply>,
    /// What SQLite said the last time about changes by others.
    version: i64,
    /// The counter, if the outcome of a commit was open at the last look.
    unknown: Option<u64>,
    heal: Option<Ticket<Reply>>,
}

impl Worker {
    fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        // However it ends: without it, nobody looks.
        let _blind = Blind(&shared.board);
        while shared.board.is_open_for(INTERVAL) {
            if self.look().is_err() {
                shared.board.go_blind();
            }
            self.mend();
        }
        self.withdraw();
    }

    /// Begins an epoch if somebody may have changed something without moving the counter.
    ///
    /// Commits of our own change what SQLite says, too. When the counter moved as well, a foreign program may have
    /// committed in between, so that is looked at as one, at the price of reading again.
    fn look(&mut self) -> Result<()> {
        let Shared { board, path, .. } = &*self.shared;
        if !self.shared.has_its_name() {
            return Err(Error::Replaced { path: path.clone() });
        }
        let another_page = board.counter.open()?;
        let version = self.conn.query_row("PRAGMA data_version", [], |row| row.get(0))?;
        if another_page || version != self.version || board.is_blind() {
            self.version = version;
            board.begin_epoch();
        }
        Ok(())
    }

    /// Asks for a commit when the outcome of one has been open for an interval.
    ///
    /// Whoever was committing either still does, and has the turn, for which the writer waits; or is dead, or does
    /// not write any more. The next commit of anybody would do the same.
    fn mend(&mut self) {
        self.withdraw();
        let value = self.shared.board.counter.value();
        if is_known(value) {
            self.unknown = None;
        } else if self.unknown.replace(value) == Some(value) {
            self.heal = self.queue.try_submit(Op::write(0, |_| Ok::<(), Error>(()))).ok();
        }
    }

    /// Takes back what the writer has not come to: it would make the writer wait for a foreign program.
    fn withdraw(&mut self) {
        if let Some(ticket) = self.heal.take() {
            drop(self.queue.withdraw(&ticket));
        }
    }
}

/// Says that nobody looks any more.
struct Blind<'a>(&'a Board);

impl Drop for Blind<'_> {
    fn drop(&mut self) {
        self.0.go_blind();
    }
}

impl Board {
    /// Waits for as long; answers whether it was not closed meanwhile.
    fn is_open_for(&self, interval: Duration) -> bool {
        let deadline = Instant::now() + interval;
        let mut guard = self.lock.lock();
        while !self.is_closed() {
            let timed_out;
            (guard, timed_out) = self.news.wait_until(guard, &SystemClock, deadline);
            if timed_out {
                return !self.is_closed();
            }
        }
        false
    }
}

fn open(shared: &Shared, options: &Options) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(&shared.path, flags)?;
    settings::apply_reader(&conn, options.busy_wait())?;
    conn.busy_timeout(Duration::ZERO)?;
    Ok(conn)
}
