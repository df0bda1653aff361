//! The calls of a disk, simulated.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use unforget_sync::Clock;

use super::SimDisk;
use super::fault::{Call, Failure};
use super::log::Scope;
use super::state::State;
use super::tree::{Body, Inode, Node, Op, ROOT};
use crate::disk::{Disk, Entry, Open, Rename};

/// An open directory of a [`SimDisk`].
#[derive(Debug)]
pub struct SimDir {
    inode: Inode,
    path: PathBuf,
}

/// An open file of a [`SimDisk`].
#[derive(Debug)]
pub struct SimFile {
    disk: SimDisk,
    inode: Inode,
    opening: u64,
    path: PathBuf,
}

impl Drop for SimFile {
    fn drop(&mut self) {
        self.disk.state().unlock(self.inode, self.opening);
    }
}

impl Disk for SimDisk {
    type Dir = SimDir;
    type File = SimFile;

    fn open_dir(&self, at: Option<&SimDir>, path: &Path) -> io::Result<SimDir> {
        let (from, shown) = match at {
            Some(dir) => (dir.inode, dir.path.join(path)),
            None => (ROOT, path.to_owned()),
        };
        self.call(Call::OpenDir, shown.clone(), |state| {
            Ok(SimDir { inode: state.resolve_dir(from, path)?, path: shown })
        })
    }

    fn open(&self, dir: &SimDir, name: &OsStr, how: Open) -> io::Result<SimFile> {
        let path = dir.path.join(name);
        self.call(Call::Open, path.clone(), |state| {
            let inode = match (state.live.lookup(dir.inode, name), how) {
                (Some(_), Open::New) => return Err(io::ErrorKind::AlreadyExists.into()),
                (Some(inode), _) => inode,
                (None, Open::Read | Open::Write | Open::Append) => return Err(io::ErrorKind::NotFound.into()),
                (None, Open::OrCreate | Open::New) => named(state, dir, name, Node::file(&[], 0o600)),
            };
            match state.live.node(inode).map(|node| &node.body) {
                Some(Body::File { .. }) => {}
                Some(Body::Dir(_)) => return Err(io::ErrorKind::IsADirectory.into()),
                _ => return Err(io::Error::other("too many levels of symbolic links")),
            }
            Ok(SimFile { disk: self.clone(), inode, opening: state.opening(), path })
        })
    }

    fn entry(&self, dir: &SimDir, name: &OsStr) -> io::Result<Option<Entry>> {
        self.call(Call::Entry, dir.path.join(name), |state| {
            Ok(state.live.lookup(dir.inode, name).and_then(|inode| state.entry(inode)))
        })
    }

    fn file_entry(&self, file: &SimFile) -> io::Result<Entry> {
        self.call(Call::FileEntry, file.path.clone(), |state| {
            state.entry(file.inode).ok_or_else(|| io::ErrorKind::NotFound.into())
        })
    }

    fn list(&self, dir: &SimDir, limit: usize) -> io::Result<Vec<OsString>> {
        self.call(Call::List, dir.path.clone(), |state| {
            let names = state.live.names(dir.inode).ok_or(io::ErrorKind::NotADirectory)?;
            Ok(names.keys().take(limit).cloned().collect())
        })
    }

    fn read_link(&self, dir: &SimDir, name: &OsStr) -> io::Result<PathBuf> {
        self.call(Call::ReadLink, dir.path.join(name), |state| {
            let inode = state.live.lookup(dir.inode, name).ok_or(io::ErrorKind::NotFound)?;
            match state.live.node(inode).map(|node| &node.body) {
                Some(Body::Link(target)) => Ok(target.clone()),
                _ => Err(io::ErrorKind::InvalidInput.into()),
            }
        })
    }

    fn make_dir(&self, dir: &SimDir, name: &OsStr, mode: u32) -> io::Result<()> {
        self.call(Call::MakeDir, dir.path.join(name), |state| {
            if state.live.lookup(dir.inode, name).is_some() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            named(state, dir, name, Node::dir(mode & 0o755));
            Ok(())
        })
    }

    fn rename(&self, dir: &SimDir, from: &OsStr, to: &OsStr, how: Rename) -> io::Result<()> {
        let call = match how {
            Rename::Replace => Call::Rename,
            Rename::New => Call::RenameNew,
            Rename::Exchange => Call::Exchange,
        };
        self.call(call, dir.path.join(to), |state| {
            let inode = state.live.lookup(dir.inode, from).ok_or(io::ErrorKind::NotFound)?;
            if how == Rename::Exchange {
                let other = state.live.lookup(dir.inode, to).ok_or(io::ErrorKind::NotFound)?;
                let (from, to) = (from.into(), to.into());
                state.change(Op::Exchange { dir: dir.inode, from, to, inode, other });
                return Ok(());
            }
            match state.live.lookup(dir.inode, to) {
                Some(_) if how == Rename::New => return Err(io::ErrorKind::AlreadyExists.into()),
                // Two names of one file: POSIX says that this does nothing.
                Some(taken) if taken == inode => return Ok(()),
                Some(taken) if state.live.names(taken).is_some() => {
                    return Err(io::ErrorKind::IsADirectory.into());
                }
                _ => {}
            }
            state.change(Op::Rename { dir: dir.inode, from: from.into(), to: to.into(), inode });
            Ok(())
        })
    }

    fn link(&self, dir: &SimDir, from: &OsStr, to: &OsStr) -> io::Result<()> {
        self.call(Call::Link, dir.path.join(to), |state| {
            let inode = state.live.lookup(dir.inode, from).ok_or(io::ErrorKind::NotFound)?;
            if state.live.lookup(dir.inode, to).is_some() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            state.change(Op::Link { dir: dir.inode, name: to.into(), inode });
            Ok(())
        })
    }

    fn unlink(&self, dir: &SimDir, name: &OsStr) -> io::Result<()> {
        self.call(Call::Unlink, dir.path.join(name), |state| {
            let inode = state.live.lookup(dir.inode, name).ok_or(io::ErrorKind::NotFound)?;
            if state.live.names(inode).is_some() {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            state.change(Op::Unlink { dir: dir.inode, name: name.into(), inode });
            Ok(())
        })
    }

    fn read_at(&self, file: &SimFile, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let (state, failure) = self.begin(Call::ReadAt, file.path.clone());
        if let Some(error) = failure.and_then(Failure::error) {
            return Err(error);
        }
        let contents = state.live.node(file.inode).and_then(Node::contents).unwrap_or_default();
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(contents.len());
        let rest = contents.get(start..).unwrap_or_default();
        let count = shortened(failure, rest.len().min(buffer.len()));
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        Ok(count)
    }

    fn write_at(&self, file: &SimFile, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.write(Call::WriteAt, file, bytes, Some(offset))
    }

    fn append(&self, file: &SimFile, bytes: &[u8]) -> io::Result<usize> {
        self.write(Call::Append, file, bytes, None)
    }

    fn set_len(&self, file: &SimFile, len: u64) -> io::Result<()> {
        self.call(Call::SetLen, file.path.clone(), |state| state.set_len(file.inode, len))
    }

    fn set_owner(&self, file: &SimFile, uid: u32, gid: u32) -> io::Result<()> {
        self.call(Call::SetOwner, file.path.clone(), |state| {
            state.change(Op::Owner { inode: file.inode, uid, gid });
            Ok(())
        })
    }

    fn set_mode(&self, file: &SimFile, mode: u32) -> io::Result<()> {
        self.call(Call::SetMode, file.path.clone(), |state| {
            state.change(Op::Mode { inode: file.inode, mode });
            Ok(())
        })
    }

    fn sync_all(&self, file: &SimFile) -> io::Result<()> {
        self.sync(Call::SyncAll, &file.path, file.inode, Scope::All)
    }

    fn sync_data(&self, file: &SimFile) -> io::Result<()> {
        self.sync(Call::SyncData, &file.path, file.inode, Scope::Content)
    }

    fn sync_dir(&self, dir: &SimDir) -> io::Result<()> {
        self.sync(Call::SyncDir, &dir.path, dir.inode, Scope::Names)
    }

    fn try_lock(&self, file: &SimFile) -> io::Result<bool> {
        self.call(Call::TryLock, file.path.clone(), |state| Ok(state.try_lock(file.inode, file.opening)))
    }

    fn unlock(&self, file: &SimFile) {
        self.state().unlock(file.inode, file.opening);
    }

    fn show(&self, dir: &SimDir, name: &OsStr) -> PathBuf {
        dir.path.join(name)
    }

    fn user(&self) -> u32 {
        0
    }

    fn is_sharing_violation(&self, error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::ResourceBusy
    }

    fn clock(&self) -> &dyn Clock {
        &self.shared.clock
    }
}

impl SimDisk {
    /// Without an offset, at the end.
    fn write(&self, call: Call, file: &SimFile, bytes: &[u8], offset: Option<u64>) -> io::Result<usize> {
        let (mut state, failure) = self.begin(call, file.path.clone());
        if let Some(error) = failure.and_then(Failure::error) {
            return Err(error);
        }
        let offset = offset.unwrap_or_else(|| state.live.node(file.inode).map_or(0, Node::len));
        let count = shortened(failure, bytes.len());
        state.write(file.inode, bytes.get(..count).unwrap_or_default(), offset)
    }

    /// A failure that gives up is part of the history; an interruption leaves everything as it was.
    fn sync(&self, call: Call, path: &Path, on: Inode, scope: Scope) -> io::Result<()> {
        let (mut state, failure) = self.begin(call, path.to_owned());
        let error = failure.and_then(Failure::error);
        if error.is_none() || failure.is_some_and(Failure::gives_up) {
            state.sync(on, scope, error.is_none());
        }
        error.map_or(Ok(()), Err)
    }
}

/// Makes something and gives it a name.
fn named(state: &mut State, dir: &SimDir, name: &OsStr, node: Node) -> Inode {
    let inode = state.born(node);
    state.change(Op::Link { dir: dir.inode, name: name.into(), inode });
    inode
}

/// A short call does half, and always something.
fn shortened(failure: Option<Failure>, count: usize) -> usize {
    if failure == Some(Failure::Short) { count.div_ceil(2) } else { count }
}
