//! The files after every power failure.

use unforget_fs::sim::{Profile, SimDisk};

use super::folder::Folder;

fn open(disk: &SimDisk) -> Folder<SimDisk> {
    let mut folder = Folder::at("/contexts".into(), disk);
    folder.refresh().unwrap();
    folder
}

/// What `ada` has at a mark is what she has after every crash from there on, and the next number is a new one.
#[test]
fn what_was_acknowledged_is_there_after_every_crash_and_numbers_go_on() {
    let disk = SimDisk::new();
    disk.put_dir("/contexts");
    let mut folder = open(&disk);
    for (revision, value) in [Some("1"), None].into_iter().enumerate() {
        let stored = folder.put("ada", value.map(str::to_owned)).unwrap();
        assert_eq!(stored.revision, revision as u64 + 1);
        disk.mark(format!("revision {}", stored.revision));
    }
    folder.put("bob", Some("1".to_owned())).unwrap();
    let verified = disk.verify(
        Profile::PosixWeak,
        1,
        |disk, _| drop(open(disk)),
        |disk, state| {
            let mut folder = open(disk);
            let ada = folder.find("ada").unwrap().cloned();
            let acknowledged =
                (1..=2).filter(|n| state.has_mark(&format!("revision {n}"))).max().unwrap_or(0);
            let revision = ada.as_ref().map_or(0, |ada| ada.revision);
            assert!(
                (acknowledged..=acknowledged + 1).contains(&revision),
                "{revision} of {acknowledged}: {state}"
            );
            let value = ada.and_then(|ada| ada.value);
            let expected = [None, Some("1"), None][usize::try_from(revision).unwrap()];
            assert_eq!(value.as_deref(), expected, "the value of that revision: {state}");
            let all = folder.changed_after(0);
            let last = all.iter().map(|row| row.seq).max().unwrap_or(0);
            assert!(folder.latest() >= last, "a change beyond the last number would never be told: {state}");
            let next = folder.put("cyd", Some("1".to_owned())).unwrap();
            assert!(next.seq > last, "{} after {last}: {state}", next.seq);
        },
    );
    assert!(verified.states > 50, "the crashes were looked at: {verified}");
}
