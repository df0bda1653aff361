//! Runs one operation, and undoes it if it fails.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::Connection;

use super::{Bench, engine_statement};
use crate::ledger::{Later, Ledger};
use crate::op::{Reply, WriteOp};
use crate::told::{discard, panicked};
use crate::{Error, Result, WriteTx};

/// What catches an operation that fails.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Net {
    /// A savepoint of its own: nobody else notices.
    Savepoint,
    /// The transaction as a whole, which is given up with it.
    Transaction,
}

pub(super) enum Isolated {
    /// The transaction stands as the operation left it.
    Undisturbed(Kept),
    /// The whole transaction is gone, or to be given up.
    Ended(Reply),
}

/// An answer that is true once the transaction is committed.
pub(super) struct Kept {
    pub(super) reply: Reply,
    /// Whether the operation's changes are part of it.
    pub(super) keep: bool,
    pub(super) later: Later,
}

impl Isolated {
    /// What the operation is told when its transaction cannot be kept.
    pub(super) fn into_failure(self) -> Reply {
        match self {
            Self::Undisturbed(Kept { reply, keep: false, .. }) | Self::Ended(reply) => reply,
            Self::Undisturbed(kept) => {
                discard(kept);
                Err(Error::Forbidden)
            }
        }
    }
}

pub(super) fn run_isolated(bench: &Bench, ledger: &Ledger, run: &mut WriteOp, net: Net) -> Isolated {
    let conn = &bench.conn;
    if net == Net::Savepoint
        && let Err(source) = savepoint(conn, SAVEPOINT)
    {
        return Isolated::Ended(Err(source));
    }
    ledger.begin_operation();
    let ran = bench.guard.watch(|| catch_unwind(AssertUnwindSafe(|| run(&WriteTx::new(conn, ledger)))));
    let (keep, reply) = match ran {
        Ok(ran) => (ran.keep, Ok(ran.answer)),
        Err(panic) => (false, Err(panicked(panic))),
    };
    if !keep {
        ledger.undo_operation();
    }
    if conn.is_autocommit() {
        if !keep {
            return Isolated::Ended(reply);
        }
        // An operation that answers success though its transaction is gone has swallowed the failure.
        discard(reply);
        return Isolated::Ended(Err(Error::Forbidden));
    }
    if net == Net::Transaction {
        return if keep { kept(ledger, reply, keep) } else { Isolated::Ended(reply) };
    }
    let undone = if keep { Ok(()) } else { savepoint(conn, ROLLBACK_TO) };
    match undone.and_then(|()| savepoint(conn, RELEASE)) {
        Ok(()) => kept(ledger, reply, keep),
        Err(error) => {
            discard(reply);
            Isolated::Ended(Err(error))
        }
    }
}

fn kept(ledger: &Ledger, reply: Reply, keep: bool) -> Isolated {
    Isolated::Undisturbed(Kept { reply, keep, later: ledger.keep_operation() })
}

// See `super::BEGIN` for the comments.
const SAVEPOINT: &str = "SAVEPOINT unforget_op /* engine */";
const ROLLBACK_TO: &str = "ROLLBACK TO unforget_op /* engine */";
const RELEASE: &str = "RELEASE unforget_op /* engine */";

/// Opens, undoes or closes an operation's savepoint.
fn savepoint(conn: &Connection, sql: &str) -> Result<()> {
    Ok(engine_statement(conn, sql)?)
}
