//! The steps of a pass, and what of each is done with the turn.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use unforget_fs::Turnstile;
use unforget_sync::{SystemClock, Ticket, WaitError};

use crate::engine::{self, Shared};
use crate::generation::TurnInPage;
use crate::wal::Answer;
use crate::{Error, Options, Result, file, settings};

/// How long writers wait at most for the rest of the log to be moved and synced. A part of a share is moved in less;
/// its sync takes as long as the disk takes.
pub(crate) const HOLD: Duration = Duration::from_millis(8);

/// The connection that moves, and its place in the line for the turn.
pub(crate) struct Moves {
    shared: Arc<Shared>,
    conn: Connection,
    turnstile: Turnstile,
}

/// How the log is to begin anew.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reset {
    /// Whether its file is cut as well. That costs the next commits more: what they write has to be allocated again.
    pub(crate) cut: bool,
    /// How long readers that are in the way are waited for, if they are in the way at all.
    pub(crate) patience: Duration,
}

/// What came of moving the rest with the turn.
#[derive(Debug)]
pub(crate) enum Settled {
    /// Writers went on before it was done.
    Late(Answer),
    /// Nobody wrote meanwhile, and a reset was not wanted.
    InTime(Answer),
    /// Nor did anybody write before the reset.
    Reset(Answer),
}

impl Moves {
    pub(crate) fn open(shared: &Arc<Shared>, options: &Options) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(&shared.path, flags)?;
        settings::apply_writer(&conn, options.durability, options.busy_wait())?;
        // A reader who holds the log must not hold the writers.
        conn.busy_timeout(Duration::ZERO)?;
        let record = TurnInPage::new(&shared.board);
        let turnstile = Turnstile::open_recording_in(engine::directory(&shared.path), record)?;
        Ok(Self { shared: Arc::clone(shared), conn, turnstile })
    }

    /// The connection itself, whose settings are looked at.
    #[cfg(test)]
    pub(crate) fn conn(&self) -> &Connection {
        &self.conn
    }

    /// Moves what no reader holds back while others write.
    pub(crate) fn beside_writers(&self) -> Result<Answer> {
        checkpoint(&self.shared, &self.conn, PASSIVE)
    }

    /// Moves and syncs the rest with the turn, which is given back after [`HOLD`]; if that was not needed, resets the log
    /// under the same turn, as `reset` says.
    pub(crate) fn settle(&mut self, reset: impl FnOnce(Answer) -> Option<Reset>) -> Result<Settled> {
        let Self { shared, conn, turnstile } = self;
        let turn = turnstile.enter()?;
        let deadline = Instant::now() + HOLD;
        let (answer, turn) = thread::scope(|scope| {
            let (ticket, tell) = Ticket::pair();
            let (shared, conn) = (&*shared, &mut *conn);
            // Another thread, because SQLite moves and syncs in one call, and the turn is kept for the first only.
            thread::Builder::new()
                .name("unforget-checkpoint".to_owned())
                .spawn_scoped(scope, move || tell.complete(checkpoint(shared, conn, PASSIVE)))
                .map_err(|source| file::io("move the log of", &shared.path, source))?;
            match ticket.wait_until(&SystemClock, deadline) {
                Ok(answer) => Ok((answer?, Some(turn))),
                Err(WaitError::TimedOut(ticket)) => {
                    drop(turn);
                    Ok((ticket.wait().map_err(|_| lost())??, None))
                }
                Err(_) => Err(lost()),
            }
        })?;
        let Some(_turn) = turn else {
            return Ok(Settled::Late(answer));
        };
        match reset(answer) {
            Some(reset) => restart(shared, conn, reset).map(Settled::Reset),
            None => Ok(Settled::InTime(answer)),
        }
    }

    /// Moves what is left and resets the log, with the turn for as long as that takes.
    pub(crate) fn insist(&mut self, reset: Reset) -> Result<Answer> {
        let _turn = self.turnstile.enter()?;
        restart(&self.shared, &self.conn, reset)
    }
}

impl Drop for Moves {
    /// The last connection that closes makes SQLite move the log once more.
    fn drop(&mut self) {
        if self.shared.is_poisoned() {
            keep_log(&self.conn);
        }
    }
}

/// Keeps SQLite from moving and deleting the log when `conn` closes.
pub(crate) fn keep_log(conn: &Connection) {
    // It only sets a flag of the connection, and fails for names that SQLite does not know.
    let _known = conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
}

fn restart(shared: &Shared, conn: &Connection, reset: Reset) -> Result<Answer> {
    let mode = if reset.cut { TRUNCATE } else { RESTART };
    let answer = checkpoint(shared, conn, mode)?;
    if !answer.refused || reset.patience.is_zero() {
        return Ok(answer);
    }
    conn.busy_timeout(reset.patience)?;
    let again = checkpoint(shared, conn, mode);
    conn.busy_timeout(Duration::ZERO)?;
    again
}

const PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";
const RESTART: &str = "PRAGMA wal_checkpoint(RESTART)";
const TRUNCATE: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// While another process runs a checkpoint SQLite refuses and answers no figures; what is known stays known then.
fn checkpoint(shared: &Shared, conn: &Connection, sql: &str) -> Result<Answer> {
    let (refused, frames, moved): (i64, i64, i64) =
        conn.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let known = shared.log.figures();
    let refused = refused != 0;
    let is_empty = !refused && sql != PASSIVE;
    let or_known = |found: i64, known| if is_empty { 0 } else { u64::try_from(found).unwrap_or(known) };
    Ok(Answer { refused, frames: or_known(frames, known.frames), moved: or_known(moved, known.moved) })
}

fn lost() -> Error {
    Error::Panicked { message: "while the log was moved".to_owned() }
}
