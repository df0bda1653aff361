//! Which combinations of unsynced changes a crash may leave.

use std::collections::BTreeSet;

use super::tree::{Inode, Op, Tree};

/// How much a file system does without being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// What POSIX promises and nothing more: every subset of the unsynced changes may survive, in any
    /// combination. A protocol that is right here is right on every file system, so this is the one that
    /// decides.
    PosixWeak,
    /// What ext4 does in addition, in its default mode: changes of names are written in their order, a longer
    /// length is written after the data it was for, and a sync writes every change of a name before it that
    /// the journal has to write along. It hides mistakes, as most disks at hand do; a state that is lost here
    /// is lost on them.
    Ext4Like,
}

impl Profile {
    /// Both, the stricter test first.
    pub const ALL: [Self; 2] = [Self::PosixWeak, Self::Ext4Like];
}

/// A state of the disk while its history is gone through, with what was lost on the way as far as that limits
/// what may survive after it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Partial {
    pub(super) tree: Tree,
    profile: Profile,
    is_name_lost: bool,
    lost_data: BTreeSet<(Inode, u64, u64)>,
}

impl Partial {
    pub(super) fn new(tree: Tree, profile: Profile) -> Self {
        Self { tree, profile, is_name_lost: false, lost_data: BTreeSet::new() }
    }

    /// Whether an unsynced change may survive after what was lost before it.
    pub(super) fn admits(&self, op: &Op) -> bool {
        match op {
            _ if self.profile == Profile::PosixWeak => true,
            Op::Link { .. } | Op::Unlink { .. } | Op::Rename { .. } | Op::Exchange { .. } => {
                !self.is_name_lost
            }
            Op::Len { inode, from, to } => {
                let mut lost = self.lost_data.iter().filter(|(lost, ..)| lost == inode);
                !lost.any(|(_, start, end)| start < to && end > from)
            }
            Op::Data { .. } | Op::Owner { .. } | Op::Mode { .. } => true,
        }
    }

    /// Notes that an unsynced change did not survive.
    pub(super) fn lose(&mut self, op: &Op) {
        if self.profile == Profile::PosixWeak {
            return;
        }
        self.is_name_lost |= op.directory().is_some();
        if let Op::Data { inode, offset, bytes } = op {
            self.lost_data.insert((*inode, *offset, offset + bytes.len() as u64));
        }
    }
}
