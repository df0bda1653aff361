//! Tells callers what became of their operations, and runs what they left to be run after the commit.
//!
//! All of it is the callers' code: closures, answers, the payloads of panics, and the destructors of these. None of
//! it may take the writer with it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use unforget_sync::Completer;

use crate::Error;
use crate::ledger::AfterCommit;
use crate::op::{Reply, WriteOp};

/// A finished operation: told only after the turn has been given back.
pub(crate) struct Told {
    pub(crate) completer: Completer<Reply>,
    pub(crate) reply: Reply,
    /// What it wants run now that it is committed, in order.
    pub(crate) after: Vec<AfterCommit>,
    /// The operation, to be dropped after its caller was told.
    pub(crate) spent: Option<WriteOp>,
}

impl Told {
    /// Runs what the operation left for after its commit. Before anybody is told, so that whoever learns of the
    /// commit finds what was published for it.
    pub(crate) fn publish(&mut self) {
        for run in self.after.drain(..) {
            contain(run);
        }
    }

    /// Tells the caller.
    ///
    /// What the operation captured is dropped here, and its answer too if the ticket is gone.
    pub(crate) fn tell(self, path: &Path) {
        let Self { completer, reply, spent, .. } = self;
        let reply = reply.map_err(|error| error.at(path));
        contain(|| completer.complete(reply));
        discard(spent);
    }
}

/// Drops what a caller made, such as an answer or the payload of a panic. Its destructor is the caller's code: one
/// that panics must not take the writer with it.
pub(crate) fn discard<T>(made_by_a_caller: T) {
    contain(|| drop(made_by_a_caller));
}

#[expect(clippy::mem_forget, reason = "a panic whose payload may panic when dropped is not dropped")]
pub(crate) fn contain(runs_a_callers_code: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(runs_a_callers_code)) {
        std::mem::forget(panic);
    }
}

pub(crate) fn panicked(panic: Box<dyn Any + Send>) -> Error {
    let message = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    discard(panic);
    Error::Panicked { message }
}
