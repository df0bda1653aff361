//! Locking and unlocking a file that stays, with nobody else there.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, fstat, ftruncate, openat, statat};
use unforget_fs::{LockFile, LockOptions, SharedLock, Turnstile};

use crate::table::compare;
use crate::{Effort, contender};

/// As long as ours: what is compared is system calls.
const RECORD: &[u8] = &[b'r'; 380];
const RELEASED: &[u8] = b"{\"v\":1,\"released\":1763712000000000}\n";

/// Every contender locks a file of its own in the same directory.
pub(crate) fn run(effort: Effort, root: &Path) {
    let dir = root.join("locks");
    std::fs::create_dir(&dir).expect("a directory");
    recorded(effort, &dir);
    opened(effort, &dir);
    kept_open(effort, &dir);
}

/// A lock that says who has it, and who had it.
fn recorded(effort: Effort, dir: &Path) {
    let options = LockOptions::new();
    let ours = move |path: &Path| {
        LockFile::try_acquire(path, &options).and_then(LockFile::release).expect("nobody has it");
    };
    let contenders = [
        contender("bare system calls", &dir.join("bare"), effort.locks, bare_recorded),
        contender("unforget-fs LockFile", &dir.join("ours"), effort.locks, ours),
    ];
    compare("open, lock, check, write owner, check, write release, unlock", effort.rounds, &contenders);
}

/// What such a lock cannot do without; the record is not made and not understood.
fn bare_recorded(path: &Path) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = openat(CWD, path.parent().expect("a directory"), flags, Mode::empty()).expect("opened");
    let name = path.file_name().expect("a name");
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(openat(&dir, name, flags, Mode::RUSR | Mode::WUSR).expect("opened"));
    // Regular, ours, and with one name.
    let opened = fstat(&file).expect("known");
    file.try_lock().expect("nobody has it");
    let is_named = || {
        let named = statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW).expect("named");
        let open = fstat(&file).expect("known");
        assert_eq!((named.st_dev, named.st_ino), (open.st_dev, open.st_ino));
    };
    is_named();
    let mut record = [0; 512];
    let read = file.read_at(&mut record, 0).expect("read");
    assert!(read < record.len() && opened.st_nlink == 1, "a record, and one name");
    write(&file, RECORD);
    is_named();
    write(&file, RELEASED);
    file.unlock().expect("unlocked");
}

fn write(file: &File, record: &[u8]) {
    file.write_all_at(record, 0).expect("written");
    ftruncate(file, record.len() as u64).expect("cut");
}

/// A lock taken by path, that says nothing about its holder.
fn opened(effort: Effort, dir: &Path) {
    let contenders = [
        contender("std File::lock, opened each time", &dir.join("std"), effort.locks, |path| {
            let file = open(path);
            file.lock().and_then(|()| file.unlock()).expect("nobody has it");
        }),
        contender("unforget-fs SharedLock", &dir.join("shared"), effort.locks, |path| {
            SharedLock::try_acquire(path).and_then(SharedLock::release).expect("nobody has it");
        }),
        contender("fd-lock, opened each time", &dir.join("fd"), effort.locks, |path| {
            let mut lock = fd_lock::RwLock::new(open(path));
            drop(lock.write().expect("nobody has it"));
        }),
        contender("fs4, opened each time", &dir.join("fs4"), effort.locks, |path| {
            let file = open(path);
            fs4::FileExt::lock(&file).expect("nobody has it");
            fs4::FileExt::unlock(&file).expect("we have it");
        }),
    ];
    compare("open, lock, unlock, close; no owner written", effort.rounds, &contenders);
}

/// A lock that is taken again and again on a file that stays open.
fn kept_open(effort: Effort, dir: &Path) {
    let path = dir.join("kept");
    let std_file = open(&path.with_extension("std"));
    let fs4_file = open(&path.with_extension("fs4"));
    let mut fd_lock = fd_lock::RwLock::new(open(&path.with_extension("fd")));
    let turns = dir.join("turns");
    std::fs::create_dir(&turns).expect("a directory");
    let mut turnstile = Turnstile::open(&turns).expect("opened");
    let contenders = [
        contender("std File::lock", &path, effort.locks, move |_| {
            std_file.lock().and_then(|()| std_file.unlock()).expect("nobody has it");
        }),
        contender("unforget-fs Turnstile, two locks, owner", &path, effort.locks, move |_| {
            drop(turnstile.enter().expect("nobody has it"));
        }),
        contender("fd-lock", &path, effort.locks, move |_| {
            drop(fd_lock.write().expect("nobody has it"));
        }),
        contender("fs4", &path, effort.locks, move |_| {
            fs4::FileExt::lock(&fs4_file).expect("nobody has it");
            fs4::FileExt::unlock(&fs4_file).expect("we have it");
        }),
    ];
    compare("lock, unlock; the file stays open", effort.rounds, &contenders);
}

fn open(path: &Path) -> File {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).expect("opened")
}
