//! A test that hangs is ended and explained, and there is no test that would not be.

use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use unforget_sync::Ticket;

use crate::watchdog::{HANG, waiting, watch};

/// Twenty times what the watchdog is told to allow.
const HANGING: Duration = Duration::from_secs(10);

/// Hangs if the environment says so: two threads that wait for one another's tickets. Not for ever, so that a
/// watchdog that does nothing leaves a process that ends, and a test that fails.
#[test]
fn hangs_when_asked() {
    let _watch = watch();
    if std::env::var_os(HANG).is_none() {
        return;
    }
    let (theirs, ours) = (Ticket::<()>::pair(), Ticket::<()>::pair());
    thread::scope(|threads| {
        let other = || {
            let _never_completed = theirs.1;
            waiting("the ticket of operation 3", || drop(ours.0.wait_timeout(HANGING)));
        };
        thread::Builder::new().name("the other".to_owned()).spawn_scoped(threads, other).expect("starts");
        let _never_completed = ours.1;
        waiting("the ticket of operation 4", || drop(theirs.0.wait_timeout(HANGING)));
    });
}

#[test]
fn a_test_that_hangs_is_ended_and_says_who_waits_for_what() {
    let _watch = watch();
    let binary = std::env::current_exe().expect("this binary has a path");
    let hanging = Command::new(binary)
        .args(["--exact", "hanging::hangs_when_asked", "--test-threads=2"])
        .env(HANG, "500")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it can be started");
    let ended = waiting("the process that hangs", || hanging.wait_with_output()).expect("it ends");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success(), "a test that hangs succeeded: {said}");
    for expected in [
        "runs longer than 500ms",
        "`hanging::hangs_when_asked` runs a test",
        "`hanging::hangs_when_asked` waits for the ticket of operation 4",
        "`the other` waits for the ticket of operation 3",
    ] {
        assert!(said.contains(expected), "{expected:?} is not in {said}");
    }
}

/// A test without a watch is one whose hanging nobody explains.
#[test]
fn every_test_is_watched() {
    let _watch = watch();
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it");
    let mut seen = 0;
    for file in std::fs::read_dir(directory).expect("the sources of this binary") {
        let path = file.expect("an entry").path();
        let source = std::fs::read_to_string(&path).expect("a source file");
        let mut lines = source.lines().enumerate();
        while let Some((number, attribute)) = lines.find(|(_, line)| line.trim() == "#[test]") {
            let inside = attribute.find('#').expect("it begins with one") + "    ".len();
            let body = lines.by_ref().skip_while(|(_, line)| !line.ends_with('{')).skip(1);
            let first = body.map(|(_, line)| line).find(|line| is_statement(line, inside));
            let place = format!("{}:{}", path.display(), number + 1);
            assert_eq!(
                first.map(str::trim),
                Some("let _watch = watch();"),
                "the test at {place} is not watched"
            );
            seen += 1;
        }
    }
    assert!(seen > 50, "only {seen} tests were found");
}

/// Says whether a line of a function's own level is more than an item or the end of one.
fn is_statement(line: &str, level: usize) -> bool {
    const ITEMS: [&str; 10] =
        ["unforget_sync::lock_levels!", "static ", "struct ", "impl ", "impl<", "use ", "fn ", "#", "/", "}"];
    let code = line.trim_start();
    let own = line.len() - code.len() == level;
    own && !ITEMS.iter().any(|item| code.starts_with(item))
}
