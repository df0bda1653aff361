//! Every crash state of everything that a journal does, and of its recovery.

use std::path::Path;

use unforget_fs::Error;
use unforget_fs::sim::{CrashState, Profile, SimDisk};

use super::{Noted, Step, Writer, check, disk};

/// A block in which one entry fits and two do not.
const SECTOR: usize = 512;

type Scenario = (&'static str, Step);

const SCENARIOS: [Scenario; 8] = [
    ("append", |writer| writer.append(1)),
    ("append twice", |writer| {
        writer.append(1)?;
        writer.append(1)
    }),
    ("append three at once", |writer| writer.append(3)),
    ("write without a sync", |writer| {
        writer.append(1)?;
        writer.write(1)?;
        writer.write(1)
    }),
    ("append, rotate, append", |writer| {
        writer.append(1)?;
        writer.rotate()?;
        writer.append(1)
    }),
    ("write, rotate", |writer| {
        writer.write(2)?;
        writer.rotate()
    }),
    ("append, compact, append", |writer| {
        writer.append(2)?;
        writer.compact(1)?;
        writer.append(1)
    }),
    ("append, restart, append, compact all", |writer| {
        writer.append(1)?;
        writer.restart()?;
        writer.append(1)?;
        writer.compact(0)
    }),
];

/// What a program does after a crash: it opens the journal and goes on.
fn recover(disk: &SimDisk, state: &CrashState, is_full: bool) {
    if is_full {
        let names = disk.names("/store").into_iter();
        let lengths =
            names.filter_map(|name| disk.entry_at(Path::new("/store").join(name))).map(|it| it.len());
        disk.set_capacity(lengths.sum());
    }
    let generation = 2 + state.marks().filter(|mark| mark.starts_with("recovered")).count();
    let mut writer = match Writer::open(disk, generation) {
        // Before the journal was durable there is none, and no space to make one.
        Err(_) if is_full && disk.read(super::PATH).is_none() => return,
        opened => opened.unwrap_or_else(|error| panic!("it opens: {error:?}\n{state}")),
    };
    writer.go_on_after(Noted::of(state.marks()).certain);
    disk.mark(format!("recovered {generation}"));
    match writer.append(1) {
        Err(Error::Io { operation: "take space for", .. }) if is_full => {}
        outcome => outcome.unwrap_or_else(|error| panic!("it goes on: {error:?}\n{state}")),
    }
}

fn verify(is_full: bool) {
    for (name, run) in SCENARIOS {
        for profile in Profile::ALL {
            let disk = disk(SECTOR);
            let mut writer = Writer::open(&disk, 1).expect("nothing fails");
            run(&mut writer).expect("nothing fails");
            let verified = disk.verify(
                profile,
                1,
                |disk, state| {
                    check(disk, &Noted::of(state.marks()), state);
                    recover(disk, state, is_full);
                },
                |disk, state| check(disk, &Noted::of(state.marks()), state),
            );
            println!("{name:40} {profile:?}: {verified}");
            assert!(verified.states > 1, "{name}: a crash makes a difference");
        }
    }
}

#[test]
fn every_crash_of_a_journal_keeps_what_was_acknowledged() {
    verify(false);
}

#[test]
fn every_crash_of_a_journal_on_a_full_disk_keeps_what_was_acknowledged() {
    verify(true);
}
