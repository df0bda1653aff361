//! Checking every crash state, and every crash state of its recovery.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use super::tree::Tree;
use super::{CrashState, Profile, SimDisk};

/// What [`SimDisk::verify`] went through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Verified {
    /// The states that a crash of the operation may leave.
    pub states: usize,
    /// The states beyond those that only crashes of a recovery leave.
    pub nested: usize,
    /// Combinations of crash point and surviving changes.
    pub subsets: u128,
    /// Whether nothing was drawn where there were too many combinations.
    pub is_exhaustive: bool,
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, nested, subsets, is_exhaustive } = self;
        let how = if *is_exhaustive { "all" } else { "drawn" };
        write!(f, "{states} states ({how} of {subsets} subsets), {nested} more by crashes in recovery")
    }
}

impl SimDisk {
    /// Runs `recover` on every crash state and then `check`, and does the same with every state that a crash
    /// during that recovery leaves, `depth` times over. Equal states are visited once.
    ///
    /// # Panics
    ///
    /// Where `recover` or `check` do; they are given the state so that they can say which one it was.
    pub fn verify(
        &self,
        profile: Profile,
        depth: u32,
        recover: impl Fn(&SimDisk, &CrashState),
        check: impl Fn(&SimDisk, &CrashState),
    ) -> Verified {
        let mut walk = Walk { profile, recover, check, seen: HashSet::new(), verified: Verified::default() };
        walk.verified.is_exhaustive = true;
        walk.visit(self, depth, true);
        walk.verified
    }
}

struct Walk<R, C> {
    profile: Profile,
    recover: R,
    check: C,
    seen: HashSet<(Tree, Vec<Arc<str>>)>,
    verified: Verified,
}

impl<R: Fn(&SimDisk, &CrashState), C: Fn(&SimDisk, &CrashState)> Walk<R, C> {
    fn visit(&mut self, disk: &SimDisk, depth: u32, is_outermost: bool) {
        let states = disk.crash_states(self.profile);
        self.verified.subsets = self.verified.subsets.saturating_add(states.subsets());
        self.verified.is_exhaustive &= states.is_exhaustive();
        // All of one level come before those below them, so that each is counted where it is due.
        let news: Vec<_> = states.iter().filter(|state| self.is_new(state)).collect();
        let count = if is_outermost { &mut self.verified.states } else { &mut self.verified.nested };
        *count += news.len();
        for state in news {
            let after = state.disk();
            (self.recover)(&after, state);
            (self.check)(&after, state);
            if depth > 0 {
                self.visit(&after, depth - 1, false);
            }
        }
    }

    fn is_new(&mut self, state: &CrashState) -> bool {
        self.seen.insert((state.tree.clone(), state.marks.clone()))
    }
}
