//! Leases pass on when they are not renewed, and their numbers tell who came later.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use unforget_fs::{Error, Lease, LockOptions};
use unforget_sync::{Clock, ManualClock};

use crate::child::{Child, DEADLINE, Part, names_in, say, wait_for_parent};

const LONG: Duration = Duration::from_hours(1);

/// Leads, says so, and goes on when the parent speaks.
pub(crate) fn hold(part: &Part) {
    let duration = Duration::from_millis(part.times.into());
    let mut lease =
        Lease::acquire(&part.path, duration, &LockOptions::new().timeout(DEADLINE)).expect("leads");
    say(&format!("leads {}", lease.fence()));
    wait_for_parent();
    say(&format!("renewed {}", lease.renew().is_ok()));
    wait_for_parent();
}

/// Leads by a relative path, and goes elsewhere.
pub(crate) fn change_directory(part: &Part) {
    std::env::set_current_dir(&part.path).expect("it is there");
    let mut lease = Lease::try_acquire("leader".as_ref(), LONG, &LockOptions::new()).expect("it is free");
    std::env::set_current_dir("elsewhere").expect("it is there");
    say(&format!("renewed {}", lease.renew().is_ok()));
    say(&format!("verified {}", lease.verify().is_ok()));
    say(&format!("released {}", lease.release().is_ok()));
}

fn empty_dir() -> (tempfile::TempDir, PathBuf) {
    let root = tempfile::tempdir().expect("a temporary directory");
    let path = root.path().join("leader");
    (root, path)
}

fn on(clock: &Arc<ManualClock>) -> LockOptions {
    LockOptions::new().clock(clock.clone()).timeout(LONG)
}

#[test]
fn a_lease_that_is_renewed_stays_and_one_that_is_not_passes_on() {
    let (_root, path) = empty_dir();
    let clock = Arc::new(ManualClock::new());
    let duration = Duration::from_secs(30);
    let mut first = Lease::acquire(&path, duration, &on(&clock)).unwrap();
    assert_eq!(first.renewal_interval(), Duration::from_secs(10));
    for _ in 0..5 {
        clock.sleep(duration * 2 / 3);
        first.verify().expect("it was renewed in time");
        first.renew().unwrap();
    }
    let began = clock.now();
    let second = Lease::acquire(&path, duration, &on(&clock)).expect("the first one is silent");
    assert!(clock.now() - began >= duration, "not before its time: {:?}", clock.now() - began);
    assert!(clock.now() - began < duration * 2, "and not much later: {:?}", clock.now() - began);
    assert!(second.fence() > first.fence());
    assert_eq!(second.previous_unclean(), Some(first.owner()));

    let outcome = first.verify();
    let Err(Error::LeaseLost { holder: Some(owner), .. }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(&*owner, second.owner());
    assert!(matches!(first.renew(), Err(Error::LeaseLost { .. })));
    assert!(matches!(first.release(), Err(Error::LeaseLost { .. })));
    second.verify().expect("the first one has changed nothing");
}

#[test]
fn a_holder_knows_by_its_own_clock_that_it_is_late() {
    let (_root, path) = empty_dir();
    let clock = Arc::new(ManualClock::new());
    let mut lease = Lease::acquire(&path, Duration::from_secs(30), &on(&clock)).unwrap();
    clock.sleep(Duration::from_secs(30));
    let outcome = lease.verify();
    assert!(matches!(outcome, Err(Error::LeaseLost { holder: None, .. })), "{outcome:?}");
    lease.renew().expect("nobody has taken it");
    lease.verify().unwrap();
}

#[test]
fn who_renews_while_others_watch_keeps_it() {
    let (_root, path) = empty_dir();
    let clock = Arc::new(ManualClock::new());
    let mut first = Lease::acquire(&path, Duration::from_secs(30), &on(&clock)).unwrap();
    for _ in 0..5 {
        let watcher = on(&clock).timeout(Duration::from_secs(25));
        let outcome = Lease::acquire(&path, Duration::from_secs(30), &watcher);
        assert!(matches!(outcome, Err(Error::Locked { .. })), "{outcome:?}");
        first.renew().unwrap();
    }
}

/// A clock under which a lease is renewed whenever somebody waits.
#[derive(Debug)]
struct Renewing {
    clock: Arc<ManualClock>,
    lease: Mutex<Lease>,
}

impl Clock for Renewing {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn sleep(&self, duration: Duration) {
        self.clock.sleep(duration);
        self.lease.lock().unwrap().renew().expect("nobody takes what is renewed");
    }
}

#[test]
fn a_lease_that_is_renewed_meanwhile_does_not_run_out_for_who_watches() {
    let (_root, path) = empty_dir();
    let clock = Arc::new(ManualClock::new());
    let lease = Lease::acquire(&path, Duration::from_secs(3), &on(&clock)).unwrap();
    let renewing = Arc::new(Renewing { clock, lease: Mutex::new(lease) });
    let watcher = LockOptions::new().clock(renewing).timeout(Duration::from_secs(10));
    let outcome = Lease::acquire(&path, Duration::from_secs(3), &watcher);
    assert!(matches!(outcome, Err(Error::Locked { .. })), "{outcome:?}");
}

#[test]
fn fences_grow_also_when_the_clock_was_set_back() {
    let (_root, path) = empty_dir();
    let ahead = (1_u64 << 53) - 100;
    fs::write(&path, format!("{{\"v\":1,\"released\":true,\"fence\":{ahead}}}\n")).unwrap();
    for expected in [ahead + 1, ahead + 2] {
        let lease = Lease::try_acquire(&path, LONG, &LockOptions::new()).unwrap();
        assert_eq!(lease.fence(), expected);
    }
}

#[test]
fn a_released_lease_and_that_of_a_dead_holder_are_free_at_once() {
    let (_root, path) = empty_dir();
    let options = LockOptions::new();
    let released = Lease::try_acquire(&path, LONG, &options).unwrap();
    let outcome = Lease::try_acquire(&path, LONG, &options);
    assert!(matches!(outcome, Err(Error::Locked { holder: Some(_), .. })), "{outcome:?}");
    let fence = released.fence();
    released.release().unwrap();
    let mut holder = Child::start("lease::hold", &path, 3_600_000);
    let line = holder.hear().expect("it leads");
    let later: u64 = line.strip_prefix("leads ").unwrap().parse().unwrap();
    assert!(later > fence, "{later} after {fence}");
    holder.kill();
    let lease = Lease::try_acquire(&path, LONG, &options).expect("its death can be proved");
    assert_eq!(lease.previous_unclean().map(|owner| owner.pid), Some(holder.pid()));
    assert!(lease.fence() > later);
    drop(lease);
    assert_eq!(Lease::holder(&path).unwrap(), None, "it was dropped");
}

#[test]
fn a_stopped_holder_is_overtaken_and_told_when_it_goes_on() {
    let (_root, path) = empty_dir();
    let mut holder = Child::start("lease::hold", &path, 50);
    let line = holder.hear().expect("it leads");
    let fence: u64 = line.strip_prefix("leads ").unwrap().parse().unwrap();
    holder.stop();
    let lease = Lease::acquire(&path, LONG, &LockOptions::new().timeout(DEADLINE)).expect("it says nothing");
    assert!(lease.fence() > fence, "the resource refuses {fence} from now on");
    holder.go_on();
    holder.wake();
    holder.expect("renewed false");
    lease.verify().unwrap();
}

#[test]
fn a_lease_is_broken_by_its_nonce_and_no_other() {
    let (_root, path) = empty_dir();
    let options = LockOptions::new();
    let mut first = Lease::try_acquire(&path, LONG, &options).unwrap();
    assert!(!Lease::force_break(&path, "another", &options).unwrap());
    first.renew().expect("it is as it was");
    let nonce = first.owner().nonce.clone();
    assert!(Lease::force_break(&path, &nonce, &options).unwrap());
    let second = Lease::try_acquire(&path, LONG, &options).expect("it is free");
    assert!(second.fence() > first.fence());
    assert!(matches!(first.renew(), Err(Error::LeaseLost { .. })));
    assert!(!Lease::force_break(&path, &nonce, &options).unwrap(), "that is not the one who was read");
    second.verify().unwrap();
}

#[test]
fn what_cannot_be_read_is_watched_like_any_other() {
    for content in [&b"{\"v\":2,\"leader\":\"of a later version\"}\n"[..], b"{\"v\":1,\"pid\":12", &[0; 200]]
    {
        let (_root, path) = empty_dir();
        fs::write(&path, content).unwrap();
        let clock = Arc::new(ManualClock::new());
        let duration = Duration::from_secs(3);
        let outcome = Lease::try_acquire(&path, duration, &on(&clock));
        assert!(matches!(outcome, Err(Error::Locked { holder: None, .. })), "{outcome:?}");
        let began = clock.now();
        let lease = Lease::acquire(&path, duration, &on(&clock)).expect("it has not changed");
        assert!(clock.now() - began >= duration, "not before our own time");
        assert_eq!(lease.previous_unclean(), None, "nobody can be named");
    }
}

#[test]
fn a_holder_that_goes_to_another_directory_keeps_its_lease() {
    let (root, path) = empty_dir();
    fs::create_dir(root.path().join("elsewhere")).unwrap();
    let holder = Child::start("lease::change_directory", root.path(), 0);
    for expected in ["renewed true", "verified true", "released true"] {
        holder.expect(expected);
    }
    assert_eq!(names_in(&root.path().join("elsewhere")), [""; 0], "nothing is made there");
    assert_eq!(Lease::holder(&path).unwrap(), None, "it was given up where it was taken");
}

#[test]
fn a_file_of_something_else_is_no_lease() {
    let (_root, path) = empty_dir();
    fs::write(&path, "my notes").unwrap();
    let outcome = Lease::try_acquire(&path, LONG, &LockOptions::new());
    assert!(matches!(outcome, Err(Error::ForeignContent { .. })), "{outcome:?}");
    assert_eq!(fs::read(&path).unwrap(), b"my notes");
}
