//! Every operation, with the power failing at every moment and every call failing once and for ever.
//!
//! The operations are the production code on a simulated disk. What is demanded of all of them: each file is
//! the old one or the new one, whole, with its attributes; what was acknowledged is there; nothing is left
//! behind that a sweep does not remove.

mod cases;
mod faults;
mod history;
mod journal;
mod others;
mod steps;

use std::path::Path;

use unforget_fs::Files;
use unforget_fs::sim::{CrashState, Profile, SimDisk};

use cases::{Case, Seen};

/// Said in the history once an operation has returned a success.
pub(crate) const ACKNOWLEDGED: &str = "acknowledged";

/// A block of which contents here have several.
const TORN: usize = 4;

/// What every program does when it starts.
pub(crate) fn sweep(disk: &SimDisk, state: &CrashState) {
    let files = Files::on(disk);
    for dir in ["/store", "/store/other", "/store/a/b"] {
        if disk.entry_at(dir).is_some() {
            let swept = files.sweep_orphans(Path::new(dir)).expect("nothing fails here");
            assert_eq!(swept.kept, 0, "nobody is alive to keep a file: {state}");
        }
    }
}

impl Case {
    /// Checks that each file is old or new, all of them new if that was acknowledged, and nothing else there.
    fn check(&self, disk: &SimDisk, is_acknowledged: bool, story: &dyn std::fmt::Display) {
        let Self { name, files, .. } = self;
        for file in *files {
            let found = Seen::at(disk, file.path);
            let is_new = found == Some(file.after());
            assert!(
                is_new || found == file.before(),
                "{name}: {} is neither old nor new: {found:?}\n{story}",
                file.path
            );
            assert!(is_new || !is_acknowledged, "{name}: {} was acknowledged\n{story}", file.path);
        }
        assert_eq!(self.strangers(disk), Vec::<String>::new(), "{name}: left behind\n{story}");
    }
}

#[test]
fn every_crash_of_every_operation_leaves_old_or_new_and_what_was_acknowledged() {
    for case in cases::all() {
        for profile in Profile::ALL {
            let disk = case.disk(TORN);
            (case.run)(&disk).expect("nothing fails here");
            disk.mark(ACKNOWLEDGED);
            let verified = disk.verify(profile, 2, sweep, |disk, state| {
                case.check(disk, state.has_mark(ACKNOWLEDGED), state);
            });
            println!("{:40} {profile:?}: {verified}", case.name);
            assert!(verified.is_exhaustive, "{}: a smaller content would be looked at whole", case.name);
            assert!(verified.states > 1, "{}: a crash makes a difference", case.name);
        }
    }
}
