//! What a journal refuses, and that it leaves it as it is.

use std::path::Path;

use unforget_fs::sim::{Call, Failure, Fault, SimDisk};
use unforget_fs::{Error, Files, Journal, JournalError, JournalReader};

use super::{BARE, PATH, disk, open, real, texts};

fn refusal(disk: &SimDisk) -> JournalError {
    match Files::on(disk).journal(Path::new(PATH), &BARE) {
        Err(Error::Journal(error)) => error,
        other => panic!("it was not refused: {other:?}"),
    }
}

/// The first place where `what` is in the file.
fn find(bytes: &[u8], what: &[u8]) -> usize {
    bytes.windows(what.len()).position(|window| window == what).expect("it is there")
}

/// A journal of five entries, each of them acknowledged alone.
fn with_five() -> (SimDisk, Vec<u8>) {
    let disk = disk();
    let mut journal = open(&disk, &BARE);
    for number in 1..=5 {
        journal.append(&[format!("\"entry {number}\"")]).unwrap();
    }
    drop(journal);
    let bytes = disk.read(PATH).unwrap();
    (disk, bytes)
}

#[test]
fn damage_in_the_middle_is_reported_and_everything_before_it_is_kept() {
    for number in 1..=4 {
        let (disk, mut bytes) = with_five();
        let at = find(&bytes, format!("entry {number}").as_bytes());
        let begins = bytes[..at].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
        bytes[at] ^= 1;
        disk.put(PATH, &bytes);
        let error = refusal(&disk);
        let JournalError::Corrupt { offset, seq, copy: Some(copy), .. } = error else {
            panic!("record {number} had been durable: {error:?}");
        };
        assert_eq!((offset, seq), (begins as u64, number));
        assert_eq!(disk.read(PATH).unwrap(), bytes, "the file is left as it is");
        assert_eq!(disk.read(&copy).unwrap(), bytes, "and copied aside");
        let names = disk.names("/store").len();
        assert!(
            matches!(refusal(&disk), JournalError::Corrupt { .. }),
            "it does not become good by asking again"
        );
        assert_eq!(disk.names("/store").len(), names, "one damage is copied once");

        let mut reader = Files::on(&disk).journal_reader(Path::new(PATH)).unwrap();
        if number > 1 {
            let before = reader.read().expect("what is before the damage");
            assert_eq!(before.len() as u64, number - 1);
        }
        let outcome = reader.read();
        assert!(
            matches!(outcome, Err(Error::Journal(JournalError::Corrupt { copy: None, .. }))),
            "then the damage: {outcome:?}"
        );
    }
}

#[test]
fn damage_to_what_a_compaction_kept_is_found_though_nothing_was_appended() {
    let (disk, _) = with_five();
    drop(open(&disk, &BARE));
    for damage in [
        |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() - 20),
        |bytes: &mut Vec<u8>| {
            let at = find(bytes, b"entry 5");
            bytes[at] ^= 4;
        },
    ] {
        let bytes = disk.read(PATH).unwrap();
        let mut damaged = bytes.clone();
        damage(&mut damaged);
        disk.put(PATH, &damaged);
        assert!(matches!(refusal(&disk), JournalError::Corrupt { seq: 5, .. }));
        disk.put(PATH, &bytes);
    }
}

#[test]
fn the_last_record_of_a_crash_is_a_torn_tail_and_no_damage() {
    let (disk, mut bytes) = with_five();
    let at = find(&bytes, b"entry 5");
    bytes[at] ^= 1;
    disk.put(PATH, &bytes);
    let journal = open(&disk, &BARE);
    assert_eq!(texts(&journal).len(), 4);
    assert!(journal.torn_tail().is_some());
}

#[test]
fn a_line_that_does_not_continue_the_one_before_is_no_record() {
    let (disk, bytes) = with_five();
    let lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    // The last line of the same journal, written behind another beginning: whole, and with the next number.
    let stray = String::from_utf8(lines[5].to_vec()).unwrap();
    let checked = stray[9..].trim_end().replacen(&stray[9..17], "0badc0de", 1);
    let stray = format!("{:08x} {checked}\n", crc32fast::hash(checked.as_bytes()));
    disk.put(PATH, &[&lines[..5].concat(), stray.as_bytes()].concat());
    let journal = open(&disk, &BARE);
    assert_eq!(texts(&journal).len(), 4);
    assert!(journal.torn_tail().is_some(), "it is what a crash left");
}

#[test]
fn a_file_that_is_no_journal_is_left_as_it_is() {
    for content in [&b""[..], b"hello\n", &[0; 700], b"00000000 00000000 0 0 2 {}\n"] {
        let disk = disk();
        disk.put(PATH, content);
        assert!(matches!(refusal(&disk), JournalError::Foreign { .. }), "{}", content.escape_ascii());
        assert_eq!(disk.read(PATH).unwrap(), content);
    }
}

#[test]
fn a_damaged_first_line_is_damage_and_not_somebody_elses_file() {
    let (disk, mut bytes) = with_five();
    bytes[20] ^= 1;
    disk.put(PATH, &bytes);
    let error = refusal(&disk);
    assert!(matches!(error, JournalError::Corrupt { offset: 0, copy: Some(_), .. }), "{error:?}");
}

#[test]
fn a_later_version_is_left_to_the_program_that_wrote_it() {
    let disk = disk();
    let json = "{\"epoch\":{\"v\":2,\"id\":\"0123456789abcdef\"}}";
    let line = format!("00000000 0 0 {} {json}", json.len());
    let content = format!("{:08x} {line}\n", crc32fast::hash(line.as_bytes()));
    disk.put(PATH, content.as_bytes());
    assert!(matches!(refusal(&disk), JournalError::Newer { version: 2, .. }), "{content}");
    assert_eq!(disk.read(PATH).unwrap(), content.as_bytes());
}

#[test]
fn an_entry_that_is_not_one_json_line_is_refused_and_nothing_is_written() {
    let disk = disk();
    let mut journal = open(&disk, &BARE);
    let before = disk.read(PATH);
    let long = format!("\"{}\"", "x".repeat(1 << 20));
    for (entry, reason) in
        [("", "JSON"), ("{", "JSON"), ("1 2", "JSON"), ("[1,\n2]", "line break"), (&*long, "1 MiB")]
    {
        let outcome = journal.append(&["1", entry]);
        let Err(Error::Journal(JournalError::Invalid { index: 1, reason: said, .. })) = &outcome else {
            panic!("{outcome:?}");
        };
        assert!(said.contains(reason), "{said}");
    }
    assert_eq!(disk.read(PATH), before);
    let longest = format!("\"{}\"", "x".repeat((1 << 20) - 2));
    journal.append(&[&longest]).expect("the limit itself");
    drop(journal);
    assert_eq!(texts(&open(&disk, &BARE)), [longest]);
}

#[test]
fn a_file_that_others_replaced_is_not_written_to() {
    let (_root, path) = real();
    let mut journal = Journal::open(&path, &BARE).unwrap();
    journal.append(&["1"]).unwrap();
    std::fs::rename(&path, path.with_extension("moved")).unwrap();
    let outcome = journal.append(&["2"]);
    assert!(matches!(outcome, Err(Error::Journal(JournalError::Replaced { .. }))), "{outcome:?}");
    journal.rotate().expect("all of it is in memory");
    journal.append(&["2"]).unwrap();
    std::fs::remove_file(path.with_file_name("journal.lock")).unwrap();
    let outcome = journal.append(&["3"]);
    assert!(matches!(outcome, Err(Error::LockReplaced { .. })), "nobody is excluded any more: {outcome:?}");
    assert!(matches!(journal.rotate(), Err(Error::LockReplaced { .. })));
    drop(journal);
    assert_eq!(texts(&Journal::open(&path, &BARE).unwrap()), ["1", "2"]);
}

#[test]
fn a_swapped_directory_redirects_no_rotation() {
    let root = tempfile::tempdir().unwrap();
    let (here, moved) = (root.path().join("here"), root.path().join("moved"));
    std::fs::create_dir(&here).unwrap();
    let path = here.join("journal");
    let mut journal = Journal::open(&path, &BARE).unwrap();
    journal.append(&["1"]).unwrap();
    std::fs::rename(&here, &moved).unwrap();
    std::fs::create_dir(&here).unwrap();
    std::fs::write(&path, "somebody's notes").unwrap();
    journal.rotate().expect("its directory is still there");
    journal.append(&["2"]).unwrap();
    drop(journal);
    assert_eq!(std::fs::read(&path).unwrap(), b"somebody's notes", "it is another file");
    assert_eq!(texts(&Journal::open(&moved.join("journal"), &BARE).unwrap()), ["1", "2"]);
}

#[test]
fn without_locks_no_journal_is_opened() {
    let disk = disk();
    disk.fail(Fault::at(1, Failure::Unsupported).only(Call::TryLock).for_ever());
    let outcome = Files::on(&disk).journal(Path::new(PATH), &BARE);
    let Err(error @ Error::LocksUnsupported { .. }) = outcome else { panic!("{outcome:?}") };
    assert!(
        error.to_string().contains("/store/journal.lock has no locks; put the file on a local"),
        "{error}"
    );
    assert_eq!(disk.read(PATH), None, "nobody would be excluded");
}

#[test]
fn damage_is_reported_where_no_copy_can_be_made() {
    let (disk, mut bytes) = with_five();
    let at = find(&bytes, b"entry 2");
    bytes[at] ^= 1;
    disk.put(PATH, &bytes);
    for failure in [Failure::NoSpace, Failure::Denied, Failure::Io] {
        disk.fail(Fault::at(1, failure).only(Call::WriteAt).for_ever());
        let error = refusal(&disk);
        disk.heal();
        assert!(matches!(error, JournalError::Corrupt { seq: 2, copy: None, .. }), "{failure:?}: {error:?}");
        assert_eq!(disk.read(PATH).unwrap(), bytes, "the file is left as it is");
    }
    let error = refusal(&disk);
    assert!(matches!(error, JournalError::Corrupt { copy: Some(_), .. }), "{error:?}");
}

#[test]
fn a_journal_with_a_longest_name_is_opened_and_its_damage_reported() {
    let (root, _) = real();
    let path = root.path().join("j".repeat(250));
    let mut journal = Journal::open(&path, &BARE).expect("with `.lock` it has 255 bytes");
    journal.append(&["1"]).unwrap();
    journal.append(&["2"]).unwrap();
    drop(journal);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[10] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let outcome = Journal::open(&path, &BARE);
    let Err(Error::Journal(JournalError::Corrupt { copy: None, .. })) = outcome else {
        panic!("{outcome:?}")
    };
    let outcome = Journal::open(&root.path().join("j".repeat(251)), &BARE);
    assert!(matches!(outcome, Err(Error::Io { operation: "open", .. })), "its lock has no name: {outcome:?}");
}

#[test]
fn a_file_longer_than_any_journal_is_not_cut_off() {
    let (_root, path) = real();
    Journal::open(&path, &BARE).unwrap().append(&["1"]).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len((1 << 29) + 1).unwrap();
    let outcome = Journal::open(&path, &BARE);
    assert!(matches!(outcome, Err(Error::Journal(JournalError::Foreign { .. }))), "{outcome:?}");
    let outcome = JournalReader::open(&path).unwrap().read();
    assert!(matches!(outcome, Err(Error::Journal(JournalError::Foreign { .. }))), "{outcome:?}");
    assert_eq!(file.metadata().unwrap().len(), (1 << 29) + 1, "it is left as it is");
}

#[test]
fn what_is_no_file_of_ours_is_refused() {
    let (root, path) = real();
    let refused = |what: &str| Journal::open(&path, &BARE).expect_err(what);
    std::os::unix::fs::symlink("elsewhere", &path).unwrap();
    assert!(matches!(refused("a link"), Error::Symlink { .. }));
    std::fs::remove_file(&path).unwrap();
    crate::child::make_fifo(&path);
    assert!(matches!(refused("a FIFO"), Error::NotRegular { .. }));
    std::fs::remove_file(&path).unwrap();
    let lock = root.path().join("journal.lock");
    std::fs::write(&lock, "somebody's notes").unwrap();
    assert!(matches!(refused("a foreign lock file"), Error::ForeignContent { .. }));
    assert_eq!(std::fs::read(&lock).unwrap(), b"somebody's notes");
    std::fs::remove_file(&lock).unwrap();
    std::fs::write(&lock, "").unwrap();
    std::fs::hard_link(&lock, root.path().join("second name")).unwrap();
    assert!(matches!(refused("a lock with two names"), Error::HardLinked { .. }));
}
