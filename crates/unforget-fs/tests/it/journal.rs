//! The journal on a real disk and on a simulated one that does not fail.

mod any_bytes;
mod oracle;
pub(crate) mod processes;
mod reading;
mod refusals;

use std::path::{Path, PathBuf};

use unforget_fs::disk::Disk;
use unforget_fs::sim::{Call, SimDisk};
use unforget_fs::{Error, Files, Journal, JournalError, JournalOptions, LockFile};

pub(crate) const PATH: &str = "/store/journal";

/// Takes no space ahead, so that there is nothing but records.
pub(crate) const BARE: JournalOptions = JournalOptions::new().preallocate(0);

pub(crate) fn disk() -> SimDisk {
    let disk = SimDisk::new();
    disk.put_dir("/store");
    disk
}

pub(crate) fn open(disk: &SimDisk, options: &JournalOptions) -> Journal<SimDisk> {
    Files::on(disk).journal(Path::new(PATH), options).expect("it opens")
}

pub(crate) fn texts<D: Disk>(journal: &Journal<D>) -> Vec<String> {
    journal.records().map(|record| record.text().to_owned()).collect()
}

fn real() -> (tempfile::TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("journal");
    (root, path)
}

#[test]
fn what_was_appended_is_there_in_order_when_it_is_opened_again() {
    let (_root, path) = real();
    let options = JournalOptions::default();
    let mut journal = Journal::open(&path, &options).unwrap();
    assert_eq!(journal.append(&["\"a\""]).unwrap(), 1..2);
    assert_eq!(journal.append(&["\"b\"", "{\"c\":\"ü\"}"]).unwrap(), 2..4);
    assert_eq!(journal.append::<&str>(&[]).unwrap(), 4..4);
    assert_eq!(journal.write(&["4"]).unwrap(), 4..5);
    assert_eq!(journal.acknowledged(), 3, "what is not synced is not acknowledged");
    journal.sync().unwrap();
    assert_eq!(journal.acknowledged(), 4);
    journal.close().unwrap();
    let journal = Journal::open(&path, &options).unwrap();
    assert_eq!(texts(&journal), ["\"a\"", "\"b\"", "{\"c\":\"ü\"}", "4"]);
    assert_eq!(journal.records().map(|record| record.seq()).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!((journal.acknowledged(), journal.torn_tail()), (4, None));
}

#[test]
fn compaction_forgets_what_was_replayed_and_numbers_go_on() {
    let disk = disk();
    let mut journal = open(&disk, &BARE);
    journal.append(&["1", "2", "3"]).unwrap();
    journal.write(&["4"]).unwrap();
    journal.compact(99).unwrap();
    assert_eq!(texts(&journal), ["4"], "what was not acknowledged stays");
    assert_eq!(journal.acknowledged(), 4, "the new file is durable");
    journal.compact(2).unwrap();
    assert_eq!(texts(&journal), ["4"], "an earlier number forgets nothing");
    journal.compact(4).unwrap();
    assert_eq!(journal.append(&["5"]).unwrap(), 5..6);
    drop(journal);
    let journal = open(&disk, &BARE);
    assert_eq!(texts(&journal), ["5"]);
    assert_eq!(journal.records().next().unwrap().seq(), 5);
}

#[test]
fn one_journal_at_a_time_appends() {
    let (_root, path) = real();
    let journal = Journal::open(&path, &BARE).unwrap();
    let lock = path.with_file_name("journal.lock");
    let holder = LockFile::holder(&lock).unwrap().expect("the journal wrote who has it");
    assert_eq!(holder.pid, std::process::id());
    let outcome = Journal::open(&path, &BARE);
    assert!(
        matches!(&outcome, Err(Error::Locked { holder: Some(holder), .. }) if holder.pid == std::process::id()),
        "{outcome:?}"
    );
    drop(journal);
    assert_eq!(LockFile::holder(&lock).unwrap(), None);
    Journal::open(&path, &BARE).expect("it was given back");
}

#[test]
fn a_full_journal_says_so_and_compaction_makes_room() {
    let disk = disk();
    let options = BARE.capacity(1000);
    let mut journal = open(&disk, &options);
    let entry = format!("\"{}\"", "x".repeat(300));
    journal.append(&[&entry, &entry]).unwrap();
    let outcome = journal.append(&[&entry]);
    assert!(
        matches!(outcome, Err(Error::Journal(JournalError::Full { needed: 1000.., capacity: 1000, .. }))),
        "{outcome:?}"
    );
    assert_eq!(texts(&journal).len(), 2, "nothing was written");
    journal.compact(1).unwrap();
    journal.append(&[&entry]).expect("there is room again");
    drop(journal);
    assert_eq!(texts(&open(&disk, &BARE.capacity(10))).len(), 2, "a smaller capacity loses nothing");
}

#[test]
fn a_disk_that_became_full_takes_what_there_is_space_for() {
    let disk = disk();
    let options = JournalOptions::new().preallocate(4096);
    let mut journal = open(&disk, &options);
    let used = |disk: &SimDisk| disk.entry_at(PATH).unwrap().len();
    assert_eq!(used(&disk), 4096, "the space is taken before it is needed");
    disk.set_capacity(used(&disk) + disk.entry_at("/store/journal.lock").unwrap().len());
    let entry = format!("\"{}\"", "x".repeat(200));
    let mut appended = 0;
    let error = loop {
        match journal.append(&[&entry]) {
            Ok(_) => appended += 1,
            Err(error) => break error,
        }
    };
    assert!(appended > 12, "{appended} entries of 250 bytes");
    assert!(matches!(&error, Error::Io { operation: "take space for", .. }), "{error:?}");
    assert!(error.is_retryable() && !journal.is_stopped(), "nothing was written and nothing is lost");
    assert!(journal.compact(journal.acknowledged()).is_err(), "a new file beside the old one has no space");
    disk.set_capacity(1 << 20);
    journal.append(&[&entry]).expect("there is space again");
    drop(journal);
    assert_eq!(texts(&open(&disk, &options)).len(), appended + 1);
}

#[test]
fn a_journal_on_a_full_disk_opens_and_goes_on_in_place() {
    let disk = disk();
    let options = JournalOptions::new().preallocate(1024);
    let mut journal = open(&disk, &options);
    journal.append(&["1"]).unwrap();
    drop(journal);
    disk.set_capacity(0);
    let mut journal = open(&disk, &options);
    journal.append(&["2"]).expect("the file has the space");
    assert!(journal.rotate().is_err(), "a new file has not");
    assert!(!journal.is_stopped());
    drop(journal);
    assert_eq!(texts(&open(&disk, &options)), ["1", "2"]);
}

#[test]
fn a_torn_tail_is_cut_and_noted() {
    let disk = disk();
    let mut journal = open(&disk, &BARE);
    journal.append(&["1", "2"]).unwrap();
    drop(journal);
    let mut bytes = disk.read(PATH).unwrap();
    let whole = bytes.len() as u64;
    bytes.extend(b"0badc0de 0badc0de 3 2 11 {\"ent");
    disk.put(PATH, &bytes);
    let mut journal = open(&disk, &BARE);
    let torn = journal.torn_tail().expect("it was found");
    assert_eq!((torn.offset, torn.bytes), (whole, 30));
    assert_eq!(texts(&journal), ["1", "2"]);
    assert_eq!(journal.append(&["3"]).unwrap(), 4..5, "the note of the cut has the number between");
    drop(journal);
    let text = String::from_utf8(disk.read(PATH).unwrap()).unwrap();
    assert!(text.contains(&format!("{{\"recovered\":{{\"at\":{whole},\"bytes\":30}}}}\n")), "{text}");
    assert_eq!(texts(&open(&disk, &BARE)), ["1", "2", "3"]);
}

#[test]
fn on_a_full_disk_the_tail_is_gone_before_anything_is_written_in_its_place() {
    let disk = disk();
    drop(open(&disk, &JournalOptions::new().preallocate(1024)));
    let mut bytes = disk.read(PATH).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    bytes[end..end + 200].fill(b'x');
    disk.put(PATH, &bytes);
    disk.set_capacity(0);
    let journal = open(&disk, &BARE);
    assert_eq!(journal.torn_tail().map(|torn| torn.bytes), Some(200));
    let calls = disk.calls().into_iter().filter(|(_, path)| path == Path::new(PATH)).map(|(call, _)| call);
    let changes: Vec<_> = calls.filter(|call| matches!(call, Call::WriteAt | Call::SyncData)).collect();
    assert_eq!(changes, [Call::WriteAt, Call::SyncData, Call::WriteAt, Call::SyncData]);
    let after = disk.read(PATH).unwrap();
    assert_eq!(after.len(), 1024, "the space is kept");
    assert!(!after.contains(&b'x'));
}
