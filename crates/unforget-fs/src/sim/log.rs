//! What happened on a disk, in order, and what was made durable by which step.

use std::sync::Arc;

use super::Profile;
use super::tree::{Inode, Node, Op};

/// One step of the history.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Something was made that has no name yet; a name is what makes a difference.
    Born(Inode, Node),
    /// A change that a crash leaves done or not done.
    Op(Op),
    /// A sync ended.
    Barrier(Barrier),
    /// The test noted something, such as an acknowledgement.
    Mark(Arc<str>),
}

/// A sync of a file or directory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Barrier {
    pub(super) on: Inode,
    pub(super) scope: Scope,
    /// Whether it succeeded.
    pub(super) held: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Content and length of a file.
    Content,
    /// Content, length and attributes of a file.
    All,
    /// The names in a directory.
    Names,
}

/// What became of a change by the syncs after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// No sync spoke of it.
    Pending,
    /// The sync at this step made it durable.
    DurableAt(usize),
    /// The sync at this step failed: the system takes it for written, no later sync will write it, and it may
    /// have been written or not.
    GivenUpAt(usize),
}

/// The fate of every step under a profile; of steps that change nothing it is `Pending`.
pub(super) fn fates(steps: &[Step], profile: Profile) -> Vec<Fate> {
    let mut fates = vec![Fate::Pending; steps.len()];
    for (at, step) in steps.iter().enumerate() {
        let Step::Barrier(barrier) = step else { continue };
        let last_name = steps.iter().take(at).rposition(|step| barrier.names_its_file(step));
        for (index, (step, fate)) in steps.iter().zip(&mut fates).enumerate().take(at) {
            let Step::Op(op) = step else { continue };
            if *fate != Fate::Pending {
                continue;
            }
            if barrier.covers(op) {
                *fate = if barrier.held { Fate::DurableAt(at) } else { Fate::GivenUpAt(at) };
            } else if barrier.held && profile == Profile::Ext4Like && op.directory().is_some() {
                let commits = barrier.scope == Scope::Names || last_name.is_some_and(|last| index <= last);
                if commits {
                    *fate = Fate::DurableAt(at);
                }
            }
        }
    }
    fates
}

impl Barrier {
    /// Whether POSIX says that this sync speaks of the change.
    fn covers(self, op: &Op) -> bool {
        match self.scope {
            Scope::Names => {
                op.directory() == Some(self.on) || op.directory().is_none() && op.inode() == self.on
            }
            Scope::All => op.directory().is_none() && op.inode() == self.on,
            Scope::Content => op.is_content() && op.inode() == self.on,
        }
    }

    /// Whether the step gave or took a name of the synced file. A journal is written in order, so with the
    /// inode it has to write the names up to there.
    fn names_its_file(self, step: &Step) -> bool {
        matches!(step, Step::Op(op) if op.directory().is_some() && op.inode() == self.on)
    }
}
