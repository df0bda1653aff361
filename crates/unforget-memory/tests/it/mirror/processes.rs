//! Several processes that change the graph and bring the file up to date.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use unforget_memory::{Entity, MirrorEvent, MirrorOptions, NewObservations};

use super::{Mirrored, Told, assert_same, load, open};

const ROOT: &str = "UNFORGET_TEST_MIRROR_ROOT";
const NAME: &str = "UNFORGET_TEST_MIRROR_NAME";

/// Another process, which makes changes for as long as it is told to.
struct Writer {
    process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Writer {
    fn start(root: &Path, name: &str) -> Self {
        Self::play("mirror::processes::this_is_another_process", root, name)
    }

    /// Another process, which does what a test of this binary does when it is told where and by what name.
    fn play(test: &str, root: &Path, name: &str) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--quiet"])
            .env(ROOT, root)
            .env(NAME, name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, input, output }
    }

    fn ask(&mut self, calls: usize) {
        writeln!(self.input, "{calls}").unwrap();
    }

    /// The names that were acknowledged, until the process says that it is done or ends.
    fn acknowledged(&mut self) -> Vec<String> {
        let lines = self.output.by_ref().map_while(Result::ok).take_while(|line| line != "done");
        lines.filter_map(|line| line.strip_prefix("ack ").map(str::to_owned)).collect()
    }

    fn signal(&self, signal: &str) {
        assert!(
            Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap().success()
        );
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Does what it is asked for by its input, if it was started for that.
#[test]
fn this_is_another_process() {
    let (Ok(root), Ok(name)) = (std::env::var(ROOT), std::env::var(NAME)) else { return };
    let graph = open(Path::new(&root));
    let file = Path::new(&root).join("memory.jsonl");
    graph.mirror(&file, MirrorOptions::new().wait(Duration::from_secs(30))).unwrap();
    let mut made = 0;
    for line in std::io::stdin().lines() {
        for _ in 0..line.unwrap().parse::<usize>().unwrap() {
            let entity = format!("{name}-{made}");
            made += 1;
            graph.create_entities(vec![Entity::new(&entity, "thing")]).unwrap();
            let seen = vec![NewObservations { entity_name: entity.clone(), contents: vec!["seen".into()] }];
            graph.add_observations(seen).unwrap();
            let line = super::entity_line(&entity, &["seen"]);
            assert!(
                std::fs::read_to_string(&file).unwrap().contains(&line),
                "a call returned before its line was there"
            );
            println!("ack {entity}");
        }
        println!("done");
    }
}

fn assert_has(mirrored: &Mirrored, acknowledged: &[String]) {
    mirrored.mirror().catch_up().unwrap();
    mirrored.assert_shown();
    let names = mirrored.names();
    for name in acknowledged {
        assert!(names.contains(name), "{name} was acknowledged");
    }
}

#[test]
fn at_each_return_the_line_is_there_and_at_the_end_the_file_is_the_graph() {
    let mirrored = Mirrored::new();
    let mut writers: Vec<_> = (0..4).map(|n| Writer::start(mirrored.root.path(), &format!("w{n}"))).collect();
    for writer in &mut writers {
        writer.ask(40);
    }
    let acknowledged: Vec<String> = writers.iter_mut().flat_map(Writer::acknowledged).collect();
    assert_eq!(acknowledged.len(), 160, "every call returned with its line in the file");
    assert_has(&mirrored, &acknowledged);
    assert_eq!(mirrored.told.take(), [], "processes of ours are no foreigners to each other");
}

#[test]
fn what_killed_processes_acknowledged_is_in_the_file() {
    let mirrored = Mirrored::new();
    let mut acknowledged = Vec::new();
    for round in 0..12 {
        let mut writer = Writer::start(mirrored.root.path(), &format!("r{round}"));
        writer.ask(1_000_000);
        let first = writer.output.by_ref().map_while(Result::ok).find(|line| line.starts_with("ack "));
        acknowledged.push(first.unwrap().trim_start_matches("ack ").to_owned());
        // Some changes of our own, so that the other one is killed at different moments.
        for n in 0..=round {
            mirrored.create(&[&format!("own{round}.{n}")]);
        }
        writer.signal("-KILL");
        acknowledged.extend(writer.acknowledged());
        assert_has(&mirrored, &acknowledged);
    }
}

#[test]
fn a_stopped_holder_of_the_lock_delays_others_until_their_deadline_and_is_named() {
    let mut mirrored = Mirrored::bare();
    let told = Told::default();
    let options = told.options().wait(Duration::from_millis(300));
    mirrored.mirror = Some(mirrored.graph.mirror(&mirrored.file(), options).unwrap());
    mirrored.create(&["Ada"]);
    let lock = std::fs::read_dir(mirrored.root.path().join("memory.jsonl.unforget/mirror")).unwrap();
    let lock = lock
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|end| end == "lock"));
    let held = Holder::start(&lock.unwrap());
    let before = mirrored.text();
    let began = Instant::now();
    mirrored.create(&["Bob"]);
    let waited = began.elapsed();
    assert_eq!(mirrored.text(), before, "nobody changes the file under the lock of another");
    assert!(waited >= Duration::from_millis(300) && waited < Duration::from_secs(3), "{waited:?}");
    let began = Instant::now();
    (0..10).for_each(|n| mirrored.create(&[&format!("c{n}")]));
    assert!(
        began.elapsed() < Duration::from_millis(1500),
        "who was waited for in vain is not waited for again"
    );
    match &*told.take() {
        [MirrorEvent::Behind { holder: Some(owner), .. }] => assert_eq!(owner.pid, held.0.process.id()),
        other => panic!("it is told once, with a name: {other:?}"),
    }
    assert_eq!(mirrored.names().len(), 12, "the calls are in the store");
    drop(held);
    mirrored.create(&["Dan"]);
    mirrored.assert_shown();
    assert!(matches!(&*told.take(), [MirrorEvent::CaughtUp { .. }]));
}

/// A process that has a lock and is stopped.
struct Holder(Writer);

impl Holder {
    fn start(lock: &Path) -> Self {
        let mut writer = Writer::play("mirror::processes::this_holds_a_lock", lock, "");
        assert!(writer.output.by_ref().map_while(Result::ok).any(|line| line == "held"), "the lock is free");
        writer.signal("-STOP");
        Self(writer)
    }
}

#[test]
fn this_holds_a_lock() {
    let Ok(lock) = std::env::var(ROOT) else { return };
    let _lock = unforget_fs::LockFile::acquire(Path::new(&lock), &unforget_fs::LockOptions::new()).unwrap();
    println!("held");
    let _ = std::io::stdin().lines().next();
}

#[test]
fn a_program_that_replaces_the_file_all_the_time_loses_nothing_of_ours_and_nothing_of_its_own() {
    let mirrored = Mirrored::new();
    mirrored.create(&["Ada"]);
    let mut writer = Writer::start(mirrored.root.path(), "w");
    let mut theirs = Vec::new();
    for round in 0..30 {
        // Read, add, rename: what the official server does for every call. The other process makes no changes then, since
        // nobody can keep a read and a rename of others apart.
        let name = format!("theirs{round}");
        mirrored.rename_over(&(mirrored.text() + &super::entity_line(&name, &[])));
        theirs.push(name);
        writer.ask(1);
        let ours = writer.acknowledged();
        assert_eq!(ours.len(), 1);
        theirs.extend(ours);
    }
    assert_has(&mirrored, &theirs);
    assert_same(&load(&mirrored.file()), &mirrored.graph.read().unwrap());
}
