//! The inside of a simulated disk: what is seen, what happened, who has what locked.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::crash::Recorded;
use super::fault::{Call, Failure, Fault};
use super::interleave::Others;
use super::log::{Barrier, Scope, Step};
use super::tree::{Body, Inode, Node, Op, ROOT, Tree};
use crate::disk::Entry;

/// How many symbolic links one path may lead through; the limit of Linux.
const LINKS_FOLLOWED: usize = 40;

/// What a disk is like, before and after a crash.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) block_size: usize,
    /// Up to so many unsynced changes, every subset of them is looked at.
    pub(super) exhaustive_up_to: usize,
}

#[derive(Debug)]
pub(super) struct State {
    /// What was durable when the history began.
    base: Tree,
    /// What a live process sees.
    pub(super) live: Tree,
    steps: Vec<Step>,
    /// What had been marked before the history began.
    carried: Vec<Arc<str>>,
    pub(super) settings: Settings,
    pub(super) capacity: Option<u64>,
    pub(super) faults: Vec<Fault>,
    pub(super) others: Others,
    pub(super) calls: Vec<(Call, PathBuf)>,
    /// Which opening of a file has its lock.
    locks: BTreeMap<Inode, u64>,
    openings: u64,
    next: Inode,
    times: Times,
}

/// When files changed, counted in changes of the disk. It is no part of the trees: states that a crash leaves are
/// equal whenever they were made, and after a crash every file is as old as the others.
#[derive(Debug, Default)]
struct Times {
    now: i128,
    modified: BTreeMap<Inode, i128>,
    changed: BTreeMap<Inode, i128>,
}

impl Times {
    fn note(&mut self, op: &Op) {
        self.now += 1;
        self.changed.insert(op.inode(), self.now);
        if op.is_content() {
            self.modified.insert(op.inode(), self.now);
        }
    }

    fn of(times: &BTreeMap<Inode, i128>, inode: Inode) -> i128 {
        times.get(&inode).copied().unwrap_or(0)
    }
}

impl State {
    pub(super) fn new(base: Tree, settings: Settings, carried: Vec<Arc<str>>) -> Self {
        Self {
            live: base.clone(),
            next: base.unused(),
            base,
            steps: Vec::new(),
            carried,
            settings,
            capacity: None,
            faults: Vec::new(),
            others: Others::default(),
            calls: Vec::new(),
            locks: BTreeMap::new(),
            openings: 0,
            times: Times::default(),
        }
    }

    /// Notes a call, and says how it fails.
    pub(super) fn begin(&mut self, call: Call, path: PathBuf) -> Option<Failure> {
        self.calls.push((call, path));
        let mut failures = self.faults.iter_mut().filter_map(|fault| fault.count(call));
        let first = failures.next();
        // The others count this call as well.
        failures.for_each(drop);
        first
    }

    pub(super) fn history(&self) -> Recorded {
        let Self { base, steps, carried, settings, .. } = self;
        let (base, steps, carried) = (base.clone(), steps.clone(), carried.clone());
        Recorded { base, steps, carried, settings: *settings }
    }

    pub(super) fn mark(&mut self, mark: String) {
        self.steps.push(Step::Mark(mark.into()));
    }

    /// Makes a change: seen at once, durable by a later sync.
    pub(super) fn change(&mut self, op: Op) {
        self.live.apply(&op);
        self.times.note(&op);
        self.steps.push(Step::Op(op));
    }

    /// Makes something that has no name yet.
    pub(super) fn born(&mut self, node: Node) -> Inode {
        let inode = self.next;
        self.next += 1;
        self.live.add(inode, node.clone());
        self.steps.push(Step::Born(inode, node));
        inode
    }

    pub(super) fn sync(&mut self, on: Inode, scope: Scope, held: bool) {
        self.steps.push(Step::Barrier(Barrier { on, scope, held }));
    }

    /// Writes what fits, block by block, and says how much that was.
    pub(super) fn write(&mut self, inode: Inode, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let len = self.live.node(inode).map_or(0, Node::len);
        let fits = self.fitting(len, offset + bytes.len() as u64);
        let count = usize::try_from(fits.saturating_sub(offset)).unwrap_or(usize::MAX).min(bytes.len());
        if count == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let mut rest = bytes.get(..count).unwrap_or_default();
        let mut at = offset;
        while !rest.is_empty() {
            let block = self.settings.block_size as u64;
            let to_boundary = usize::try_from(block - at % block).unwrap_or(usize::MAX);
            let (piece, after) = rest.split_at(to_boundary.min(rest.len()));
            self.change(Op::Data { inode, offset: at, bytes: piece.into() });
            (rest, at) = (after, at + piece.len() as u64);
        }
        if at > len {
            self.change(Op::Len { inode, from: len, to: at });
        }
        Ok(count)
    }

    pub(super) fn set_len(&mut self, inode: Inode, to: u64) -> io::Result<()> {
        let from = self.live.node(inode).map_or(0, Node::len);
        if self.fitting(from, to) < to {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if from != to {
            self.change(Op::Len { inode, from, to });
        }
        Ok(())
    }

    /// How far a file of length `len` may reach, up to `end`.
    fn fitting(&self, len: u64, end: u64) -> u64 {
        let free = self.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(self.live.used()));
        end.min(len.saturating_add(free).max(len))
    }

    pub(super) fn opening(&mut self) -> u64 {
        self.openings += 1;
        self.openings
    }

    pub(super) fn try_lock(&mut self, inode: Inode, opening: u64) -> bool {
        *self.locks.entry(inode).or_insert(opening) == opening
    }

    pub(super) fn unlock(&mut self, inode: Inode, opening: u64) {
        if self.locks.get(&inode) == Some(&opening) {
            self.locks.remove(&inode);
        }
    }

    /// The file or directory that a path leads to, links followed.
    pub(super) fn resolve(&self, from: Inode, path: &Path) -> io::Result<Inode> {
        let mut above = vec![from];
        let mut links = 0;
        let mut left: VecDeque<OsString> = parts(path, &mut above);
        while let Some(name) = left.pop_front() {
            let here = above.last().copied().unwrap_or(ROOT);
            if name == ".." {
                above.truncate(above.len().saturating_sub(1).max(1));
                continue;
            }
            if self.live.names(here).is_none() {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            let inode = self.live.lookup(here, &name).ok_or(io::ErrorKind::NotFound)?;
            let Some(Node { body: Body::Link(target), .. }) = self.live.node(inode) else {
                above.push(inode);
                continue;
            };
            links += 1;
            if links > LINKS_FOLLOWED {
                return Err(io::Error::other("too many levels of symbolic links"));
            }
            let mut leads = parts(target, &mut above);
            leads.append(&mut left);
            left = leads;
        }
        Ok(above.last().copied().unwrap_or(ROOT))
    }

    /// The directory that a path leads to.
    pub(super) fn resolve_dir(&self, from: Inode, path: &Path) -> io::Result<Inode> {
        let inode = self.resolve(from, path)?;
        self.live.names(inode).map(|_| inode).ok_or_else(|| io::ErrorKind::NotADirectory.into())
    }

    pub(super) fn contents(&self, path: &Path) -> Option<Vec<u8>> {
        self.live.node(self.resolve(ROOT, path).ok()?)?.contents()
    }

    pub(super) fn names(&self, path: &Path) -> Vec<OsString> {
        let found = self.resolve(ROOT, path).ok().and_then(|inode| self.live.names(inode));
        found.into_iter().flat_map(BTreeMap::keys).cloned().collect()
    }

    pub(super) fn entry_at(&self, path: &Path) -> Option<Entry> {
        self.entry(self.resolve(ROOT, path).ok()?)
    }

    /// What a live process is told of something.
    pub(super) fn entry(&self, inode: Inode) -> Option<Entry> {
        let (modified_ns, changed_ns) =
            (Times::of(&self.times.modified, inode), Times::of(&self.times.changed, inode));
        Some(Entry { modified_ns, changed_ns, ..self.live.entry(inode)? })
    }

    /// Puts something at a path, now and in what was always there.
    pub(super) fn put(&mut self, path: &Path, node: &Node) {
        let mut dir = ROOT;
        let mut names: Vec<OsString> = parts(path, &mut Vec::new()).into();
        let Some(last) = names.pop() else { return };
        for name in names {
            dir = match self.live.lookup(dir, &name) {
                Some(inode) => inode,
                None => self.put_in(dir, &name, &Node::dir(0o755)),
            };
        }
        self.put_in(dir, &last, node);
    }

    fn put_in(&mut self, dir: Inode, name: &OsStr, node: &Node) -> Inode {
        let inode = self.next;
        self.next += 1;
        for tree in [&mut self.base, &mut self.live] {
            tree.add(inode, node.clone());
            tree.apply(&Op::Link { dir, name: name.into(), inode });
        }
        inode
    }

    pub(super) fn set_attributes(&mut self, path: &Path, mode: u32, uid: u32, gid: u32) {
        let Ok(inode) = self.resolve(ROOT, path) else { return };
        for tree in [&mut self.base, &mut self.live] {
            tree.apply(&Op::Owner { inode, uid, gid });
            tree.apply(&Op::Mode { inode, mode });
        }
    }
}

/// The names on a path; an absolute one begins at the root. `above` gets to be where it begins.
fn parts(path: &Path, above: &mut Vec<Inode>) -> VecDeque<OsString> {
    let mut names = VecDeque::new();
    for component in path.components() {
        match component {
            Component::RootDir | Component::Prefix(_) => {
                above.clear();
                above.push(ROOT);
            }
            Component::ParentDir => names.push_back("..".into()),
            Component::Normal(name) => names.push_back(name.to_owned()),
            Component::CurDir => {}
        }
    }
    names
}
