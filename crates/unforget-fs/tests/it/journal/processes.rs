//! Writers that are killed, readers in another process, files that may not grow.

use std::path::Path;
use std::process::Command;

use unforget_fs::disk::Disk;
use unforget_fs::{Error, Journal, JournalOptions, JournalReader};

use super::{real, texts};
use crate::child::{Child, Part, say};

/// Small steps, so that space is taken often.
const OPTIONS: JournalOptions = JournalOptions::new().preallocate(2048);

/// How many writers are killed.
const ROUNDS: u32 = 40;

/// How many of the newest records a writer keeps.
const KEPT: u64 = 20;

fn numbers<D: Disk>(journal: &Journal<D>) -> Vec<u64> {
    texts(journal).iter().map(|text| text.parse().expect("a number")).collect()
}

/// Appends numbers that continue those in the journal, says each once it is acknowledged, and rotates and
/// compacts on the way.
pub(crate) fn append(part: &Part) {
    let mut journal = Journal::open(&part.path, &OPTIONS).expect("nobody else has it");
    let first = numbers(&journal).last().map_or(1, |last| last + 1);
    for number in (first..).step_by(2).take(part.times as usize) {
        let both = [number, number + 1].map(|number| number.to_string());
        let appended = journal.append(&both).expect("the disk is good");
        say(&(number + 1).to_string());
        if number % 7 == 0 {
            journal.rotate().expect("the disk is good");
        }
        if number % 11 == 0 {
            journal.compact(appended.end.saturating_sub(KEPT)).expect("the disk is good");
        }
    }
}

#[test]
fn what_a_killed_process_acknowledged_is_recovered() {
    let (_root, path) = real();
    let (mut last, mut cut) = (0, 0);
    for round in 0..ROUNDS {
        let mut child = Child::start("journal::append", &path, u32::MAX);
        // Killed after one acknowledgement more in each round, amid whatever it does then.
        for _ in 0..=round % 13 {
            last = child.hear().expect("it goes on until it is killed").parse().expect("a number");
        }
        child.kill();
        while let Some(said) = child.hear() {
            last = said.parse().expect("a number");
        }
        let journal = Journal::open(&path, &OPTIONS).expect("its lock died with it");
        let found = numbers(&journal);
        cut += u32::from(journal.torn_tail().is_some());
        let (oldest, newest) = (found[0], found[found.len() - 1]);
        assert_eq!(found, (oldest..=newest).collect::<Vec<_>>(), "round {round}: in order, each once");
        assert!(newest >= last && newest <= last + 2, "round {round}: {newest}, {last} was acknowledged");
        assert!(oldest <= last.saturating_sub(KEPT / 2).max(1), "round {round}: {oldest} is the oldest");
    }
    println!("{ROUNDS} writers killed, {last} records acknowledged, {cut} torn tails cut");
}

#[test]
fn a_reader_beside_a_writer_that_rotates_sees_every_record_once() {
    let (_root, path) = real();
    drop(Journal::open(&path, &OPTIONS).unwrap());
    let mut reader = JournalReader::open(&path).unwrap();
    let child = Child::start("journal::append", &path, 150);
    let (mut found, mut readings) = (Vec::new(), 0);
    crate::child::wait_until("the last record", || {
        readings += 1;
        found.extend(reader.read().expect("nothing is damaged").iter().map(unforget_fs::JournalRecord::seq));
        found.last() == Some(&300)
    });
    child.finish();
    let missed = reader.missed();
    println!("{} records in {readings} readings, {missed} compacted before", found.len());
    assert_eq!(found.len() as u64 + missed, 300, "each is given once or known to be missed");
    assert!(found.is_sorted_by(|one, next| one < next), "{found:?}");
}

/// Appends until it is refused, and tells why.
pub(crate) fn append_little(part: &Part) {
    let options = JournalOptions::new().preallocate(u64::from(part.times));
    let mut journal = match Journal::open(&part.path, &options) {
        Ok(journal) => journal,
        Err(error) => return say(&format!("not opened: {error:?}")),
    };
    let entry = format!("\"{}\"", "x".repeat(200));
    let refused = loop {
        if let Err(error) = journal.append(&[&entry]) {
            break error;
        }
    };
    let stopped = if journal.is_stopped() { "stopped" } else { "goes on" };
    match refused {
        Error::Io { operation, source, .. } => say(&format!("{operation}: {:?}, {stopped}", source.kind())),
        other => say(&format!("{other:?}, {stopped}")),
    }
    let appended = journal.acknowledged();
    drop(journal);
    let again = Journal::open(&part.path, &options).map(|journal| texts(&journal).len());
    say(&format!(
        "{appended} appended, {} recovered",
        again.map_or_else(|e| e.to_string(), |n| n.to_string())
    ));
}

/// Runs a writer by a shell script; gives why it stopped and how many entries it had appended and recovered.
fn run_by(mut shell: Command, script: &str, path: &Path, preallocate: u32) -> (String, u64) {
    let script = format!("{script} && program=$1 && shift 2 && exec \"$program\" \"$@\"");
    shell.args(["-c", &*script, "sh"]).arg(std::env::current_exe().unwrap()).arg(path.parent().unwrap());
    let said = Child::start_by(shell, "journal::append_little", path, preallocate).finish();
    let [refusal, counts] = &*said else { panic!("{said:?}") };
    let (appended, recovered) = counts.split_once(" appended, ").expect("two numbers");
    assert_eq!(recovered, format!("{appended} recovered"), "{said:?}");
    (refusal.clone(), appended.parse().expect("a number"))
}

#[test]
fn a_file_that_may_not_grow_keeps_what_was_acknowledged() {
    for preallocate in [0, 1000, 3000] {
        let (_root, path) = real();
        // 8 blocks of 512 bytes; the signal that would end the process is ignored.
        let (refusal, appended) =
            run_by(Command::new("sh"), "trap '' XFSZ && ulimit -f 8", &path, preallocate);
        assert_eq!(refusal, "take space for: FileTooLarge, goes on", "{preallocate}");
        assert!(appended >= 12, "4096 bytes hold {appended} entries");
        assert_eq!(texts(&Journal::open(&path, &OPTIONS).unwrap()).len() as u64, appended, "{preallocate}");
    }
}

#[test]
fn a_disk_that_is_full_keeps_what_was_acknowledged() {
    let (_root, path) = real();
    let may_mount =
        Command::new("unshare").args(["-rm", "true"]).status().is_ok_and(|status| status.success());
    if !may_mount {
        println!("no file system can be mounted here");
        return;
    }
    for preallocate in [0, 8 << 10, 40 << 10] {
        // A file system of 16 pages, which ends with the process that sees it.
        let mut shell = Command::new("unshare");
        shell.args(["-rm", "sh"]);
        let (refusal, appended) = run_by(shell, "mount -t tmpfs -o size=64k none \"$2\"", &path, preallocate);
        assert_eq!(refusal, "take space for: StorageFull, goes on", "{preallocate}");
        assert!((150..300).contains(&appended), "60 KiB hold {appended} entries of 250 bytes");
    }
}
