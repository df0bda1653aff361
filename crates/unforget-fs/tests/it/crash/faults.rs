//! Every call of every operation fails, in every way, once and for ever.

use unforget_fs::sim::{Call, Failure, Fault, Profile, SimDisk};
use unforget_fs::{Error, Files, ReplaceOptions};

use super::cases::{self, Case, Seen};
use super::{ACKNOWLEDGED, sweep};

/// A block that holds every content here: what tears is not the question, and there are thousands of runs.
const WHOLE: usize = 16;

/// A plan, in words.
struct Plan {
    nth: u64,
    failure: Failure,
    lasts: bool,
}

impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lasts = if self.lasts { "from call" } else { "at call" };
        write!(f, "{:?} {lasts} {}", self.failure, self.nth)
    }
}

/// Runs an operation with a failure in it; gives the outcome, and the call that failed first if it was
/// reached.
fn run(case: &Case, plan: &Plan) -> (SimDisk, Result<(), Error>, Option<Call>) {
    let disk = case.disk(WHOLE);
    let fault = Fault::at(plan.nth, plan.failure);
    disk.fail(if plan.lasts { fault.for_ever() } else { fault });
    let outcome = (case.run)(&disk);
    if outcome.is_ok() {
        disk.mark(ACKNOWLEDGED);
    }
    let index = usize::try_from(plan.nth - 1).expect("a small number");
    let failed = disk.calls().get(index).map(|(call, _)| *call);
    disk.heal();
    (disk, outcome, failed)
}

/// What a live process may see after an outcome.
fn check_live(case: &Case, disk: &SimDisk, outcome: &Result<(), Error>, plan: &Plan) {
    let name = case.name;
    let (is_old, is_new): (Vec<_>, Vec<_>) = case
        .files
        .iter()
        .map(|file| (Seen::at(disk, file.path), file))
        .map(|(seen, file)| (seen == file.before(), seen == Some(file.after())))
        .unzip();
    let all = |these: &[bool]| these.iter().all(|is| *is);
    match outcome {
        Ok(()) | Err(Error::CommittedNotDurable { .. }) => {
            assert!(all(&is_new), "{name}, {plan}: {outcome:?}");
        }
        Err(Error::PartlyReplaced { replaced, .. }) => {
            for (file, (old, new)) in case.files.iter().zip(is_old.into_iter().zip(is_new)) {
                let is_listed = replaced.iter().any(|path| path.as_os_str() == file.path);
                assert!(if is_listed { new } else { old }, "{name}, {plan}: {} {outcome:?}", file.path);
            }
        }
        Err(_) if case.in_parts => {
            assert!(is_old.iter().zip(&is_new).all(|(old, new)| *old || *new), "{name}, {plan}");
        }
        Err(_) => assert!(all(&is_old), "{name}, {plan}: nothing changed after {outcome:?}"),
    }
}

/// What has to succeed although something failed.
fn has_to_succeed(plan: &Plan, failed: Call) -> bool {
    let is_moved = matches!(failed, Call::Rename | Call::RenameNew | Call::Unlink);
    match plan.failure {
        Failure::Short => true,
        Failure::Interrupted => !plan.lasts,
        Failure::Sharing => !plan.lasts && is_moved,
        _ => false,
    }
}

/// Every plan that reaches a call of the operation.
fn plans(case: &Case) -> Vec<Plan> {
    let disk = case.disk(WHOLE);
    (case.run)(&disk).expect("nothing fails here");
    // Where something fails, more calls follow: new files, removals.
    let calls = disk.calls().len() as u64 * 2;
    let ways = Failure::ALL.into_iter().flat_map(|failure| [(failure, false), (failure, true)]);
    ways.flat_map(|(failure, lasts)| (1..=calls).map(move |nth| Plan { nth, failure, lasts })).collect()
}

#[test]
fn every_failing_call_of_every_operation_leaves_old_or_new_and_nothing_else() {
    for case in cases::all() {
        let (mut runs, mut states) = (0, 0);
        for plan in plans(&case) {
            let (disk, outcome, failed) = run(&case, &plan);
            let Some(failed) = failed else { continue };
            runs += 1;
            check_live(&case, &disk, &outcome, &plan);
            let may_fail = case.is_foreign || !has_to_succeed(&plan, failed);
            assert!(may_fail || outcome.is_ok(), "{}, {plan} ({failed:?}): {outcome:?}", case.name);
            let could_be_removed = !plan.lasts && failed != Call::Unlink;
            if could_be_removed {
                let strangers = case.strangers(&disk);
                assert!(strangers.is_empty(), "{}, {plan} ({failed:?}): {strangers:?}", case.name);
            }
            // Without a sync of directories nothing can be promised, and `Ok` promises nothing.
            let promises = plan.failure != Failure::Unsupported;
            let verified = disk.verify(Profile::PosixWeak, 0, sweep, |disk, state| {
                let is_acknowledged = promises && state.has_mark(ACKNOWLEDGED);
                case.check(disk, is_acknowledged, &format!("{plan} ({failed:?}): {state}"));
            });
            states += verified.states;
        }
        println!("{:40} {runs} failing runs, {states} crash states", case.name);
    }
}

#[test]
fn a_full_disk_leaves_the_old_file() {
    for case in cases::all() {
        let disk = case.disk(WHOLE);
        let used = case.files.iter().filter_map(|file| disk.entry_at(file.path)).map(|it| it.len()).sum();
        disk.set_capacity(used);
        let outcome = (case.run)(&disk);
        let writes = case.name != "ensure_file" && case.name != "create_dir_all";
        assert_eq!(outcome.is_err(), writes, "{}: {outcome:?}", case.name);
        if writes && !case.is_foreign {
            let source = std::error::Error::source(outcome.as_ref().expect_err("it writes"))
                .and_then(|source| source.downcast_ref::<std::io::Error>());
            assert_eq!(
                source.map(std::io::Error::kind),
                Some(std::io::ErrorKind::StorageFull),
                "{}",
                case.name
            );
            case.check(&disk, false, &"on a full disk");
        }
    }
}

#[test]
fn a_sweep_that_fails_removes_nothing_but_orphans() {
    let orphan = "/store/.unforget-tmp-0123456789abcdef";
    for failure in Failure::ALL {
        for nth in 1..12 {
            let disk = SimDisk::new();
            disk.put("/store/file", b"kept");
            disk.put(orphan, b"half a fi");
            disk.fail(Fault::at(nth, failure));
            let outcome = Files::on(&disk).sweep_orphans("/store".as_ref());
            assert_eq!(disk.read("/store/file").as_deref(), Some(&b"kept"[..]), "{failure:?} at {nth}");
            let is_gone = disk.read(orphan).is_none();
            assert_eq!(outcome.is_ok_and(|swept| swept.removed == 1), is_gone, "{failure:?} at {nth}");
        }
    }
}

#[test]
fn a_disk_that_takes_no_more_says_what_a_person_can_do() {
    for (failure, remedy) in [
        (Failure::NoSpace, "free some space on its file system"),
        (Failure::Quota, "free some space or raise the quota"),
        (Failure::ReadOnly, "choose a path on a file system that can be written to"),
    ] {
        for case in cases::all() {
            for call in [Call::Open, Call::MakeDir, Call::WriteAt, Call::Rename, Call::SyncAll] {
                let disk = case.disk(WHOLE);
                disk.fail(Fault::at(1, failure).only(call).for_ever());
                let Err(error) = (case.run)(&disk) else { continue };
                let tries = disk.calls().into_iter().filter(|(tried, _)| *tried == call).count();
                let at_most = if failure == Failure::ReadOnly { 3 } else { 1 };
                if call == Call::SyncAll {
                    assert!(tries <= at_most, "{}: a full disk is not tried again: {tries}", case.name);
                }
                if let Error::Io { .. } = &error {
                    assert!(error.to_string().contains(remedy), "{}, {call:?}: {error}", case.name);
                }
            }
        }
    }
}

#[test]
fn where_names_cannot_be_synced_a_caller_can_ask() {
    let disk = SimDisk::new();
    disk.put("/store/file", b"old");
    let files = Files::on(&disk);
    assert!(files.syncs_names("/store".as_ref()).unwrap(), "this one can");
    disk.fail(Fault::at(1, Failure::Unsupported).only(Call::SyncDir).for_ever());
    assert!(!files.syncs_names("/store".as_ref()).unwrap(), "this one cannot, and that is no error");
    files.replace("/store/file".as_ref(), b"new", &ReplaceOptions::new()).expect("it is taken as it is");
    disk.mark(ACKNOWLEDGED);
    let may_be_lost = disk.crash_states(Profile::PosixWeak).iter().any(|state| {
        state.has_mark(ACKNOWLEDGED) && state.disk().read("/store/file").as_deref() == Some(b"old")
    });
    assert!(may_be_lost, "which is why one asks");
    disk.heal();
    disk.fail(Fault::at(1, Failure::Io).only(Call::SyncDir));
    let outcome = files.syncs_names("/store".as_ref());
    assert!(matches!(outcome, Err(Error::Io { operation: "sync the directory", .. })), "{outcome:?}");
}
