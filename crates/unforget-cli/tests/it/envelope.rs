//! One JSON object for scripts, text for people, and an exit code for both.

use serde_json::json;

use crate::command::{Store, keys, line, run, unforget};

#[test]
fn every_command_answers_one_json_object_with_its_fields() {
    let store = Store::missing();
    let file = store.file("turns.jsonl", line(1));
    let file = file.to_str().expect("UTF-8");
    let commands: [(&[&str], &[&str]); 6] = [
        (&["init"], &["created", "store"]),
        (&["remember", "hello"], &["turn_id"]),
        (&["recall", "hello"], &["hits"]),
        (&["import", file], &["duplicates", "imported", "rejected", "seconds"]),
        (&["stats"], &["bytes", "contexts", "sessions", "store", "turns", "users"]),
        (
            &["tour"],
            &[
                "acknowledged",
                "busy_seen",
                "context_updates_acknowledged",
                "context_updates_counted",
                "found",
                "integrity",
                "lost",
                "restarted",
            ],
        ),
    ];
    for (args, fields) in commands {
        let answer = store.run(args);
        assert_eq!(keys(&answer.data()), fields, "the fields of {args:?} are documented and stay");
        assert_eq!(answer.stderr, "", "{args:?} has nothing to add");
    }
}

#[test]
fn every_command_answers_people_in_text() {
    let store = Store::missing();
    let file = store.file("turns.jsonl", line(1));
    let path = store.path().canonicalize().unwrap_or_else(|_| store.path()).display().to_string();
    assert_eq!(store.say(["init"]), format!("created a store in {path}\n"));
    assert_eq!(store.say(["init"]), format!("{path} is a store already\n"));
    let id = store.say(["remember", "--user", "bob", "Lunch", "was", "fine"]);
    assert!(id.starts_with("turn_") && id.ends_with('\n'), "remember prints the id alone: {id:?}");
    let found = store.say(["recall", "lunch"]);
    assert_eq!(found, format!("   1  bob/default  {id}      Lunch was fine\n"), "a hit says whose it is");
    let imported = store.say(["import".as_ref(), file.as_os_str()]);
    assert!(imported.starts_with("imported 1, already there 0, rejected 0, in "), "{imported}");
    let stats = store.say(["stats"]);
    for told in [format!("store     {path}\n"), "turns     2\n".to_owned(), "users     2\n".to_owned()] {
        assert!(stats.contains(&told), "stats tells {told:?}: {stats}");
    }
}

#[test]
fn wrong_usage_under_json_is_one_object_with_exit_code_2() {
    let store = Store::new();
    let cases: [(&[&str], &str); 9] = [
        (&[], "subcommand"),
        (&["frobnicate"], "frobnicate"),
        (&["recall", "--frobnicate", "x"], "--frobnicate"),
        (&["recall"], "<QUERY>"),
        (&["remember"], "<CONTENT>"),
        (&["import"], "<FILE>"),
        (&["recall", "--limit", "many", "x"], "1 to 1000"),
        (&["remember", "--created-ms", "-5", "x"], "-5"),
        (&["remember", "--user"], "--user"),
    ];
    for (args, told) in cases {
        let message = store.run(args).refusal(2, "usage");
        assert!(message.contains(told), "{args:?}: the message names what is wrong: {message}");
        assert!(!message.contains("tour-actor"), "what is hidden is not advised: {message}");
        // The same where --json comes last, and without the flag that stands before it here.
        let last = run(unforget(store.root()).args(args).arg("--json"));
        assert_eq!(last.refusal(2, "usage").lines().count(), 2, "{args:?}: message and hint are a line each");
    }
}

#[test]
fn a_failure_is_told_to_people_on_standard_error_in_lines() {
    let store = Store::new();
    let wrong = run(&mut store.text(["recal", "x"]));
    assert_eq!((wrong.exit, wrong.stdout.as_str()), (Some(2), ""), "{wrong:?}");
    let lines: Vec<_> = wrong.stderr.lines().collect();
    assert_eq!(lines[0], "unforget: unrecognized subcommand 'recal'");
    assert!(lines[1..].iter().all(|line| line.starts_with("  ")), "hints are indented: {lines:?}");
    assert!(lines.contains(&"  tip: a similar subcommand exists: 'recall'"), "{lines:?}");

    let missing = Store::missing();
    let refused = run(&mut missing.text(["recall", "x"]));
    let path = missing.path().display().to_string();
    let expected =
        format!("unforget: there is no store in {path}\n  create it: unforget init --store {path}\n");
    assert_eq!((refused.exit, refused.stdout.as_str(), refused.stderr), (Some(4), "", expected));
}

#[test]
fn without_a_command_people_get_the_help_and_exit_code_2() {
    let store = Store::missing();
    let answer = run(&mut unforget(store.root()));
    assert_eq!((answer.exit, answer.stdout.as_str()), (Some(2), ""), "nothing was answered");
    for command in ["init", "remember", "recall", "import", "stats", "tour"] {
        let listed = answer.stderr.lines().any(|line| line.trim_start().starts_with(command));
        assert!(listed, "the help lists {command} on a line of its own:\n{}", answer.stderr);
    }
    assert!(!answer.stderr.contains("tour-actor"), "the tour's processes are no command for people");
}

#[test]
fn help_and_version_are_answers() {
    let store = Store::missing();
    let version = format!("unforget {}", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(unforget(store.root()).arg("--version")).text(), format!("{version}\n"));
    assert_eq!(run(unforget(store.root()).args(["--json", "--version"])).data(), json!({"text": version}));
    for command in ["init", "remember", "recall", "import", "stats", "tour"] {
        let help = run(unforget(store.root()).args([command, "--help"])).text();
        assert!(help.contains(&format!("Usage: unforget {command}")), "{help}");
        let data = run(unforget(store.root()).args([command, "--json", "--help"])).data();
        assert_eq!(data, json!({"text": help.trim_end()}), "scripts get the same help in the envelope");
    }
}

#[test]
fn json_after_the_separator_is_content() {
    let store = Store::new();
    let answer = run(&mut store.text(["remember", "--", "--json"]));
    assert!(answer.text().starts_with("turn_"), "the answer is text");
    assert_eq!(store.recall(["--", "--json"])[0]["content"], json!("--json"), "it was stored");
}

#[test]
fn a_hint_with_a_path_can_be_pasted_into_a_shell() {
    let store = Store::missing();
    let path = store.root().join("my own store");
    let refused = run(unforget(store.root()).args(["--json", "stats", "--store"]).arg(&path));
    let told = refused.refusal(4, "not_found");
    let command = told.lines().last().and_then(|hint| hint.strip_prefix("create it: unforget "));
    let script = format!("\"$0\" {}", command.expect("the hint is a command"));
    let pasted = run(std::process::Command::new("sh").args(["-c", &script, env!("CARGO_BIN_EXE_unforget")]));
    assert_eq!(pasted.exit, Some(0), "the hint works as it stands: {pasted:?}");
    assert!(path.join("unforget.db").is_file(), "the store is where the person wanted it");
}
