//! Every call of a journal fails, in every way, once and for ever.

use unforget_fs::sim::{Call, Failure, Fault, Profile, SimDisk};
use unforget_fs::{Error, JournalError};

use super::{Noted, Step, Writer, check, disk};

/// A block that holds every file here: what tears is not the question, and there are hundreds of runs.
const WHOLE: usize = 8192;

/// Everything that a journal does; after an error one step more, as a program would try.
fn run(disk: &SimDisk) -> (Vec<Error>, Noted) {
    let mut errors = Vec::new();
    let mut writer = match Writer::open(disk, 1) {
        Ok(writer) => writer,
        Err(error) => return (vec![error], Noted::default()),
    };
    let steps: [Step; 5] = [
        |writer| writer.append(1),
        |writer| writer.append(2),
        Writer::rotate,
        |writer| writer.compact(1),
        |writer| writer.append(1),
    ];
    for step in steps {
        let is_last = !errors.is_empty();
        errors.extend(step(&mut writer).err());
        if is_last {
            break;
        }
    }
    (errors, Noted::of(writer.notes.iter().map(String::as_str)))
}

fn plans() -> Vec<(u64, Failure, bool)> {
    let disk = disk(WHOLE);
    assert!(run(&disk).0.is_empty(), "nothing fails");
    let calls = disk.calls().len() as u64;
    let ways = Failure::ALL.into_iter().flat_map(|failure| [(failure, false), (failure, true)]);
    ways.flat_map(|(failure, lasts)| (1..=calls).map(move |nth| (nth, failure, lasts))).collect()
}

/// The next process opens the journal and goes on.
fn go_on(disk: &SimDisk, noted: &Noted, story: &dyn std::fmt::Display) {
    check(disk, noted, story);
    let appended = Writer::open(disk, 2).and_then(|mut writer| {
        writer.go_on_after(noted.certain);
        writer.append(1)
    });
    assert!(appended.is_ok(), "{appended:?}: {story}");
    check(disk, noted, story);
}

#[test]
fn every_failing_call_of_a_journal_keeps_what_was_acknowledged() {
    let (mut runs, mut states, mut unknown) = (0, 0, 0);
    for (nth, failure, lasts) in plans() {
        let disk = disk(WHOLE);
        let fault = Fault::at(nth, failure);
        disk.fail(if lasts { fault.for_ever() } else { fault });
        let (errors, noted) = run(&disk);
        disk.heal();
        let story = format!("{failure:?} at call {nth}, for ever: {lasts}; {errors:?}");
        if failure == Failure::Interrupted && !lasts {
            assert!(errors.is_empty(), "an interruption is no failure: {story}");
        }
        let is_unknown =
            |error: &Error| matches!(error, Error::Journal(JournalError::DurabilityUnknown { .. }));
        unknown += u32::from(errors.iter().any(is_unknown));
        runs += 1;
        // The others leave nothing that a crash could lose: either nothing was done, or all of it. Where
        // directories cannot be synced, nothing is promised of names.
        if !lasts && matches!(failure, Failure::Io | Failure::NoSpace | Failure::Short) {
            for state in &disk.crash_states(Profile::PosixWeak) {
                states += 1;
                go_on(&state.disk(), &Noted::of(state.marks()), &format!("{story}\n{state}"));
            }
        }
        go_on(&disk, &noted, &story);
    }
    println!("{runs} failing runs, {unknown} with an unknown outcome, {states} crash states");
}

/// The process ends after the failure, and the next one opens the journal before the power fails.
#[test]
fn what_a_failed_sync_left_is_not_taken_for_durable_by_the_next_process() {
    for (call, others) in [(Call::SyncData, Call::Rename), (Call::SyncDir, Call::SyncDir)] {
        let disk = disk(WHOLE);
        let mut writer = Writer::open(&disk, 1).expect("nothing fails");
        writer.append(1).expect("nothing fails");
        disk.fail(Fault::at(1, Failure::Io).only(call));
        disk.fail(Fault::at(1, Failure::Io).only(others));
        let outcome = if call == Call::SyncDir { writer.rotate() } else { writer.append(1) };
        assert!(outcome.is_err() && writer.journal().is_stopped(), "{outcome:?}");
        disk.heal();
        writer.restart().expect("nothing fails any more");
        writer.append(1).expect("nothing fails any more");
        for state in &disk.crash_states(Profile::PosixWeak) {
            check(&state.disk(), &Noted::of(state.marks()), state);
        }
    }
}

fn synced(disk: &SimDisk) -> Vec<Call> {
    let calls = disk.calls().into_iter().map(|(call, _)| call);
    calls
        .filter(|call| {
            matches!(call, Call::WriteAt | Call::SyncData | Call::SyncAll | Call::Rename | Call::SyncDir)
        })
        .collect()
}

#[test]
fn a_failed_sync_is_unknown_and_answered_with_a_new_file() {
    let disk = disk(WHOLE);
    let mut writer = Writer::open(&disk, 1).unwrap();
    writer.append(1).unwrap();
    let before = synced(&disk).len();
    disk.fail(Fault::at(1, Failure::Io).only(Call::SyncData));
    let outcome = writer.append(2);
    assert!(
        matches!(
            outcome,
            Err(Error::Journal(JournalError::DurabilityUnknown {
                first: 2,
                last: 3,
                is_rewritten: true,
                ..
            }))
        ),
        "{outcome:?}"
    );
    assert_eq!(
        synced(&disk)[before..],
        [Call::WriteAt, Call::SyncData, Call::WriteAt, Call::SyncAll, Call::Rename, Call::SyncDir],
        "the batch at once, one sync, and then another file"
    );
    writer.append(1).expect("the journal goes on");
}

#[test]
fn a_short_write_is_not_continued() {
    let disk = disk(WHOLE);
    let mut writer = Writer::open(&disk, 1).unwrap();
    disk.fail(Fault::at(1, Failure::Short).only(Call::WriteAt));
    let outcome = writer.append(1);
    assert!(
        matches!(outcome, Err(Error::Journal(JournalError::DurabilityUnknown { is_rewritten: true, .. }))),
        "{outcome:?}"
    );
    writer.append(1).expect("the journal goes on");
}

#[test]
fn a_disk_that_is_gone_stops_the_journal_until_it_is_back() {
    let disk = disk(WHOLE);
    let mut writer = Writer::open(&disk, 1).unwrap();
    writer.append(1).unwrap();
    disk.fail(Fault::at(1, Failure::Io).for_ever().only(Call::SyncData));
    disk.fail(Fault::at(1, Failure::Io).for_ever().only(Call::SyncAll));
    let outcome = writer.append(1);
    assert!(
        matches!(outcome, Err(Error::Journal(JournalError::DurabilityUnknown { is_rewritten: false, .. }))),
        "{outcome:?}"
    );
    let calls = disk.calls().len();
    for outcome in [writer.append(1), writer.sync()] {
        assert!(matches!(outcome, Err(Error::Journal(JournalError::Stopped { .. }))), "{outcome:?}");
    }
    assert_eq!(disk.calls().len(), calls, "a stopped journal does not ask the disk again");
    disk.heal();
    writer.rotate().expect("everything is in memory");
    writer.append(1).expect("it goes on");
    check(&disk, &Noted::of(["certain 3"].into_iter()), &"nothing was lost");
}
