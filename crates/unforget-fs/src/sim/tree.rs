//! What is on a disk: directories, files and links, and the smallest changes of them.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;

use crate::disk::{Entry, FileId, Kind};

pub(super) type Inode = u64;

pub(super) const ROOT: Inode = 1;

/// The bits that a change of owner clears.
const SET_ID: u32 = 0o6000;

/// A file, directory or link, whatever names it has.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Node {
    pub(super) body: Body,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Body {
    /// What is stored may be longer than the length says, when the change of the length was lost, or shorter:
    /// then the rest reads as zeros.
    File {
        stored: Vec<u8>,
        len: u64,
    },
    Dir(BTreeMap<OsString, Inode>),
    Link(PathBuf),
}

/// The smallest change that a crash leaves done or not done.
#[derive(Debug, Clone)]
pub(super) enum Op {
    /// A block, or a part of one, got new content.
    Data { inode: Inode, offset: u64, bytes: Arc<[u8]> },
    /// The length changed.
    Len { inode: Inode, from: u64, to: u64 },
    /// The file was given away.
    Owner { inode: Inode, uid: u32, gid: u32 },
    /// The permission bits changed.
    Mode { inode: Inode, mode: u32 },
    /// A name was given.
    Link { dir: Inode, name: OsString, inode: Inode },
    /// A name was taken away.
    Unlink { dir: Inode, name: OsString, inode: Inode },
    /// A name moved, and whatever had the new one lost it: one step, as file systems journal it.
    Rename { dir: Inode, from: OsString, to: OsString, inode: Inode },
    /// Two files took each other's name, in one step.
    Exchange { dir: Inode, from: OsString, to: OsString, inode: Inode, other: Inode },
}

impl Op {
    /// The directory whose names it changes.
    pub(super) fn directory(&self) -> Option<Inode> {
        match self {
            Self::Link { dir, .. }
            | Self::Unlink { dir, .. }
            | Self::Rename { dir, .. }
            | Self::Exchange { dir, .. } => Some(*dir),
            Self::Data { .. } | Self::Len { .. } | Self::Owner { .. } | Self::Mode { .. } => None,
        }
    }

    /// What is changed, or gets or loses a name.
    pub(super) fn inode(&self) -> Inode {
        match self {
            Self::Data { inode, .. }
            | Self::Len { inode, .. }
            | Self::Owner { inode, .. }
            | Self::Mode { inode, .. }
            | Self::Link { inode, .. }
            | Self::Unlink { inode, .. }
            | Self::Rename { inode, .. }
            | Self::Exchange { inode, .. } => *inode,
        }
    }

    /// Whether it changes content or length.
    pub(super) fn is_content(&self) -> bool {
        matches!(self, Self::Data { .. } | Self::Len { .. })
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data { inode, offset, bytes } => {
                write!(f, "{} bytes at {offset} of #{inode}", bytes.len())
            }
            Self::Len { inode, from, to } => write!(f, "length {from} to {to} of #{inode}"),
            Self::Owner { inode, uid, gid } => write!(f, "owner {uid}:{gid} of #{inode}"),
            Self::Mode { inode, mode } => write!(f, "mode {mode:o} of #{inode}"),
            Self::Link { name, inode, .. } => write!(f, "{} names #{inode}", name.display()),
            Self::Unlink { name, .. } => write!(f, "{} is gone", name.display()),
            Self::Rename { from, to, inode, .. } => {
                write!(f, "{} becomes {} (#{inode})", from.display(), to.display())
            }
            Self::Exchange { from, to, inode, other, .. } => {
                write!(f, "{} becomes {} (#{inode}), and #{other} the other", from.display(), to.display())
            }
        }
    }
}

/// Everything on a disk. A clone shares what does not change.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Tree {
    nodes: BTreeMap<Inode, Shared>,
}

impl Tree {
    /// A root directory and nothing in it.
    pub(super) fn empty() -> Self {
        let root = Node::dir(0o755);
        Self { nodes: BTreeMap::from([(ROOT, Shared::of(root))]) }
    }

    pub(super) fn node(&self, inode: Inode) -> Option<&Node> {
        self.nodes.get(&inode).map(Shared::node)
    }

    /// Adds something that has no name yet.
    pub(super) fn add(&mut self, inode: Inode, node: Node) {
        self.nodes.insert(inode, Shared::of(node));
    }

    pub(super) fn names(&self, dir: Inode) -> Option<&BTreeMap<OsString, Inode>> {
        match &self.node(dir)?.body {
            Body::Dir(names) => Some(names),
            Body::File { .. } | Body::Link(_) => None,
        }
    }

    pub(super) fn lookup(&self, dir: Inode, name: &OsStr) -> Option<Inode> {
        if name == "." { Some(dir) } else { self.names(dir)?.get(name).copied() }
    }

    pub(super) fn links(&self, inode: Inode) -> u64 {
        let all = self.nodes.keys().filter_map(|dir| self.names(*dir)).flat_map(BTreeMap::values);
        all.filter(|named| **named == inode).count() as u64
    }

    pub(super) fn entry(&self, inode: Inode) -> Option<Entry> {
        let node = self.node(inode)?;
        let (kind, len) = match &node.body {
            Body::File { len, .. } => (Kind::File, *len),
            Body::Dir(_) => (Kind::Directory, 0),
            Body::Link(_) => (Kind::Symlink, 0),
        };
        let (mode, uid, gid) = (node.mode, node.uid, node.gid);
        let id = FileId { device: 0, inode: i128::from(inode) };
        let links = self.links(inode);
        Some(Entry { kind, mode, uid, gid, links, len, id, modified_ns: 0, changed_ns: 0 })
    }

    /// The bytes of all files that have a name.
    pub(super) fn used(&self) -> u64 {
        let files = self.nodes.iter().filter(|(inode, _)| self.links(**inode) > 0);
        files.map(|(_, shared)| shared.node().len()).sum()
    }

    /// Makes a change. A change whose object an earlier one would have made, and that was lost, does what is
    /// left of it.
    pub(super) fn apply(&mut self, op: &Op) {
        match op {
            Op::Data { inode, offset, bytes } => self.change(*inode, |node| node.store(*offset, bytes)),
            Op::Len { inode, from, to } => self.change(*inode, |node| node.set_len(*from, *to)),
            Op::Owner { inode, uid, gid } => self.change(*inode, |node| {
                (node.uid, node.gid) = (*uid, *gid);
                node.mode &= !SET_ID;
            }),
            Op::Mode { inode, mode } => self.change(*inode, |node| node.mode = *mode),
            Op::Link { dir, name, inode } => self.rename_in(*dir, |names| {
                names.insert(name.clone(), *inode);
            }),
            Op::Unlink { dir, name, .. } => self.rename_in(*dir, |names| {
                names.remove(name);
            }),
            Op::Rename { dir, from, to, inode } => self.rename_in(*dir, |names| {
                if names.get(from) == Some(inode) {
                    names.remove(from);
                }
                names.insert(to.clone(), *inode);
            }),
            Op::Exchange { dir, from, to, inode, other } => self.rename_in(*dir, |names| {
                names.insert(to.clone(), *inode);
                names.insert(from.clone(), *other);
            }),
        }
    }

    fn change(&mut self, inode: Inode, change: impl FnOnce(&mut Node)) {
        if let Some(shared) = self.nodes.get_mut(&inode) {
            let mut node = shared.node().clone();
            change(&mut node);
            *shared = Shared::of(node);
        }
    }

    fn rename_in(&mut self, dir: Inode, change: impl FnOnce(&mut BTreeMap<OsString, Inode>)) {
        self.change(dir, |node| {
            if let Body::Dir(names) = &mut node.body {
                change(names);
            }
        });
    }

    /// What a person who mounts the disk sees: only what has a name, numbered in the order of names, and of
    /// files only what is within their length. Equal states become equal values by this.
    pub(super) fn mounted(&self) -> Self {
        let mut numbers = BTreeMap::from([(ROOT, ROOT)]);
        let mut seen = vec![ROOT];
        let mut next = 0;
        while let Some(dir) = seen.get(next).copied() {
            next += 1;
            for inode in self.names(dir).into_iter().flat_map(BTreeMap::values) {
                let number = ROOT + numbers.len() as u64;
                if self.node(*inode).is_some() && !numbers.contains_key(inode) {
                    numbers.insert(*inode, number);
                    seen.push(*inode);
                }
            }
        }
        let nodes = numbers
            .iter()
            .filter_map(|(inode, number)| Some((*number, Shared::of(self.node(*inode)?.mounted(&numbers)))));
        Self { nodes: nodes.collect() }
    }

    /// The first number that nothing has.
    pub(super) fn unused(&self) -> Inode {
        self.nodes.keys().next_back().map_or(ROOT, |last| last + 1)
    }
}

/// A node with its hash: thousands of states are compared, and most have most nodes in common.
#[derive(Debug, Clone)]
struct Shared(Arc<(u64, Node)>);

impl Shared {
    fn of(node: Node) -> Self {
        Self(Arc::new((BuildHasherDefault::<DefaultHasher>::default().hash_one(&node), node)))
    }

    fn node(&self) -> &Node {
        &self.0.1
    }
}

impl PartialEq for Shared {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Eq for Shared {}

impl Hash for Shared {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.0);
    }
}

impl Node {
    pub(super) fn file(contents: &[u8], mode: u32) -> Self {
        let body = Body::File { stored: contents.to_vec(), len: contents.len() as u64 };
        Self { body, mode, uid: 0, gid: 0 }
    }

    pub(super) fn dir(mode: u32) -> Self {
        Self { body: Body::Dir(BTreeMap::new()), mode, uid: 0, gid: 0 }
    }

    pub(super) fn link(target: PathBuf) -> Self {
        Self { body: Body::Link(target), mode: 0o777, uid: 0, gid: 0 }
    }

    pub(super) fn len(&self) -> u64 {
        match &self.body {
            Body::File { len, .. } => *len,
            Body::Dir(_) | Body::Link(_) => 0,
        }
    }

    /// What reading the whole file gives.
    pub(super) fn contents(&self) -> Option<Vec<u8>> {
        let Body::File { stored, len } = &self.body else { return None };
        let mut contents = stored.clone();
        contents.resize(usize::try_from(*len).ok()?, 0);
        Some(contents)
    }

    fn store(&mut self, offset: u64, bytes: &[u8]) {
        let Body::File { stored, .. } = &mut self.body else { return };
        let Ok(start) = usize::try_from(offset) else { return };
        let end = start + bytes.len();
        if stored.len() < end {
            stored.resize(end, 0);
        }
        if let Some(place) = stored.get_mut(start..end) {
            place.copy_from_slice(bytes);
        }
    }

    /// Cutting off frees what was stored behind the new end; lengthening shows what is stored there, which is
    /// what a block holds that was written while the change of the length was lost.
    fn set_len(&mut self, from: u64, to: u64) {
        let Body::File { stored, len } = &mut self.body else { return };
        if let Some(end) = usize::try_from(to).ok().filter(|_| to < from) {
            stored.truncate(end);
        }
        *len = to;
    }

    fn mounted(&self, numbers: &BTreeMap<Inode, Inode>) -> Self {
        let body = match &self.body {
            Body::File { len, .. } => Body::File { stored: self.contents().unwrap_or_default(), len: *len },
            Body::Dir(names) => {
                let known = names.iter();
                let known = known.filter_map(|(name, inode)| Some((name.clone(), *numbers.get(inode)?)));
                Body::Dir(known.collect())
            }
            Body::Link(target) => Body::Link(target.clone()),
        };
        Self { body, ..*self }
    }
}
