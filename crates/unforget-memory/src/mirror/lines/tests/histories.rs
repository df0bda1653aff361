//! Drawn histories of changes, failures and other programs.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Op {
    Observe(u8, u8),
    Delete(u8),
    Drain,
    /// The process ends at this call of a drain.
    End(u64),
    /// This call of a drain fails so, once.
    Fail(u64, Failure),
    /// There is room for so many more bytes during a drain.
    Full(u64),
    /// Another program adds a line, in place or by a new file.
    Add(u8, bool),
    /// Another program loses everything.
    Lose,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        4 => (0..6_u8, 0..4_u8).prop_map(|(name, content)| Op::Observe(name, content)),
        2 => (0..6_u8).prop_map(Op::Delete),
        4 => Just(Op::Drain),
        2 => (1..60_u64).prop_map(Op::End),
        2 => (1..60_u64, prop::sample::select(&Failure::ALL[..])).prop_map(|(nth, how)| Op::Fail(nth, how)),
        2 => (0..600_u64).prop_map(Op::Full),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(name, replaces)| Op::Add(name, replaces)),
        1 => Just(Op::Lose),
    ];
    prop::collection::vec(op, 1..40)
}

fn perform(disk: &SimDisk, model: &Model, op: &Op) {
    match op {
        Op::Observe(name, content) => model.observe(&format!("n{name}"), &format!("content {content}")),
        Op::Delete(name) => model.delete(&format!("n{name}")),
        Op::Drain => {
            drain(disk, 1, model).unwrap();
            assert_shown(disk, model, "after a drain");
        }
        Op::End(nth) => {
            disk.fail(Fault::at(*nth, Failure::Io).for_ever());
            let _ = drain(disk, 1, model);
            disk.heal();
        }
        Op::Fail(nth, how) => {
            disk.fail(Fault::at(*nth, *how));
            let _ = drain(disk, 1, model);
            disk.heal();
        }
        Op::Full(room) => {
            disk.set_capacity(failing::used(disk) + room);
            let _ = drain(disk, 1, model);
            disk.set_capacity(u64::MAX);
        }
        Op::Add(name, replaces) => {
            let line =
                Line::Entity(&Entity::new(format!("theirs{name}"), "thing").observed("t")).to_json().unwrap();
            let content =
                [disk.read(FILE).unwrap_or_default(), b"\n".to_vec(), line.clone().into_bytes()].concat();
            let files = Files::on(disk);
            if *replaces {
                files.replace(Path::new(FILE), &content, &ReplaceOptions::new()).unwrap();
            } else {
                files.open_or_create_in_place(Path::new(FILE)).unwrap().write(&content, 0).unwrap();
            }
            drain(disk, 1, model).unwrap();
            assert!(model.lines().contains(&line), "what they added is in the graph");
        }
        Op::Lose => Files::on(disk).replace(Path::new(FILE), b"", &ReplaceOptions::new()).unwrap(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(96) })]

    #[test]
    fn whatever_happens_the_file_shows_the_graph_after_a_drain(ops in ops()) {
        let disk = SimDisk::new();
        disk.put_dir("/store/mirror");
        let model = Model::default();
        for op in &ops {
            perform(&disk, &model, op);
        }
        perform(&disk, &model, &Op::Drain);
    }
}
