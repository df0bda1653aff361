//! Several processes on one store.

use std::collections::BTreeSet;

use crate::command::{Answer, Store, lines, start};

const PROCESSES: usize = 4;
const TURNS: usize = 25;

#[test]
fn what_four_processes_remember_at_once_is_all_there() {
    // No store yet: they race to make the empty directory one, too.
    let store = Store::empty(0o755);
    let told: Vec<String> = std::thread::scope(|scope| {
        let one = |process| {
            let store = &store;
            move || -> Vec<String> {
                (0..TURNS).map(|turn| store.remember(&format!("glider {process} {turn}"))).collect()
            }
        };
        let all: Vec<_> = (0..PROCESSES).map(|process| scope.spawn(one(process))).collect();
        all.into_iter().flat_map(|thread| thread.join().expect("every remember succeeds")).collect()
    });
    let told: BTreeSet<String> = told.into_iter().collect();
    assert_eq!(told.len(), PROCESSES * TURNS, "no two turns got one id");
    let hits = store.recall(["--limit", "1000", "glider"]);
    let found: BTreeSet<String> =
        hits.iter().map(|hit| hit["turn_id"].as_str().expect("an id").to_owned()).collect();
    assert_eq!(found, told, "what was acknowledged is found, and nothing else");
}

#[test]
fn processes_that_import_one_file_at_once_store_every_turn_once() {
    const LINES: usize = 3_000;
    let store = Store::new();
    let file = store.file("turns.jsonl", lines(LINES));
    let processes: Vec<_> =
        (0..PROCESSES).map(|_| start(&mut store.json(["import".as_ref(), file.as_os_str()]))).collect();
    let mut imported = 0;
    for process in processes {
        let data = Answer::from(process.wait_with_output().expect("it ends")).data();
        let count = |field: &str| data[field].as_u64().expect("a number");
        assert_eq!(count("imported") + count("duplicates"), LINES as u64, "each saw every line: {data}");
        imported += count("imported");
    }
    assert_eq!(imported, LINES as u64, "every turn was new to exactly one of them");
    assert_eq!(store.turns(), LINES as u64, "every turn is there once");
}

#[test]
fn processes_that_init_one_place_at_once_all_succeed() {
    for _ in 0..5 {
        let store = Store::missing();
        let processes: Vec<_> = (0..PROCESSES).map(|_| start(&mut store.json(["init"]))).collect();
        for process in processes {
            Answer::from(process.wait_with_output().expect("it ends")).data();
        }
        assert_eq!(store.turns(), 0, "there is one store");
    }
}
