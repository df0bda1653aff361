//! Kills the holders of locks at any moment, more often than a test run does.

use crate::Error;
use crate::invocation::Invocation;
use crate::workspace::Workspace;

/// How many holders of each kind of lock are killed; the tests kill as many when they are run by themselves.
const ROUNDS: usize = 50;
/// The same for `--long`.
const LONG_ROUNDS: usize = 500;

/// Runs the tests that kill on this terminal; `false` when an acknowledgement was lost or doubled.
pub(crate) fn run(workspace: &Workspace, long: bool) -> Result<bool, Error> {
    let rounds = if long { LONG_ROUNDS } else { ROUNDS };
    Invocation::cargo(workspace.root())
        .words("test -p unforget-fs --test it lock_torture -- --nocapture")
        .environment("UNFORGET_TORTURE_KILLS", rounds.to_string())
        .run()
}
