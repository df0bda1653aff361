//! Which directory is the store, and how it comes to be one.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::command::{Store, entries, line, mode, run, unforget};

/// Where `init` puts a store, with some of the three ways to name one.
fn chosen(root: &Path, flag: Option<&str>, environment: &[(&str, &str)]) -> PathBuf {
    let mut command = unforget(root);
    command.args(["--json", "init"]);
    if let Some(flag) = flag {
        command.arg("--store").arg(root.join(flag));
    }
    for (name, value) in environment {
        command.env(name, if value.is_empty() { PathBuf::new() } else { root.join(value) });
    }
    let data = run(&mut command).data();
    let store = PathBuf::from(data["store"].as_str().expect("a path"));
    assert!(store.join("unforget.db").is_file(), "the store is where the answer says: {data}");
    store.strip_prefix(root).expect("it is within the test's directory").to_path_buf()
}

#[test]
fn the_flag_comes_before_the_environment_and_that_before_the_data_directory() {
    let place = Store::missing();
    let root = place.root();
    let all = [("UNFORGET_STORE", "environment"), ("XDG_DATA_HOME", "xdg")];
    assert_eq!(chosen(root, Some("flag"), &all), Path::new("flag"), "the flag wins");
    assert_eq!(chosen(root, None, &all), Path::new("environment"), "then UNFORGET_STORE");
    assert_eq!(chosen(root, None, &all[1..]), Path::new("xdg/unforget"), "then XDG_DATA_HOME");
    assert_eq!(chosen(root, None, &[]), Path::new(".local/share/unforget"), "then the home directory");
    let unset = [("UNFORGET_STORE", ""), ("XDG_DATA_HOME", "xdg2")];
    assert_eq!(chosen(root, None, &unset), Path::new("xdg2/unforget"), "an empty variable is not set");
}

#[test]
fn the_data_directory_is_never_relative_to_where_the_command_runs() {
    let place = Store::missing();
    let mut command = unforget(place.root());
    command.args(["--json", "init"]).env("XDG_DATA_HOME", "relative").current_dir(place.root());
    let data = run(&mut command).data();
    let store = Path::new(data["store"].as_str().expect("a path"));
    assert_eq!(store, place.root().join(".local/share/unforget"), "a relative XDG_DATA_HOME is ignored");
    assert!(!place.root().join("relative").exists(), "nothing is created where the command runs");
}

#[test]
fn the_home_directory_may_be_written_as_a_tilde_where_no_shell_reads_it() {
    let place = Store::missing();
    let flag = run(unforget(place.root()).args(["--json", "init", "--store=~/by flag"])).data();
    assert_eq!(flag["store"], place.root().join("by flag").to_str().expect("a text"));
    let mut command = unforget(place.root());
    let variable = run(command.args(["--json", "init"]).env("UNFORGET_STORE", "~/by variable")).data();
    assert_eq!(variable["store"], place.root().join("by variable").to_str().expect("a text"));
}

#[test]
fn a_store_that_the_environment_names_relative_to_anywhere_is_refused() {
    let place = Store::missing();
    let mut command = unforget(place.root());
    let refused = run(command.arg("init").env("UNFORGET_STORE", "store").current_dir(place.root()));
    assert_eq!(refused.exit, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("give it an absolute path"), "{}", refused.stderr);
    assert!(!place.root().join("store").exists(), "nothing is created where the command runs");
}

#[test]
fn all_commands_find_the_store_by_the_environment() {
    let store = Store::new();
    store.remember("by the flag");
    store.run(["remember", "--session", "other", "a glider"]).data();
    let with = |args: &[&str]| {
        run(unforget(store.root()).arg("--json").args(args).env("UNFORGET_STORE", store.path())).data()
    };
    with(&["remember", "by the environment"]);
    assert_eq!(with(&["stats"])["turns"], json!(3), "both ways lead to one store");
    assert_eq!(with(&["recall", "glider"])["hits"][0]["content"], json!("a glider"), "and find the same");
}

#[test]
fn a_store_may_be_named_relative_to_where_the_command_runs() {
    let store = Store::missing();
    let mut command = unforget(store.root());
    command.args(["--json", "init", "--store", "store/"]).current_dir(store.root());
    let told = run(&mut command).data()["store"].clone();
    assert_eq!(told, json!(store.path()), "the answer names it absolutely");
}

#[test]
fn a_missing_directory_is_an_error_and_is_not_created() {
    let store = Store::missing();
    let file = store.file("turns.jsonl", line(1));
    let file = file.to_str().expect("UTF-8");
    let commands: [&[&str]; 5] = [
        &["remember", "x"],
        &["recall", "x"],
        &["import", file],
        &["import", "--skip-bad", file],
        &["stats"],
    ];
    for args in commands {
        let message = store.run(args).refusal(4, "not_found");
        let hint = format!("create it: unforget init --store {}", store.path().display());
        assert!(message.ends_with(&hint), "{args:?}: the hint says what to do: {message}");
        assert!(!store.path().exists(), "{args:?}: a mistyped path creates nothing");
    }
}

#[test]
fn an_empty_directory_becomes_a_store_when_something_is_stored_in_it() {
    for permissions in [0o700, 0o755, 0o777] {
        let store = Store::empty(permissions);
        store.remember("first");
        assert_eq!((store.turns(), mode(&store.path())), (1, 0o700), "{permissions:o}: it is made private");

        let store = Store::empty(permissions);
        let data = store.feed(["import", "-"], line(1).as_bytes()).data();
        assert_eq!(data["imported"], json!(1), "{permissions:o}: import does too");
        assert_eq!((store.turns(), mode(&store.path())), (1, 0o700), "{permissions:o}: it is made private");

        let store = Store::empty(permissions);
        assert_eq!(store.run(["init"]).data()["created"], json!(true), "{permissions:o}: and so does init");
        assert_eq!((store.turns(), mode(&store.path())), (0, 0o700), "{permissions:o}: it is made private");
    }
}

#[test]
fn an_empty_directory_is_no_store_to_those_who_only_look() {
    for permissions in [0o700, 0o755] {
        let store = Store::empty(permissions);
        store.run(["recall", "x"]).refusal(4, "not_found");
        store.run(["stats"]).refusal(4, "not_found");
        assert_eq!(entries(&store.path()), [], "{permissions:o}: looking leaves nothing behind");
        assert_eq!(mode(&store.path()), permissions, "looking changes no permissions");
    }
}

#[test]
fn init_creates_parents_and_leaves_an_existing_store_as_it_is() {
    let place = Store::missing();
    let path = place.root().join("a/b/c");
    let init = || run(unforget(place.root()).args(["--json", "init", "--store"]).arg(&path)).data();
    assert_eq!(init(), json!({"store": path, "created": true}));
    assert_eq!(mode(&path), 0o700, "the store is for its owner only");
    let mut remember = unforget(place.root());
    run(remember.args(["--json", "remember", "kept", "--store"]).arg(&path)).data();
    assert_eq!(init(), json!({"store": path, "created": false}), "a second init creates nothing");
    let stats = run(unforget(place.root()).args(["--json", "stats", "--store"]).arg(&path)).data();
    assert_eq!(stats["turns"], json!(1), "and loses nothing");
}

#[test]
fn stats_count_turns_users_and_sessions() {
    let store = Store::new();
    for (user, session) in [("ada", "s"), ("ada", "s"), ("ada", "t"), ("bob", "s")] {
        store.run(["remember", "--user", user, "--session", session, "hello"]).data();
    }
    let stats = store.run(["stats"]).data();
    let counts = [&stats["turns"], &stats["users"], &stats["sessions"], &stats["contexts"]];
    assert_eq!(counts, [4, 2, 3, 0], "a session counts once for each user: {stats}");
    assert_eq!(stats["store"], json!(store.path()));
    assert!(stats["bytes"].as_u64() > Some(0), "{stats}");
}

#[test]
fn the_files_of_a_store_are_for_their_owner_only() {
    let store = Store::new();
    store.remember("private");
    let names: Vec<_> =
        entries(&store.path()).into_iter().map(|(path, mode, _)| (path, mode & 0o777)).collect();
    assert!(names.iter().any(|(path, _)| path.ends_with("unforget.db")), "{names:?}");
    assert!(names.iter().all(|(_, mode)| *mode == 0o600), "no file lets others in: {names:?}");
}
