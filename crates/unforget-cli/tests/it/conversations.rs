//! Real conversations, where they are at hand: `UNFORGET_DATA` names the folder, and beside the workspace is where
//! it is looked for otherwise. They are not part of the project.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command::Store;

/// How many questions of a conversation are asked.
const ASKED: usize = 20;

fn folder() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    std::env::var_os("UNFORGET_DATA").map_or_else(beside, PathBuf::from).join("locomo-part")
}

fn read_lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("a file of the conversations");
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

/// Imports a conversation and returns how many of its first questions find a turn that answers them.
fn answered(turns: &Path, questions: &Path) -> usize {
    let store = Store::new();
    let data = store.run(["import".as_ref(), turns.as_os_str()]).data();
    let lines = read_lines(turns).len();
    assert_eq!(data["imported"], lines, "every line of {} is a turn", turns.display());
    let again = store.run(["import".as_ref(), turns.as_os_str()]).data();
    assert_eq!(again["duplicates"], lines, "a second import stores nothing");
    let found = |question: &Value| {
        let text = |field: &str| question[field].as_str().expect("a text").to_owned();
        let hits = store.recall(["--user", &text("user_id"), "--", &text("question")]);
        let evidence = question["evidence"].as_array().expect("ids of turns");
        hits.iter().any(|hit| evidence.contains(&hit["turn_id"]))
    };
    read_lines(questions).iter().take(ASKED).filter(|question| found(question)).count()
}

#[test]
fn questions_about_real_conversations_find_the_turns_that_answer_them() {
    let Ok(files) = std::fs::read_dir(folder()) else {
        eprintln!("skipped: there is no {}; UNFORGET_DATA names another folder", folder().display());
        return;
    };
    let mut conversations = 0;
    for file in files {
        let turns = file.expect("an entry").path();
        let Some(name) = turns.to_str().and_then(|path| path.strip_suffix(".turns.jsonl")) else { continue };
        let answered = answered(&turns, Path::new(&format!("{name}.questions.jsonl")));
        assert!(answered > ASKED / 2, "most questions about {name} find evidence: {answered} of {ASKED}");
        conversations += 1;
    }
    assert!(conversations > 0, "the folder has conversations");
}
