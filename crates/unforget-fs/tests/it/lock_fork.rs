//! A process that forks while it holds locks: the child inherits every descriptor and holds nothing.

use std::path::Path;
use std::time::Duration;

use fork::{Fork, fork, waitpid};
use unforget_fs::{DotLock, Error, Lease, LockFile, LockOptions, SharedLock, Turnstile};

use crate::child::{Child, Part, say, wait_for_parent};

/// One of each kind, in one directory.
struct Guards {
    exclusive: LockFile,
    removed: LockFile,
    shared: SharedLock,
    dot: DotLock,
    lease: Lease,
}

impl Guards {
    fn take(dir: &Path) -> Result<Self, Error> {
        let options = LockOptions::new();
        Ok(Self {
            exclusive: LockFile::try_acquire(&dir.join("exclusive"), &options)?,
            removed: LockFile::try_acquire(
                &dir.join("removed"),
                &LockOptions::new().unlink_on_release(true),
            )?,
            shared: SharedLock::try_acquire(&dir.join("shared"))?,
            dot: DotLock::try_acquire(&dir.join("dot"))?,
            lease: Lease::try_acquire(&dir.join("lease"), Duration::from_hours(1), &options)?,
        })
    }

    fn verify(&self) -> [Result<(), Error>; 5] {
        [
            self.exclusive.verify(),
            self.removed.verify(),
            self.shared.verify(),
            self.dot.verify(),
            self.lease.verify(),
        ]
    }

    /// Each says why it could not be released.
    fn release(self) -> [Result<(), Error>; 5] {
        [
            self.exclusive.release(),
            self.removed.release(),
            self.shared.release(),
            self.dot.release(),
            self.lease.release(),
        ]
    }
}

/// How many of the locks in a directory somebody has.
fn held_in(dir: &Path) -> usize {
    let options = LockOptions::new();
    [
        LockFile::try_acquire(&dir.join("exclusive"), &options).err(),
        LockFile::try_acquire(&dir.join("removed"), &options).err(),
        LockFile::try_acquire(&dir.join("shared"), &options).err(),
        DotLock::try_acquire(&dir.join("dot")).err(),
        Lease::try_acquire(&dir.join("lease"), Duration::from_hours(1), &options).err(),
    ]
    .iter()
    .filter(|error| matches!(error, Some(Error::Locked { .. })))
    .count()
}

/// Takes the locks and forks; the child uses what it inherited in every way, and then lets go of it.
pub(crate) fn hold(part: &Part) {
    let dir = part.path.clone();
    let mut turnstile = Turnstile::open(&dir).expect("opened");
    let mut guards = Guards::take(&dir).expect("acquired");
    let child = match fork().expect("forked") {
        Fork::Parent(child) => child,
        Fork::Child => {
            let is_forked = |outcome: &Result<(), Error>| matches!(outcome, Err(Error::Forked { .. }));
            let enters = matches!(turnstile.enter(), Err(Error::Forked { .. }));
            let renews = is_forked(&guards.lease.renew());
            let verified = guards.verify().iter().filter(|outcome| is_forked(outcome)).count();
            let held = held_in(&dir);
            let released = guards.release().iter().filter(|outcome| is_forked(outcome)).count();
            say(&format!("refused {verified} {released} {enters} {renews}, held {held}"));
            std::process::exit(0);
        }
    };
    waitpid(child).expect("the child ends");
    let verified = guards.verify().iter().filter(|outcome| outcome.is_ok()).count();
    say(&format!("still {verified}"));
    wait_for_parent();
    let released = guards.release().iter().filter(|outcome| outcome.is_ok()).count();
    say(&format!("released {released}"));
}

#[test]
fn a_forked_child_holds_nothing_and_takes_nothing_from_its_parent() {
    let root = tempfile::tempdir().unwrap();
    let mut process = Child::start("fork::hold", root.path(), 0);
    process.expect("refused 5 5 true true, held 5");
    process.expect("still 5");
    assert_eq!(held_in(root.path()), 5, "the parent has all of them");
    process.wake();
    process.expect("released 5");
    process.finish();
    assert_eq!(held_in(root.path()), 0, "and gave all of them back");
}
