//! Replacing a file of 1 KiB durably: content synced, renamed, name synced.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, fsync, openat, renameat};
use unforget_fs::{Durability, ReplaceOptions};

use crate::table::compare;
use crate::{Effort, contender};

const CONTENT: [u8; 1024] = [b'x'; 1024];

/// Every contender replaces a file of its own in the same directory.
pub(crate) fn run(effort: Effort, root: &Path) {
    let dir = root.join("replacing");
    std::fs::create_dir(&dir).expect("a directory");
    let of = |name, replace: fn(&Path)| {
        let path = dir.join(name);
        std::fs::write(&path, "old").expect("a file to replace");
        contender(name, &path, effort.replacements, replace)
    };
    let contenders = [
        of("bare system calls", bare),
        of("unforget-fs replace", ours),
        of("atomic-write-file", atomic_write_file),
        of("atomicwrites", atomicwrites),
        of("tempfile persist + two syncs", tempfile_persist),
    ];
    compare("durable replacement of 1 KiB", effort.rounds, &contenders);
    // Apart from the others, whose syncs would wait for what these leave to be written.
    let contenders =
        [of("unforget-fs replace, not durable", ours_not_durable), of("tempfile persist", tempfile_as_it_is)];
    compare("replacement of 1 KiB, nothing synced", effort.rounds, &contenders);
}

fn ours(path: &Path) {
    unforget_fs::replace(path, &CONTENT, &ReplaceOptions::new()).expect("replaced");
}

fn ours_not_durable(path: &Path) {
    let options = ReplaceOptions::new().durability(Durability::None);
    unforget_fs::replace(path, &CONTENT, &options).expect("replaced");
}

/// What a durable replacement cannot do without: nothing is looked at, locked or kept.
fn bare(path: &Path) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let dir = openat(CWD, parent(path), flags, Mode::empty()).expect("opened");
    bare_in(dir.as_fd(), path);
}

fn bare_in(dir: BorrowedFd<'_>, path: &Path) {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = openat(dir, "bare.tmp", flags, Mode::RUSR | Mode::WUSR).expect("created");
    assert_eq!(rustix::io::write(&file, &CONTENT), Ok(CONTENT.len()), "written at once");
    fsync(&file).expect("synced");
    renameat(dir, "bare.tmp", dir, path.file_name().expect("a name")).expect("renamed");
    fsync(dir).expect("synced");
}

/// Syncs content and directory by itself.
fn atomic_write_file(path: &Path) {
    let mut file = atomic_write_file::AtomicWriteFile::open(path).expect("opened");
    file.write_all(&CONTENT).expect("written");
    file.commit().expect("committed");
}

/// Syncs content and both of its directories by itself.
fn atomicwrites(path: &Path) {
    atomicwrites::AtomicFile::new(path, atomicwrites::AllowOverwrite)
        .write(|file| file.write_all(&CONTENT))
        .expect("committed");
}

/// Its interface leaves the file within reach before it is renamed, so a careful user can sync both.
fn tempfile_persist(path: &Path) {
    let mut file = tempfile::NamedTempFile::new_in(parent(path)).expect("created");
    file.write_all(&CONTENT).expect("written");
    file.as_file().sync_all().expect("synced");
    file.persist(path).expect("renamed");
    File::open(parent(path)).and_then(|dir| dir.sync_all()).expect("synced");
}

fn tempfile_as_it_is(path: &Path) {
    let mut file = tempfile::NamedTempFile::new_in(parent(path)).expect("created");
    file.write_all(&CONTENT).expect("written");
    file.persist(path).expect("renamed");
}

fn parent(path: &Path) -> &Path {
    path.parent().expect("it is in a directory")
}
