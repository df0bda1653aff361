//! Every call of a workload fails, one run for each: what was acknowledged is there, and callers are told the truth.

use unforget::unforget_sqlite::rusqlite::ffi;
use unforget::unforget_sqlite::{Database, Durability, Error};

use super::power_cut;
use super::verify::Expected;
use super::workload::{SCHEMA, Workload};
use crate::disk::{Call, Fault};

/// Runs the workload once for each call of the fault's kind, and cuts the power after that.
fn fail_every(fault: Fault) {
    fail_every_with(Durability::Full, fault);
}

fn fail_every_with(durability: Durability, fault: Fault) {
    let mut states = 0;
    for nth in 1.. {
        let workload = Workload::new(durability);
        let a_reader_may_wait = matches!(fault.call, Call::Open | Call::Read);
        let workload = if a_reader_may_wait { workload.impatient() } else { workload };
        let fault = Fault { nth, ..fault };
        workload.mounted.disk().plan(Some(fault));
        let db = workload.run();
        let fired = workload.mounted.disk().fired();
        let outcome = goes_on(&workload, db, fault.code == ffi::SQLITE_FULL).and_then(|()| {
            let expected = Expected::of(&workload.outcomes());
            let path = workload.path();
            let events = workload.mounted.disk().events();
            let _directory = workload.mounted.unmount();
            expected.verify(&path)?;
            if durability == Durability::Normal {
                return Ok(());
            }
            let search = power_cut::cut_after_fault(&events, fault.for_ever, power_cut::seed());
            states += search.states;
            search.wrong.map_or(Ok(()), Err)
        });
        if let Err(wrong) = outcome {
            panic!("{fault:?}, {fired} times: {wrong}");
        }
        if fired == 0 {
            let Fault { call, code, for_ever, .. } = fault;
            let runs = nth - 1;
            println!(
                "{durability:?}, {call:?} {code}, for ever {for_ever}: {runs} failing runs, {states} states after power cuts"
            );
            return;
        }
    }
}

/// The disk is sound again: an engine that is fit writes, and any other makes way for one that does.
pub(super) fn goes_on(workload: &Workload, db: Option<Database>, full: bool) -> Result<(), String> {
    let fired = workload.mounted.disk().fired() > 0;
    workload.mounted.disk().plan(None);
    let errors = workload.errors();
    let wanted = |error: &Error| fired && tells_what_to_do(error) || error.is_retryable();
    if let Some(error) = errors.iter().find(|error| !wanted(error)) {
        return Err(format!("a caller was told {error:?}"));
    }
    if let Some(told) = errors.iter().find(|error| full && !matches!(error, Error::Full { .. })) {
        return Err(format!("a full disk was told as {told:?}"));
    }
    if let Some(db) = &db {
        let fit = db.is_open();
        workload.write(db, 30);
        match &workload.outcomes()[&30] {
            Ok(()) if fit => {}
            Err(Error::Poisoned) if !fit => {}
            other => return Err(format!("an engine that is fit: {fit} answered {other:?}")),
        }
    }
    let again =
        Database::open(workload.path(), workload.options).map_err(|error| format!("open: {error:?}"))?;
    again.migrate(&SCHEMA).map_err(|error| format!("migrate: {error:?}"))?;
    workload.write(&again, 31);
    // The end of the engine that failed must not undo what the new one did.
    drop(again);
    drop(db);
    match &workload.outcomes()[&31] {
        Ok(()) => Ok(()),
        other => Err(format!("an engine opened after the failure answered {other:?}")),
    }
}

fn tells_what_to_do(error: &Error) -> bool {
    matches!(
        error,
        Error::Full { .. }
            | Error::DiskFailed { .. }
            | Error::OutcomeUnknown { .. }
            | Error::Poisoned
            | Error::NotAccessible { .. }
            | Error::Busy { .. }
    )
}

#[test]
fn every_write_that_fails_costs_no_acknowledged_operation() {
    fail_every(Fault::first(Call::Write, false));
    fail_every(Fault::first(Call::Write, true));
}

#[test]
fn every_write_on_a_full_disk_costs_no_acknowledged_operation() {
    fail_every(Fault::full(false));
    fail_every(Fault::full(true));
}

#[test]
fn every_sync_that_fails_once_costs_no_acknowledged_operation() {
    fail_every(Fault::first(Call::Sync, false));
}

#[test]
fn every_sync_that_fails_for_ever_costs_no_acknowledged_operation() {
    fail_every(Fault::first(Call::Sync, true));
}

#[test]
fn without_full_durability_a_failure_costs_no_acknowledged_operation_either() {
    for call in [Call::Write, Call::Sync] {
        fail_every_with(Durability::Normal, Fault::first(call, false));
        fail_every_with(Durability::Normal, Fault::first(call, true));
    }
}

#[test]
fn every_read_that_fails_costs_no_acknowledged_operation() {
    fail_every(Fault::first(Call::Read, false));
    fail_every(Fault::first(Call::Read, true));
}

#[test]
fn every_other_call_that_fails_costs_no_acknowledged_operation() {
    for call in [Call::Truncate, Call::Delete, Call::Open] {
        fail_every(Fault::first(call, false));
        fail_every(Fault::first(call, true));
    }
}

/// One write that fails at its commit by `fault`; answers what its caller was told, and the counter before and after.
fn counter_around(fault: Fault) -> (Error, u64, u64) {
    let workload = Workload::new(Durability::Full);
    let db = Database::open(workload.path(), workload.options).expect("the database opens");
    db.migrate(&SCHEMA).expect("its schema is there");
    let before = db.stats().generation;
    workload.mounted.disk().plan(Some(fault));
    let outcome = db.write(|tx| -> Result<usize, Error> {
        Ok(tx.execute("INSERT INTO half VALUES (1, 0, 1, 'one')", [])?)
    });
    workload.mounted.disk().plan(None);
    (outcome.expect_err("the disk failed"), before, db.stats().generation)
}

#[test]
fn a_commit_whose_outcome_is_unknown_leaves_the_counter_odd() {
    let (error, before, after) = counter_around(Fault::first(Call::Sync, false));
    assert!(matches!(error, Error::OutcomeUnknown { .. }), "{error:?}");
    assert!(
        after > before && !after.is_multiple_of(2),
        "it may come to light without a commit: {before}, {after}"
    );
}

#[test]
fn a_commit_that_a_full_disk_undid_leaves_the_counter_even() {
    let (error, before, after) = counter_around(Fault::full(false));
    assert!(matches!(error, Error::Full { .. }), "{error:?}");
    assert!(after > before && after.is_multiple_of(2), "nothing of it can come to light: {before}, {after}");
}
