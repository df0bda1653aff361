//! Bytes that nobody expects, for the recovery of a journal and for the record in its lock file.
//!
//! The functions are also the targets in `fuzz/`.

use std::path::Path;

use unforget_fs::sim::SimDisk;
use unforget_fs::{Error, Files, JournalError, JournalOptions};

const PATH: &str = "/store/journal";
const LOCK: &str = "/store/journal.lock";
const OPTIONS: JournalOptions = JournalOptions::new().preallocate(0);

/// Opens a journal that is anything; whatever it is, what can be read stays readable, and what is refused
/// stays as it is.
pub(crate) fn recover(bytes: &[u8]) {
    let disk = SimDisk::new();
    disk.put(PATH, bytes);
    let before = read(&disk);
    match Files::on(&disk).journal(Path::new(PATH), &OPTIONS) {
        Ok(mut journal) => {
            let found: Vec<_> = journal.records().map(|record| record.text().to_owned()).collect();
            assert_eq!(before.as_deref(), Some(&*found), "a reader sees what a recovery keeps");
            journal.append(&["\"next\""]).expect("it goes on");
            drop(journal);
            let again = read(&disk).expect("it is a journal");
            assert_eq!(again.split_last(), Some((&"\"next\"".to_owned(), &*found)));
        }
        Err(Error::Journal(error)) => {
            assert_eq!(disk.read(PATH).as_deref(), Some(bytes), "{error}: the file is left as it is");
            if let JournalError::Corrupt { copy, .. } = &error {
                let copy = copy.as_ref().expect("a recovery makes a copy");
                assert_eq!(disk.read(copy).as_deref(), Some(bytes));
            }
        }
        Err(error) => panic!("nothing else is wrong with a file in memory: {error:?}"),
    }
}

/// Opens a journal with a valid beginning of `entries`, then `tail`: the beginning is there in every case.
pub(crate) fn keep_intact(entries: u8, tail: &[u8]) {
    let disk = SimDisk::new();
    disk.put_dir("/store");
    let mut journal = Files::on(&disk).journal(Path::new(PATH), &OPTIONS).expect("a new one");
    let texts: Vec<_> = (0..entries % 16).map(|number| format!("\"entry {number}\"")).collect();
    for text in &texts {
        journal.append(&[text]).expect("nothing fails");
    }
    drop(journal);
    let bytes = [&*disk.read(PATH).expect("it is there"), tail].concat();
    disk.put(PATH, &bytes);
    let found = read(&disk).unwrap_or_default();
    assert_eq!(found.get(..texts.len()), Some(&*texts), "what is before the tail is intact");
    recover(&bytes);
}

/// Opens a journal whose lock file is anything: it is a record, or free, or refused and left as it is.
pub(crate) fn lock_record(bytes: &[u8]) {
    let disk = SimDisk::new();
    disk.put(LOCK, bytes);
    match Files::on(&disk).journal(Path::new(PATH), &OPTIONS) {
        Ok(journal) => {
            let held = disk.read(LOCK).expect("it is there");
            assert!(
                held.starts_with(b"{\"v\":1,\"pid\":") && held.ends_with(b"\"}\n"),
                "one record and no more"
            );
            drop(journal);
            let released = disk.read(LOCK).expect("it is never removed");
            assert!(released.starts_with(b"{\"v\":1,\"released\":true,"));
        }
        Err(Error::ForeignContent { .. }) => {
            assert_eq!(disk.read(LOCK).as_deref(), Some(bytes));
        }
        Err(error) => panic!("nothing else is wrong with a file in memory: {error:?}"),
    }
}

/// What a reader gets before it meets damage; `None` if it is no journal.
fn read(disk: &SimDisk) -> Option<Vec<String>> {
    let mut reader = Files::on(disk).journal_reader(Path::new(PATH)).expect("the directory is there");
    match reader.read() {
        Ok(records) => Some(records.iter().map(|record| record.text().to_owned()).collect()),
        Err(Error::Journal(_)) => None,
        Err(error) => panic!("nothing else is wrong with a file in memory: {error:?}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Pieces of journals, so that more than the first line is looked at.
    fn pieces() -> impl Strategy<Value = Vec<u8>> {
        let line = |json: &str, seq: u64, committed: u64| {
            let checked = format!("00000000 {seq} {committed} {} {json}", json.len());
            format!("{:08x} {checked}\n", crc32fast::hash(checked.as_bytes())).into_bytes()
        };
        let json = prop::sample::select(vec![
            "{\"entry\":1}",
            "{\"entry\":",
            "{\"epoch\":{\"v\":1,\"id\":\"0\"}}",
            "{\"epoch\":{\"v\":9,\"id\":\"0\"}}",
            "{\"recovered\":{\"at\":0,\"bytes\":1}}",
            "{}",
        ]);
        let number =
            prop_oneof![Just(0), Just(1), Just(u64::MAX), Just(1 << 63), Just((1 << 63) - 1), 0..9_u64];
        let whole = (json, number.clone(), number).prop_map(move |(json, seq, at)| line(json, seq, at));
        let piece = prop_oneof![
            4 => whole,
            1 => prop::collection::vec(any::<u8>(), 0..80),
            1 => Just(vec![0; 40]),
            1 => "[0-9a-f]{8} [0-9a-f]{8} [0-9]{1,3} [0-9]{1,3} [0-9]{1,4} \\PC{0,20}\n".prop_map(String::into_bytes),
        ];
        prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_bytes_are_recovered_from(bytes in prop_oneof![any::<Vec<u8>>(), pieces()]) {
            recover(&bytes);
        }

        #[test]
        fn an_intact_beginning_is_never_lost(entries in any::<u8>(), tail in prop_oneof![any::<Vec<u8>>(), pieces()]) {
            keep_intact(entries, &tail);
        }

        #[test]
        fn any_bytes_in_a_lock_file_are_a_record_or_refused(
            bytes in prop_oneof![
                any::<Vec<u8>>(),
                "\\{\"v\":[0-9]{1,2},\"(pid|released)\":(true|[0-9]{1,12}),\"fence\":[0-9]{1,20}\\}\n?".prop_map(String::into_bytes),
                "\\{\"v\":1\\PC{0,60}".prop_map(String::into_bytes),
            ],
        ) {
            lock_record(&bytes);
        }
    }
}
