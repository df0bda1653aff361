//! Files are replaced whole, in place, with what they had.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;

use unforget_fs::{Durability, Error, ReplaceOptions, SymlinkPolicy, replace, replace_if, sweep_orphans};

use crate::child::{Child, Part, is_root, names_in, say, wait_until};

const OPTIONS: ReplaceOptions = ReplaceOptions::new();

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("our file");
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("it exists").mode() & 0o7777
}

#[test]
fn keeps_mode() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("file");
    fs::write(&path, "old").unwrap();
    for kept in [0o600, 0o644, 0o640, 0o755, 0o444, 0o4755, 0o2750] {
        set_mode(&path, kept);
        replace(&path, b"new", &OPTIONS).unwrap();
        assert_eq!(mode(&path), kept, "mode {kept:o} is kept");
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }
}

#[test]
fn keeps_owner_and_what_a_change_of_owner_clears() {
    if !is_root() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("file");
        fs::write(&path, "old").unwrap();
        let before = fs::metadata(&path).unwrap();
        replace(&path, b"new", &OPTIONS).unwrap();
        let after = fs::metadata(&path).unwrap();
        assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("file");
    fs::write(&path, "old").unwrap();
    chown(&path, Some(12_345), Some(54_321)).unwrap();
    set_mode(&path, 0o6755);
    replace(&path, b"new", &OPTIONS).unwrap();
    let after = fs::metadata(&path).unwrap();
    assert_eq!((after.uid(), after.gid()), (12_345, 54_321), "the owner is kept");
    assert_eq!(mode(&path), 0o6755, "set-user-id and set-group-id survive the change of owner");
}

#[test]
fn a_new_file_has_the_mode_it_was_asked_to_have() {
    let root = tempfile::tempdir().unwrap();
    let (private, shared) = (root.path().join("private"), root.path().join("shared"));
    replace(&private, b"", &OPTIONS).unwrap();
    replace(&shared, b"", &OPTIONS.new_file_mode(0o666)).unwrap();
    assert_eq!(mode(&private), 0o600, "private unless it was asked otherwise");
    assert_eq!(mode(&shared), 0o666, "the umask does not decide");
    assert_eq!(fs::metadata(&private).unwrap().len(), 0, "empty content is content");
}

#[test]
fn a_bare_name_is_in_the_working_directory() {
    // No chdir: it would move the other tests of this process. A missing file in a missing place shows where
    // it looks.
    let error = replace(Path::new("no-such-directory/file"), b"", &OPTIONS).unwrap_err();
    assert!(error.to_string().ends_with("no-such-directory"), "{error}");
}

#[test]
fn a_symlink_is_refused_by_default() {
    let root = tempfile::tempdir().unwrap();
    let (target, link) = (root.path().join("target"), root.path().join("link"));
    fs::write(&target, "old").unwrap();
    symlink("target", &link).unwrap();
    let outcome = replace(&link, b"new", &OPTIONS);
    assert!(matches!(&outcome, Err(Error::Symlink { path }) if *path == link), "{outcome:?}");
    assert_eq!(fs::read(&target).unwrap(), b"old", "nothing was written through the link");
    assert_eq!(names_in(root.path()), ["link", "target"]);
}

#[test]
fn a_followed_symlink_stays_and_its_target_is_replaced() {
    let root = tempfile::tempdir().unwrap();
    let elsewhere = root.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let target = elsewhere.join("target");
    fs::write(&target, "old").unwrap();
    set_mode(&target, 0o640);
    symlink("elsewhere/inner", root.path().join("link")).unwrap();
    symlink("target", elsewhere.join("inner")).unwrap();
    let options = OPTIONS.symlinks(SymlinkPolicy::Follow);
    replace(&root.path().join("link"), b"new", &options).unwrap();
    assert_eq!(fs::read(&target).unwrap(), b"new");
    assert_eq!(mode(&target), 0o640, "the mode of the target, not of a link");
    assert!(root.path().join("link").is_symlink() && elsewhere.join("inner").is_symlink(), "links stay");
    assert_eq!(names_in(&elsewhere), ["inner", "target"]);
}

#[test]
fn a_followed_symlink_to_nothing_makes_its_target() {
    let root = tempfile::tempdir().unwrap();
    symlink(root.path().join("target"), root.path().join("link")).unwrap();
    replace(&root.path().join("link"), b"new", &OPTIONS.symlinks(SymlinkPolicy::Follow)).unwrap();
    assert_eq!(fs::read(root.path().join("target")).unwrap(), b"new");
    assert!(root.path().join("link").is_symlink());
}

#[test]
fn a_replaced_symlink_becomes_a_private_file() {
    let root = tempfile::tempdir().unwrap();
    let (target, link) = (root.path().join("target"), root.path().join("link"));
    fs::write(&target, "old").unwrap();
    symlink("target", &link).unwrap();
    replace(&link, b"new", &OPTIONS.symlinks(SymlinkPolicy::ReplaceLink)).unwrap();
    assert!(!link.is_symlink());
    assert_eq!((fs::read(&link).unwrap(), fs::read(&target).unwrap()), (b"new".to_vec(), b"old".to_vec()));
    assert_eq!(mode(&link), 0o600, "the mode 0777 of a link is nobody's wish");
}

#[test]
fn a_hard_link_keeps_the_old_content_of_a_replaced_file() {
    let root = tempfile::tempdir().unwrap();
    let (path, other) = (root.path().join("file"), root.path().join("other"));
    fs::write(&other, "old").unwrap();
    fs::hard_link(&other, &path).unwrap();
    replace(&path, b"new", &OPTIONS).unwrap();
    assert_eq!((fs::read(&path).unwrap(), fs::read(&other).unwrap()), (b"new".to_vec(), b"old".to_vec()));
    assert_eq!(fs::metadata(&path).unwrap().nlink(), 1, "the new file has no second name");
}

#[test]
fn names_of_255_bytes_are_replaced() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("x".repeat(255));
    replace(&path, b"first", &OPTIONS).unwrap();
    replace(&path, b"second", &OPTIONS).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"second");
    assert_eq!(names_in(root.path()).len(), 1);
}

#[test]
fn a_parent_that_is_swapped_does_not_redirect_the_write() {
    let root = tempfile::tempdir().unwrap();
    let (parent, moved) = (root.path().join("parent"), root.path().join("moved"));
    let trap = root.path().join("trap");
    fs::create_dir(&parent).unwrap();
    fs::create_dir(&trap).unwrap();
    replace_if(&parent.join("file"), b"new", &OPTIONS, || {
        fs::rename(&parent, &moved).unwrap();
        symlink(&trap, &parent).unwrap();
        Ok::<(), Error>(())
    })
    .unwrap();
    assert_eq!(fs::read(moved.join("file")).unwrap(), b"new", "it is where the call began");
    assert!(names_in(&trap).is_empty(), "nothing was written through the swapped parent");
}

const STORM: u32 = 150;
const STORM_SIZE: usize = 100_000;

pub(crate) fn storm(part: &Part) {
    let options = OPTIONS.durability(Durability::None);
    for round in 0..part.times {
        let letter = b'a' + u8::try_from(round % 26).expect("a letter");
        replace(&part.path, &vec![letter; STORM_SIZE], &options).expect("replaced");
    }
    say("done");
}

/// Reads the file, which is whole and one writer's, and says which letter it is made of.
fn letter_of_whole(path: &Path) -> u8 {
    let content = fs::read(path).expect("there is always a file");
    assert_eq!(content.len(), STORM_SIZE, "the file is whole");
    let first = content[0];
    assert!(content.iter().all(|byte| *byte == first), "the file is one writer's");
    first
}

#[test]
fn writers_that_are_killed_leave_a_whole_file_and_what_a_sweep_removes() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("file");
    for killed in 0..20 {
        fs::write(&path, vec![b'-'; STORM_SIZE]).unwrap();
        let mut writer = Child::start("replace::storm", &path, u32::MAX);
        wait_until("the writer replaced the file", || letter_of_whole(&path) != b'-');
        // Another moment of a replacement for each.
        for _ in 0..killed {
            letter_of_whole(&path);
        }
        writer.kill();
        letter_of_whole(&path);
    }
    sweep_orphans(root.path()).expect("swept");
    assert_eq!(names_in(root.path()), ["file"], "what the killed were writing is gone");
}

#[test]
fn readers_never_see_a_part_of_a_file() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("file");
    fs::write(&path, vec![b'-'; STORM_SIZE]).unwrap();
    let writers: Vec<_> = (0..2).map(|_| Child::start("replace::storm", &path, STORM)).collect();
    let done = std::sync::atomic::AtomicBool::new(false);
    let seen: HashSet<u8> = std::thread::scope(|scope| {
        let read = || {
            let mut seen = HashSet::new();
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                seen.insert(letter_of_whole(&path));
            }
            seen
        };
        let readers = [scope.spawn(read), scope.spawn(read)];
        for writer in writers {
            assert_eq!(writer.finish(), ["done"]);
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        readers.into_iter().flat_map(|reader| reader.join().expect("a reader")).collect()
    });
    assert!(seen.len() > 2, "the readers ran while the file changed: {}", seen.len());
    assert_eq!(names_in(root.path()), ["file"], "no temporary file remains");
}
