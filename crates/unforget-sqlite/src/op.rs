//! What travels from a caller to the writer, and what comes back.

use std::any::Any;

use rusqlite::Connection;

use crate::{Error, Result, WriteTx};

/// What an operation answers, its type erased while it travels through the queue.
pub(crate) type Answer = Box<dyn Any + Send>;

/// What a ticket resolves to: the operation's own answer, also when that answer is an error of its own, or why
/// the engine could not give one.
pub(crate) type Reply = Result<Answer>;

/// One run of an operation.
pub(crate) struct Ran {
    pub(crate) answer: Answer,
    /// Whether the operation's changes are to be committed, or were: it answered `Ok`.
    pub(crate) keep: bool,
    /// Whether the engine's own work met a disk that failed. An operation's errors are its caller's.
    pub(crate) disk_failed: bool,
}

/// An operation that shares a transaction with others. It may run again when a neighbour ends the transaction.
pub(crate) type WriteOp = Box<dyn FnMut(&WriteTx<'_>) -> Ran + Send>;

/// Work that needs the writer's connection for itself, outside a transaction.
pub(crate) type ExclusiveOp = Box<dyn FnMut(&mut Connection) -> Ran + Send>;

pub(crate) enum Op {
    Write { run: WriteOp, bytes: usize },
    Exclusive(ExclusiveOp),
}

impl Op {
    pub(crate) fn write<T, E>(
        bytes: usize,
        mut op: impl FnMut(&WriteTx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Self
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        let run = move |tx: &WriteTx<'_>| {
            let outcome = op(tx);
            Ran { keep: outcome.is_ok(), disk_failed: false, answer: Box::new(outcome) }
        };
        Self::Write { run: Box::new(run), bytes }
    }

    pub(crate) fn exclusive<T: Send + 'static>(
        mut op: impl FnMut(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Self {
        let run = move |conn: &mut Connection| {
            let outcome = op(conn);
            let disk_failed = matches!(outcome, Err(Error::DiskFailed { .. }));
            Ran { keep: outcome.is_ok(), disk_failed, answer: Box::new(outcome) }
        };
        Self::Exclusive(Box::new(run))
    }

    pub(crate) fn weigh(&self) -> usize {
        match self {
            Self::Write { bytes, .. } => (*bytes).max(1),
            Self::Exclusive(_) => 1,
        }
    }
}

/// Gives an answer its type back.
///
/// The ticket that asks was made together with the operation that answered, so the types agree; were they not
/// to, the caller is told that the outcome is unknown rather than losing the process.
pub(crate) fn typed<T: 'static, E: From<Error> + 'static>(reply: Reply) -> Result<T, E> {
    match reply?.downcast::<Result<T, E>>() {
        Ok(outcome) => *outcome,
        Err(_) => Err(Error::OutcomeUnknown { source: None }.into()),
    }
}
