//! The disk that programs run on.

use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use unforget_sync::{Clock, SystemClock};

use super::{Disk, Entry, Open, RealDir, Rename};
use crate::{dir, kernel_lock};

/// The disk of this machine, through the operating system.
///
/// On Unix the calls are those of the `*at` family. On Windows directories are paths, they are not synced (the
/// file system journals names by itself), and owner and mode are inherited from the directory.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    type Dir = RealDir;
    type File = File;

    fn open_dir(&self, at: Option<&RealDir>, path: &Path) -> io::Result<RealDir> {
        match at {
            Some(dir) => dir.open_at(path),
            None => RealDir::open(path),
        }
    }

    fn open(&self, dir: &RealDir, name: &OsStr, how: Open) -> io::Result<File> {
        dir.open_file(name, how)
    }

    fn entry(&self, dir: &RealDir, name: &OsStr) -> io::Result<Option<Entry>> {
        dir.entry(name)
    }

    fn file_entry(&self, file: &File) -> io::Result<Entry> {
        dir::entry_of(file)
    }

    fn list(&self, dir: &RealDir, limit: usize) -> io::Result<Vec<OsString>> {
        dir.list(limit)
    }

    fn read_link(&self, dir: &RealDir, name: &OsStr) -> io::Result<PathBuf> {
        dir.read_link(name)
    }

    fn make_dir(&self, dir: &RealDir, name: &OsStr, mode: u32) -> io::Result<()> {
        dir.make_dir(name, mode)
    }

    fn rename(&self, dir: &RealDir, from: &OsStr, to: &OsStr, how: Rename) -> io::Result<()> {
        match how {
            Rename::Replace => dir.rename(from, to),
            Rename::New => dir.rename_new(from, to),
            Rename::Exchange => dir.exchange(from, to),
        }
    }

    fn link(&self, dir: &RealDir, from: &OsStr, to: &OsStr) -> io::Result<()> {
        dir.link(from, to)
    }

    fn unlink(&self, dir: &RealDir, name: &OsStr) -> io::Result<()> {
        dir.unlink(name)
    }

    fn read_at(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        dir::read_at(file, buffer, offset)
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        dir::write_at(file, bytes, offset)
    }

    fn append(&self, file: &File, bytes: &[u8]) -> io::Result<usize> {
        let mut file = file;
        file.write(bytes)
    }

    fn set_len(&self, file: &File, len: u64) -> io::Result<()> {
        file.set_len(len)
    }

    fn set_owner(&self, file: &File, uid: u32, gid: u32) -> io::Result<()> {
        dir::set_owner(file, uid, gid)
    }

    fn set_mode(&self, file: &File, mode: u32) -> io::Result<()> {
        dir::set_mode(file, mode)
    }

    fn sync_all(&self, file: &File) -> io::Result<()> {
        dir::sync_all(file)
    }

    fn sync_data(&self, file: &File) -> io::Result<()> {
        dir::sync_data(file)
    }

    fn sync_dir(&self, dir: &RealDir) -> io::Result<()> {
        dir.sync()
    }

    fn try_lock(&self, file: &File) -> io::Result<bool> {
        match file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(e)) => Err(e),
        }
    }

    fn unlock(&self, file: &File) {
        kernel_lock::unlock(file);
    }

    fn show(&self, dir: &RealDir, name: &OsStr) -> PathBuf {
        dir.join(name)
    }

    fn user(&self) -> u32 {
        dir::user()
    }

    fn is_sharing_violation(&self, error: &io::Error) -> bool {
        cfg!(windows) && crate::sharing::is_violation(error)
    }

    fn clock(&self) -> &dyn Clock {
        &SystemClock
    }
}
