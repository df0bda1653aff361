//! Every state that a crash may leave.

mod history;

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use super::log::{Step, fates};
use super::profile::Profile;
use super::state::Settings;
use super::tree::Tree;
use history::{History, Settled};

/// The states that a crash may leave, each once.
#[derive(Debug)]
pub struct CrashStates {
    states: Vec<CrashState>,
    subsets: u128,
    is_exhaustive: bool,
}

impl CrashStates {
    /// How many different states there are.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Whether there is none; there is always one, since a disk is always in some state.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// How many combinations of crash point and surviving changes they stand for.
    pub fn subsets(&self) -> u128 {
        self.subsets
    }

    /// Whether every combination was looked at. With more than 20 unsynced changes at one point (or what was
    /// [set](super::SimDisk::set_exhaustive)), these are looked at there: all, none, each alone, each
    /// missing, and 2,000 drawn ones.
    pub fn is_exhaustive(&self) -> bool {
        self.is_exhaustive
    }

    /// The states.
    pub fn iter(&self) -> std::slice::Iter<'_, CrashState> {
        self.states.iter()
    }
}

impl<'a> IntoIterator for &'a CrashStates {
    type Item = &'a CrashState;
    type IntoIter = std::slice::Iter<'a, CrashState>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A disk as a crash left it. Its display tells what was lost.
#[derive(Debug, Clone)]
pub struct CrashState {
    pub(super) tree: Tree,
    pub(super) marks: Vec<Arc<str>>,
    pub(super) settings: Settings,
    story: String,
}

impl CrashState {
    /// What had been [marked](super::SimDisk::mark) before the crash, in order.
    pub fn marks(&self) -> impl Iterator<Item = &str> {
        self.marks.iter().map(|mark| &**mark)
    }

    /// Whether this had been marked before the crash.
    pub fn has_mark(&self, mark: &str) -> bool {
        self.marks().any(|made| made == mark)
    }
}

impl fmt::Display for CrashState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.story)
    }
}

/// What happened on a disk.
#[derive(Debug)]
pub(super) struct Recorded {
    /// What was there when the history began.
    pub(super) base: Tree,
    pub(super) steps: Vec<Step>,
    /// What had been marked when the history began.
    pub(super) carried: Vec<Arc<str>>,
    pub(super) settings: Settings,
}

/// Enumerates the states after every step of a history that began with `base`.
///
/// Between two steps that make something durable or that the test marked, the possibilities only grow with
/// each change; so it is enough to look just before each such step, and at the end.
pub(super) fn states(history: &Recorded, profile: Profile) -> CrashStates {
    let Recorded { base, steps, carried, settings } = history;
    let fates = fates(steps, profile);
    let mut found =
        Found { states: Vec::new(), seen: HashSet::new(), marks: carried.clone(), settings: *settings };
    let (mut subsets, mut is_exhaustive) = (0_u128, true);
    let mut settled = Settled { tree: base.clone(), steps: 0 };
    for moment in 0..=steps.len() {
        let step = steps.get(moment);
        if matches!(step, Some(Step::Born(..) | Step::Op(_))) {
            continue;
        }
        settled.advance(steps, &fates, moment);
        let history = History { settled: &settled, steps, fates: &fates, moment, profile };
        let pending = history.pending();
        subsets = subsets.saturating_add(subsets_of(pending));
        let every = pending <= settings.exhaustive_up_to;
        let outcomes = if every { history.every() } else { history.drawn(pending) };
        is_exhaustive &= every;
        for (partial, lost) in outcomes {
            found.add(&partial.tree, || history.story(&lost));
        }
        if let Some(Step::Mark(mark)) = step {
            found.marks.push(Arc::clone(mark));
        }
    }
    CrashStates { states: found.states, subsets, is_exhaustive }
}

fn subsets_of(count: usize) -> u128 {
    u32::try_from(count).ok().and_then(|count| 1_u128.checked_shl(count)).unwrap_or(u128::MAX)
}

/// The states found so far. The same files with more acknowledgements are another state: more is expected.
struct Found {
    states: Vec<CrashState>,
    seen: HashSet<(Tree, usize)>,
    marks: Vec<Arc<str>>,
    settings: Settings,
}

impl Found {
    fn add(&mut self, tree: &Tree, story: impl FnOnce() -> String) {
        let tree = tree.mounted();
        if self.seen.insert((tree.clone(), self.marks.len())) {
            let (marks, settings) = (self.marks.clone(), self.settings);
            self.states.push(CrashState { tree, marks, settings, story: story() });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::sim::log::{Barrier, Scope};
    use crate::sim::tree::{Node, Op, ROOT};

    const FILES: u64 = 3;
    const SETTINGS: Settings = Settings { block_size: 1, exhaustive_up_to: 20 };

    /// Steps on a few files with a few names, sensible or not.
    fn step() -> impl Strategy<Value = Step> {
        let inode = 2..2 + FILES;
        let name = prop::sample::select(vec!["a", "b", "c"]);
        let data = (inode.clone(), 0..6_u64, any::<u8>()).prop_map(|(inode, offset, byte)| Op::Data {
            inode,
            offset,
            bytes: [byte].as_slice().into(),
        });
        let len =
            (inode.clone(), 0..6_u64, 0..6_u64).prop_map(|(inode, from, to)| Op::Len { inode, from, to });
        let mode = (inode.clone(), 0..8_u32).prop_map(|(inode, mode)| Op::Mode { inode, mode });
        let link = (inode.clone(), name.clone()).prop_map(|(inode, name)| Op::Link {
            dir: ROOT,
            name: name.into(),
            inode,
        });
        let unlink = (inode.clone(), name.clone()).prop_map(|(inode, name)| Op::Unlink {
            dir: ROOT,
            name: name.into(),
            inode,
        });
        let rename = (inode.clone(), name.clone(), name).prop_map(|(inode, from, to)| Op::Rename {
            dir: ROOT,
            from: from.into(),
            to: to.into(),
            inode,
        });
        let op = prop_oneof![data, len, mode, link, unlink, rename].prop_map(Step::Op);
        let scope = prop_oneof![Just(Scope::All), Just(Scope::Content)];
        let file = (inode, scope, any::<bool>())
            .prop_map(|(on, scope, held)| Step::Barrier(Barrier { on, scope, held }));
        let dir =
            any::<bool>().prop_map(|held| Step::Barrier(Barrier { on: ROOT, scope: Scope::Names, held }));
        prop_oneof![6 => op, 1 => file, 1 => dir, 1 => Just(Step::Mark("mark".into()))]
    }

    fn files() -> Tree {
        let mut base = Tree::empty();
        for inode in 2..2 + FILES {
            base.add(inode, Node::file(b"", 0o600));
            base.apply(&Op::Link { dir: ROOT, name: format!("old {inode}").into(), inode });
        }
        base
    }

    fn shown(tree: &Tree) -> String {
        format!("{:?}", tree.mounted())
    }

    /// The states by the definition: each subset of the unsynced changes, at each moment, on its own.
    fn by_definition(base: &Tree, steps: &[Step], profile: Profile) -> BTreeSet<(String, usize)> {
        let fates = fates(steps, profile);
        let mut found = BTreeSet::new();
        let settled = Settled { tree: base.clone(), steps: 0 };
        for moment in 0..=steps.len() {
            let history = History { settled: &settled, steps, fates: &fates, moment, profile };
            let marks = steps.iter().take(moment).filter(|step| matches!(step, Step::Mark(_))).count();
            let pending = history.pending();
            for subset in 0..1_u32 << pending {
                let lost: Vec<_> = (0..pending).filter(|number| subset >> number & 1 == 1).collect();
                found.insert((shown(&history.without(&lost).0.tree), marks));
            }
        }
        found
    }

    proptest! {
        #[test]
        fn merging_equal_states_and_skipping_moments_loses_none(
            steps in prop::collection::vec(step(), 0..12),
            profile in prop::sample::select(Profile::ALL.to_vec()),
        ) {
            let base = files();
            let expected = by_definition(&base, &steps, profile);
            let history = Recorded { base, steps, carried: Vec::new(), settings: SETTINGS };
            let states = states(&history, profile);
            let found: BTreeSet<_> =
                states.iter().map(|state| (shown(&state.tree), state.marks.len())).collect();
            prop_assert_eq!(found.len(), states.len(), "each state once");
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn whatever_the_stricter_file_system_leaves_posix_allows(
            steps in prop::collection::vec(step(), 0..14),
        ) {
            let history = Recorded { base: files(), steps, carried: Vec::new(), settings: SETTINGS };
            let weak: HashSet<_> =
                states(&history, Profile::PosixWeak).iter().map(|state| shown(&state.tree)).collect();
            for state in &states(&history, Profile::Ext4Like) {
                prop_assert!(weak.contains(&shown(&state.tree)), "{}", state);
            }
        }
    }
}
