//! Removes one protection at a time and demands that a test notices.
//!
//! `tests/teeth/*.patch` holds the removals ([`Tooth`] gives their format). Each is applied to a scratch copy
//! of the workspace. It counts when its check is green without the patch, compiles with it, runs at least
//! one test, and then fails.

mod check;
mod scratch;
mod tooth;

use std::fs::File;
use std::path::Path;

use crate::Error;
use crate::files;
use crate::models::tail;
use crate::workspace::Workspace;
use check::{Bench, Observation, Seen};
use scratch::Scratch;
pub(crate) use tooth::Tooth;

/// Where the patches are, relative to the workspace's root.
pub(crate) const DIRECTORY: &str = "tests/teeth";
/// How much output explains a tooth that is not red.
const TAIL_LINES: usize = 20;

/// Whether a tooth counts, and if not, why.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Red,
    NotRed(&'static str),
}

/// Tries the selected teeth and prints a line for each; `false` when one is not red or there is none.
pub(crate) fn run(workspace: &Workspace, selection: Option<&str>) -> Result<bool, Error> {
    let teeth = load(workspace.root(), selection)?;
    if teeth.is_empty() {
        println!("No patch was found in {DIRECTORY}.");
        return Ok(false);
    }
    let target = workspace.target().join("teeth");
    let _alone = lock(&target)?;
    let scratch = Scratch::refresh(workspace.root(), &target.join("tree"))?;
    let mut bench = Bench::new(scratch.root(), &target);
    let mut red = 0;
    for tooth in &teeth {
        let before = bench.unpatched(&tooth.check)?;
        let after =
            if before.seen == Seen::Green { Some(patched(&scratch, &bench, tooth, &before)?) } else { None };
        let verdict = verdict(tooth, before.seen, after.as_ref().map(|observation| observation.seen));
        println!("{}", row(tooth, &verdict, after.as_ref().unwrap_or(&before)));
        red += usize::from(verdict == Verdict::Red);
    }
    println!("{red} of {} teeth are red.", teeth.len());
    Ok(red == teeth.len())
}

/// The patches in the copy are left out by [`Scratch`], and always taken from the workspace itself.
fn load(root: &Path, selection: Option<&str>) -> Result<Vec<Tooth>, Error> {
    let patches = files::list(root)?.into_iter().filter(|path| is_patch(path));
    let wanted = patches.filter(|path| selection.is_none_or(|part| path.contains(part)));
    wanted
        .map(|path| {
            let file = root.join(&path);
            let text = std::fs::read_to_string(&file).map_err(Error::io("read", &file))?;
            Tooth::parse(&path, &text).map_err(|complaint| Error::Patch { path: file, complaint })
        })
        .collect()
}

pub(crate) fn is_patch(path: &str) -> bool {
    let path = Path::new(path);
    path.starts_with(DIRECTORY) && path.extension().is_some_and(|extension| extension == "patch")
}

/// Asks git whether the patch fits the sources below `root`; the inner error is what git says.
pub(crate) fn applies(root: &Path, tooth: &Tooth) -> Result<Result<(), String>, Error> {
    scratch::git_apply(root, &tooth.patch, &["--check"])
}

/// Two runs would patch one copy under each other's tests.
fn lock(target: &Path) -> Result<File, Error> {
    std::fs::create_dir_all(target).map_err(Error::io("create", target))?;
    let path = target.join("lock");
    let file = File::create(&path).map_err(Error::io("create", &path))?;
    file.try_lock().map_err(|_| Error::Busy { path })?;
    Ok(file)
}

fn patched(
    scratch: &Scratch,
    bench: &Bench<'_>,
    tooth: &Tooth,
    before: &Observation,
) -> Result<Observation, Error> {
    scratch.apply(&tooth.patch)?;
    let after = bench.observe(&tooth.check, tooth.hangs.then(|| check::hang_limit(before.took)));
    scratch.revert(&tooth.patch)?;
    after
}

fn verdict(tooth: &Tooth, before: Seen, after: Option<Seen>) -> Verdict {
    match (before, after) {
        (Seen::DoesNotBuild, _) => Verdict::NotRed("the check does not compile without the patch"),
        (Seen::NoTestRan, _) => Verdict::NotRed("the check runs no test; mend its name in the header"),
        (Seen::Failed | Seen::Hung, _) => Verdict::NotRed("the check fails without the patch"),
        (Seen::Green, None) => Verdict::NotRed("the check was not run with the patch"),
        (Seen::Green, Some(Seen::Failed)) => Verdict::Red,
        (Seen::Green, Some(Seen::Hung)) if tooth.hangs => Verdict::Red,
        (Seen::Green, Some(Seen::Hung)) => {
            Verdict::NotRed("it hangs; if that is what the patch brings back, say so with `# hangs`")
        }
        (Seen::Green, Some(Seen::Green)) => Verdict::NotRed("no test noticed"),
        (Seen::Green, Some(Seen::NoTestRan)) => Verdict::NotRed("no test ran with the patch"),
        (Seen::Green, Some(Seen::DoesNotBuild)) => {
            Verdict::NotRed("it does not compile with the patch, which shows nothing about the test")
        }
    }
}

fn row(tooth: &Tooth, verdict: &Verdict, last: &Observation) -> String {
    let seconds = last.took.as_secs_f64();
    match verdict {
        Verdict::Red => format!("red      {seconds:>6.1} s  {}", tooth.protects),
        Verdict::NotRed(why) => format!(
            "NOT RED  {seconds:>6.1} s  {}\n  {}: {why}\n  check: {}\n{}",
            tooth.protects,
            tooth.path,
            tooth.check,
            tail(&last.text, TAIL_LINES)
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn tooth(hangs: bool) -> Tooth {
        let header = "# protects: a promise\n# loom: queue\n";
        let hangs = if hangs { "# hangs\n" } else { "" };
        Tooth::parse("tests/teeth/a.patch", &format!("{header}{hangs}--- a/a.rs\n+++ b/a.rs\n"))
            .expect("a tooth")
    }

    #[test]
    fn only_a_failing_test_makes_a_tooth_red() {
        let verdict = |after| verdict(&tooth(false), Seen::Green, Some(after));
        assert_eq!(verdict(Seen::Failed), Verdict::Red);
        for seen in [Seen::Green, Seen::Hung, Seen::NoTestRan, Seen::DoesNotBuild] {
            assert_ne!(verdict(seen), Verdict::Red, "{seen:?} shows nothing");
        }
    }

    #[test]
    fn a_check_that_is_not_green_unpatched_shows_nothing() {
        for before in [Seen::Failed, Seen::Hung, Seen::NoTestRan, Seen::DoesNotBuild] {
            assert_ne!(verdict(&tooth(true), before, Some(Seen::Failed)), Verdict::Red, "{before:?}");
        }
    }

    #[test]
    fn a_hang_is_red_only_where_it_was_announced() {
        assert_eq!(verdict(&tooth(true), Seen::Green, Some(Seen::Hung)), Verdict::Red);
        assert_eq!(verdict(&tooth(true), Seen::Green, Some(Seen::Failed)), Verdict::Red);
        assert_ne!(verdict(&tooth(true), Seen::Green, Some(Seen::Green)), Verdict::Red);
    }

    #[test]
    fn a_row_that_is_not_red_says_why_and_shows_the_output() {
        let seen = Observation { seen: Seen::Green, text: "test result: ok".into(), took: Duration::ZERO };
        let row = row(&tooth(false), &Verdict::NotRed("no test noticed"), &seen);
        assert!(row.contains("NOT RED") && row.contains("tests/teeth/a.patch: no test noticed"), "{row}");
        assert!(row.contains("    | test result: ok"), "{row}");
    }

    #[test]
    fn a_second_run_is_turned_away() {
        let target = tempfile::tempdir().expect("a scratch directory");
        let first = lock(target.path()).expect("nobody else has it");
        assert!(matches!(lock(target.path()), Err(Error::Busy { .. })));
        drop(first);
        assert!(lock(target.path()).is_ok(), "it is free again");
    }
}
