//! Readers beside a writer.

use std::path::Path;
use std::sync::{Arc, Mutex};

use unforget_fs::sim::SimDisk;
use unforget_fs::{Files, JournalOptions, JournalReader};

use super::{BARE, PATH, disk, open};

fn reader(disk: &SimDisk) -> JournalReader<SimDisk> {
    Files::on(disk).journal_reader(Path::new(PATH)).expect("its directory is there")
}

fn numbers(reader: &mut JournalReader<SimDisk>) -> Vec<u64> {
    reader.read().expect("nothing is damaged").iter().map(unforget_fs::JournalRecord::seq).collect()
}

#[test]
fn a_reader_gets_each_record_once_over_rotations() {
    let disk = disk();
    let mut reader = reader(&disk);
    assert_eq!(numbers(&mut reader), [0_u64; 0], "there is no journal yet");
    let mut journal = open(&disk, &BARE);
    journal.append(&["1", "2"]).unwrap();
    assert_eq!(numbers(&mut reader), [1, 2]);
    assert_eq!(numbers(&mut reader), [0_u64; 0]);
    journal.append(&["3"]).unwrap();
    journal.rotate().unwrap();
    journal.append(&["4"]).unwrap();
    journal.rotate().unwrap();
    assert_eq!(numbers(&mut reader), [3, 4]);
    journal.compact(4).unwrap();
    journal.append(&["5"]).unwrap();
    assert_eq!(numbers(&mut reader), [5]);
    assert_eq!(reader.missed(), 0);
    journal.append(&["6"]).unwrap();
    journal.rotate().unwrap();
    journal.append(&["7", "8"]).unwrap();
    journal.compact(8).unwrap();
    assert_eq!(numbers(&mut reader), [6], "the file that the reader has is read to its end");
    assert_eq!(reader.missed(), 2, "the others were gone before they were read");
}

/// What a writer does while a reader is between two of its calls.
fn write_much(disk: &SimDisk, from: u64) {
    let mut journal = open(disk, &JournalOptions::new().preallocate(256));
    for number in from..from + 3 {
        journal.append(&[format!("{number}")]).expect("nothing fails");
    }
    journal.rotate().expect("nothing fails");
    journal.append(&[format!("{}", from + 3)]).expect("nothing fails");
}

#[test]
fn a_writer_between_any_two_calls_of_a_reader_disturbs_it_not() {
    for nth in 1..=12 {
        let disk = disk();
        write_much(&disk, 1);
        let mut reader = reader(&disk);
        disk.before(nth, |disk| write_much(disk, 5));
        // One reading makes up to seven calls; the last begins when the writer is done.
        let found: Vec<_> = (0..6).flat_map(|_| numbers(&mut reader)).collect();
        assert_eq!(found, [1, 2, 3, 4, 5, 6, 7, 8], "before call {nth}");
    }
}

#[test]
fn a_reading_that_falls_behind_a_writer_does_not_see_damage() {
    // The file is longer than one read, so that the writer can come between two of them.
    let options = JournalOptions::new().preallocate(200 << 10);
    let filler = format!("\"{}\"", "x".repeat(30 << 10));
    for nth in 1..=8 {
        let disk = disk();
        let mut journal = open(&disk, &options);
        journal.append(&[&filler]).unwrap();
        let journal = Arc::new(Mutex::new(journal));
        let writer = Arc::clone(&journal);
        let entry = filler.clone();
        let mut reader = reader(&disk);
        assert_eq!(numbers(&mut reader), [1]);
        disk.before(nth, move |_| {
            for _ in 0..4 {
                writer.lock().unwrap().append(&[&entry]).expect("nothing fails");
            }
        });
        let mut found = numbers(&mut reader);
        found.extend(numbers(&mut reader));
        assert_eq!(found, [2, 3, 4, 5], "before call {nth}");
    }
}
