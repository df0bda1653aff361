//! Changing files of a repository beside the real git, which takes the same locks.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use unforget_fs::{Error, GitLock, LockOptions, ReplaceOptions};
use unforget_sync::ManualClock;

use crate::child::{Child, DEADLINE, Part, names_in, say, wait_for_parent};

/// A new repository; it says so and is none where there is no git.
struct Repository {
    root: tempfile::TempDir,
}

impl Repository {
    fn create() -> Option<Self> {
        let repository = Self { root: tempfile::tempdir().expect("a temporary directory") };
        if repository.command(["--version"]).stdout(Stdio::null()).status().is_err() {
            println!("not tested: there is no git on this machine");
            return None;
        }
        repository.git(["init", "--quiet", "--initial-branch=main"]);
        repository.git(["config", "user.name", "nobody"]);
        repository.git(["config", "user.email", "nobody@localhost"]);
        repository.git(["commit", "--quiet", "--allow-empty", "--message=first"]);
        Some(repository)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(".git").join(name)
    }

    /// Git with this repository and no settings of the machine.
    fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new("git");
        command.arg("-C").arg(self.root.path()).args(arguments);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").env_remove("GIT_DIR");
        command
    }

    fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Output {
        self.command(arguments).output().expect("git runs")
    }

    fn git<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "git: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    }
}

fn patient() -> LockOptions {
    LockOptions::new().timeout(DEADLINE)
}

fn lock(path: &Path) -> Result<GitLock, Error> {
    GitLock::acquire(path, &patient(), &ReplaceOptions::new())
}

/// Locks, says so, and waits to be killed.
pub(crate) fn hold(part: &Part) {
    let mut guard = lock(&part.path).expect("locked");
    guard.write_all(b"half a new ").expect("written");
    say("held");
    wait_for_parent();
}

/// Adds lines to a configuration, each in a change of its own.
pub(crate) fn add_items(part: &Part) {
    for item in 0..part.times {
        let mut guard = lock(&part.path).expect("locked");
        let mut content = Vec::new();
        fs::File::open(&part.path).and_then(|mut file| file.read_to_end(&mut content)).expect("readable");
        guard.write_all(&content).expect("written");
        writeln!(guard, "[list]\n\titem = ours-{}-{item}", std::process::id()).expect("written");
        guard.commit().expect("committed");
        say("one");
    }
}

#[test]
fn git_stays_out_while_we_have_the_lock() {
    let Some(repository) = Repository::create() else { return };
    let config = repository.path("config");
    let before = fs::read(&config).unwrap();
    let mut guard = lock(&config).unwrap();
    guard.write_all(&before).unwrap();
    guard.write_all(b"[ours]\n\tkey = value\n").unwrap();
    let refused = repository.run(["config", "user.name", "somebody"]);
    assert!(!refused.status.success(), "git does not change what we have locked");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("could not lock") && said.contains("config"), "{said}");
    assert_eq!(fs::read(&config).unwrap(), before, "nor do we, before the commit");

    guard.commit().unwrap();
    assert_eq!(repository.git(["config", "ours.key"]), "value", "git reads what we wrote");
    repository.git(["config", "user.name", "somebody"]);
    assert!(!names_in(&repository.path("")).iter().any(|name| name.contains("lock") || name.contains("tmp")));
}

#[test]
fn we_stay_out_while_git_has_the_lock() {
    let Some(repository) = Repository::create() else { return };
    let (branch, first) = (repository.path("refs/heads/topic"), repository.git(["rev-parse", "main"]));
    let mut git = repository.command(["update-ref", "--stdin"]);
    let mut git = git.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut to, mut from) = (git.stdin.take().unwrap(), BufReader::new(git.stdout.take().unwrap()).lines());
    write!(to, "start\ncreate refs/heads/topic {first}\nprepare\n").unwrap();
    for said in ["start: ok", "prepare: ok"] {
        assert_eq!(from.next().unwrap().unwrap(), said);
    }
    let lock_of_git = fs::read(repository.path("refs/heads/topic.lock")).expect("git has it");

    let clock = LockOptions::new().clock(Arc::new(ManualClock::new())).timeout(Duration::from_secs(3));
    let outcome = GitLock::acquire(&branch, &clock, &ReplaceOptions::new());
    let Err(Error::Locked { path, holder: None, waited }) = outcome else { panic!("{outcome:?}") };
    assert_eq!((path, waited), (repository.path("refs/heads/topic.lock"), Duration::from_secs(3)));
    assert_eq!(GitLock::holder(&branch).unwrap(), None, "git leaves no record");
    assert_eq!(fs::read(repository.path("refs/heads/topic.lock")).unwrap(), lock_of_git, "it is git's still");

    let waiting = Child::start("git::add_items", &branch, 1);
    writeln!(to, "commit").unwrap();
    assert_eq!(from.next().unwrap().unwrap(), "commit: ok");
    drop(to);
    assert!(git.wait().unwrap().success());
    assert_eq!(waiting.finish(), ["one"], "it waited for git and went on");
    assert!(fs::read_to_string(&branch).unwrap().starts_with(&first), "what git wrote was read");
}

#[test]
fn a_lock_that_a_killed_git_left_is_nobodys_to_break() {
    let Some(repository) = Repository::create() else { return };
    let (branch, first) = (repository.path("refs/heads/topic"), repository.git(["rev-parse", "main"]));
    let mut git = repository.command(["update-ref", "--stdin"]);
    let mut git = git.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut to, mut from) = (git.stdin.take().unwrap(), BufReader::new(git.stdout.take().unwrap()).lines());
    write!(to, "start\ncreate refs/heads/topic {first}\nprepare\n").unwrap();
    assert_eq!(from.nth(1).unwrap().unwrap(), "prepare: ok");
    git.kill().unwrap();
    git.wait().unwrap();
    let outcome = GitLock::try_acquire(&branch, &ReplaceOptions::new());
    assert!(matches!(outcome, Err(Error::Locked { holder: None, .. })), "{outcome:?}");
    assert!(!GitLock::force_break(&branch, "").unwrap(), "it has no nonce");
    assert!(repository.path("refs/heads/topic.lock").exists());
}

#[test]
fn git_and_we_lose_no_line_of_a_file_that_both_change() {
    const EACH: u32 = 10;
    let Some(repository) = Repository::create() else { return };
    let ours: Vec<_> =
        (0..2).map(|_| Child::start("git::add_items", &repository.path("config"), EACH)).collect();
    let mut refused = 0;
    for item in 0..EACH {
        let item = format!("git-{item}");
        while !repository.run(["config", "--add", "list.item", &item]).status.success() {
            refused += 1;
            assert!(refused < 10_000, "git gets its turn");
        }
    }
    let acknowledged: usize = ours.into_iter().map(|child| child.finish().len()).sum();
    let items = repository.git(["config", "--get-all", "list.item"]);
    let (by_git, by_us): (Vec<_>, Vec<_>) = items.lines().partition(|item| item.starts_with("git-"));
    println!("git was refused {refused} times; {} and {} lines", by_git.len(), by_us.len());
    assert_eq!((by_git.len(), by_us.len()), (EACH as usize, acknowledged), "{items}");
    assert_eq!(repository.git(["fsck", "--no-progress"]), "", "the repository is sound");
}

#[test]
fn a_lock_that_our_killed_process_left_is_taken_over() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("packed-refs");
    fs::write(&path, "old").unwrap();
    let mut holder = Child::start("git::hold", &path, 0);
    holder.expect("held");
    assert_eq!(GitLock::holder(&path).unwrap().expect("it left a record").pid, holder.pid());
    holder.kill();
    let mut guard = GitLock::try_acquire(&path, &ReplaceOptions::new()).expect("its death can be proved");
    assert_eq!(guard.lock().previous_unclean().map(|owner| owner.pid), Some(holder.pid()));
    assert_eq!(fs::read(&path).unwrap(), b"old", "what it wrote was never seen");
    guard.write_all(b"new").unwrap();
    guard.commit().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(unforget_fs::sweep_orphans(root.path()).unwrap().removed, 1, "the content that it began");
    assert_eq!(names_in(root.path()), ["packed-refs"]);
}

#[test]
fn without_a_commit_nothing_has_changed() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("config");
    fs::write(&path, "old").unwrap();
    let mut dropped = lock(&path).unwrap();
    dropped.write_all(b"new").unwrap();
    drop(dropped);
    let mut rolled_back = lock(&path).unwrap();
    rolled_back.write_all(b"new").unwrap();
    rolled_back.rollback().unwrap();
    assert_eq!(
        (fs::read_to_string(&path).unwrap().as_str(), names_in(root.path())),
        ("old", vec!["config".into()])
    );
}

#[test]
fn a_commit_whose_lock_was_removed_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("config");
    fs::write(&path, "old").unwrap();
    let mut guard = lock(&path).unwrap();
    guard.write_all(b"new").unwrap();
    fs::remove_file(root.path().join("config.lock")).unwrap();
    fs::write(root.path().join("config.lock"), "git has it now").unwrap();
    let outcome = guard.commit();
    assert!(matches!(outcome, Err(Error::LockReplaced { .. })), "{outcome:?}");
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(names_in(root.path()), ["config", "config.lock"], "git's lock stays");
}
