//! Calls that fail on purpose, full disks, and locks.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::Path;

use unforget_fs::disk::{Disk, Open, Rename};
use unforget_fs::sim::{Call, Failure, Fault, SimDisk};

use super::{create, disk};

#[test]
fn the_nth_call_fails_once_or_from_then_on() {
    let (disk, dir) = disk();
    let look = |name: &str| disk.entry(&dir, OsStr::new(name)).map(|found| found.is_some());
    disk.fail(Fault::at(2, Failure::Denied));
    assert!(look("file").unwrap());
    assert_eq!(look("file").unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert!(look("file").unwrap(), "once");
    disk.fail(Fault::at(2, Failure::Io).for_ever());
    assert!(look("file").unwrap());
    for _ in 0..3 {
        look("file").unwrap_err();
    }
    disk.heal();
    assert!(look("file").unwrap());
    disk.fail(Fault::at(1, Failure::Io).only(Call::SyncDir));
    assert!(look("file").unwrap(), "other calls are not counted");
    disk.sync_dir(&dir).unwrap_err();
    let last = disk.calls().pop();
    assert_eq!(last, Some((Call::SyncDir, "/store".into())), "failed calls are in the trace");
}

#[test]
fn short_calls_do_half() {
    let (disk, dir) = disk();
    let file = disk.open(&dir, OsStr::new("file"), Open::Write).unwrap();
    disk.fail(Fault::at(1, Failure::Short).for_ever());
    assert_eq!(disk.write_at(&file, b"12345", 0).unwrap(), 3);
    assert_eq!(disk.write_at(&file, b"X", 0).unwrap(), 1, "never nothing");
    let mut buffer = [0; 4];
    assert_eq!(disk.read_at(&file, &mut buffer, 0).unwrap(), 2);
    assert_eq!(&buffer, b"X2\0\0");
    disk.set_len(&file, 1).expect("not a call that can be short");
    assert_eq!(disk.read("/store/file").unwrap(), b"X");
}

#[test]
fn a_full_disk_takes_what_fits_and_lets_blocks_be_overwritten() {
    let (disk, dir) = disk();
    disk.set_capacity(15);
    let file = disk.open(&dir, OsStr::new("file"), Open::Write).unwrap();
    assert_eq!(disk.write_at(&file, b"123456", 11).unwrap(), 4, "11 bytes are there, 15 are allowed");
    assert_eq!(disk.write_at(&file, b"6", 15).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(disk.set_len(&file, 16).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(disk.write_at(&file, b"over", 0).unwrap(), 4, "the space is there already");
    disk.unlink(&dir, OsStr::new("file")).unwrap();
    create(&disk, &dir, "next", b"123456789012345");
}

#[test]
fn a_lock_is_of_one_opening_and_ends_with_it() {
    let (disk, dir) = disk();
    let open = || disk.open(&dir, OsStr::new("file"), Open::Read).unwrap();
    let (first, second) = (open(), open());
    assert!(disk.try_lock(&first).unwrap() && disk.try_lock(&first).unwrap());
    assert!(!disk.try_lock(&second).unwrap());
    drop(first);
    assert!(disk.try_lock(&second).unwrap());
}

#[test]
fn names_behave_as_names_do() {
    let disk = SimDisk::new();
    disk.put("/a/file", b"1");
    disk.put_dir("/a/dir");
    disk.put_link("/a/link", "dir/../file");
    disk.put_link("/a/ring", "ring");
    let dir = disk.open_dir(None, Path::new("/a/dir/..")).unwrap();
    let name = OsStr::new;
    let kind = |outcome: std::io::Result<()>| outcome.unwrap_err().kind();
    assert_eq!(disk.read("/a/link").unwrap(), b"1");
    assert!(disk.entry(&dir, name("link")).unwrap().unwrap().is_symlink());
    assert!(disk.open(&dir, name("link"), Open::Read).is_err(), "links are not followed");
    assert!(disk.open_dir(None, Path::new("/a/ring/b")).is_err(), "a ring ends");
    assert_eq!(disk.open_dir(None, Path::new("/a/file")).unwrap_err().kind(), ErrorKind::NotADirectory);
    assert_eq!(disk.open_dir(Some(&dir), Path::new("b")).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(kind(disk.link(&dir, name("file"), name("dir"))), ErrorKind::AlreadyExists);
    assert_eq!(kind(disk.rename(&dir, name("file"), name("link"), Rename::New)), ErrorKind::AlreadyExists);
    assert_eq!(kind(disk.rename(&dir, name("file"), name("dir"), Rename::Replace)), ErrorKind::IsADirectory);
    assert_eq!(kind(disk.unlink(&dir, name("dir"))), ErrorKind::IsADirectory);
    disk.link(&dir, name("file"), name("second")).unwrap();
    assert_eq!(disk.entry_at("/a/file").unwrap().links(), 2);
    disk.rename(&dir, name("file"), name("second"), Rename::Replace).unwrap();
    assert_eq!(disk.names("/a").len(), 5, "two names of one file: nothing happens");
    disk.unlink(&dir, name("second")).unwrap();
    assert_eq!(disk.entry_at("/a/file").unwrap().links(), 1);
}
