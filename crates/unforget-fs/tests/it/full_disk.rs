//! A disk that is full and a file that may not grow, as the kernel says it.

use std::error::Error as _;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use unforget_fs::{AtomicFile, Error, ReplaceOptions, create_new, replace, replace_many};

use crate::child::{Child, Part, names_in, say};

const OPTIONS: ReplaceOptions = ReplaceOptions::new();

/// Writes `contents` to `path` in some way.
type Operation = fn(&Path, &[u8]) -> Result<(), Error>;

const OPERATIONS: [(&str, Operation); 4] = [
    ("replace", |path, contents| replace(path, contents, &OPTIONS)),
    ("replace_many", |path, contents| {
        let beside = path.with_file_name("beside");
        replace_many(&[(beside.as_path(), &b"small"[..]), (path, contents)], &OPTIONS)
    }),
    ("create_new", |path, contents| create_new(&path.with_file_name("beside"), contents, &OPTIONS)),
    ("AtomicFile", |path, contents| {
        let mut file = AtomicFile::create(path, &OPTIONS)?;
        for piece in contents.chunks(1000) {
            file.write_all(piece).map_err(|source| Error::Io {
                operation: "write a piece of",
                path: path.to_owned(),
                source,
            })?;
        }
        file.commit().map_err(|failed| failed.into_parts().0)
    }),
];

/// Tries each operation with more than there is room for, and says what came of it and what is there then.
pub(crate) fn try_every_operation(part: &Part) {
    let root = part.path.parent().expect("a directory");
    // Also in a directory that was mounted for this process and was empty.
    fs::write(&part.path, "old").expect("room for a little");
    let contents = vec![b'n'; usize::try_from(part.times).expect("a size")];
    for (name, operation) in OPERATIONS {
        let error = operation(&part.path, &contents).expect_err("there is no room");
        let source = error.source().expect("the system said why").to_string();
        say(&format!("{name}: {error}: {source}"));
        say(&format!("{:?} {}", names_in(root), fs::read_to_string(&part.path).expect("the old file")));
    }
    // A disk that was full for a moment is nothing to remember.
    for (name, operation) in OPERATIONS {
        let _ = fs::remove_file(part.path.with_file_name("beside"));
        operation(&part.path, b"new")
            .unwrap_or_else(|error| panic!("{name}: there is room for this: {error}"));
    }
    say("room again");
}

/// Runs the operations by a shell that prepares their world, in a directory that only they use.
fn in_a_world(mut shell: Command, preparation: &str, size: u32) -> Vec<String> {
    let root = tempfile::tempdir().unwrap();
    shell.args(["sh", "-c", &format!("{preparation}; exec \"$@\""), "sh"]);
    shell.arg(std::env::current_exe().unwrap()).env("WORLD", root.path());
    Child::start_by(shell, "full_disk::try_every_operation", &root.path().join("file"), size).finish()
}

fn assert_refused(said: &[String], remedy: &str, source: &str) {
    assert_eq!(said.last().map(String::as_str), Some("room again"));
    let outcomes: Vec<_> = said.chunks_exact(2).collect();
    assert_eq!(outcomes.len(), OPERATIONS.len());
    for (outcome, (name, _)) in outcomes.iter().zip(OPERATIONS) {
        let [error, left] = outcome else { unreachable!("chunks of two") };
        assert!(error.starts_with(name) && error.contains(remedy) && error.contains(source), "{error}");
        assert_eq!(left, "[\"file\"] old", "{name}: the old file is as it was, and nothing else is there");
    }
}

#[test]
fn a_full_disk_leaves_the_old_file_and_nothing_else() {
    // A namespace in which an ordinary user may mount something; not every system lets one.
    const NAMESPACE: [&str; 2] = ["-r", "-m"];
    const MOUNT: &str = "mount -t tmpfs -o size=64k tmpfs \"$WORLD\"";
    let root = tempfile::tempdir().unwrap();
    let mut probe = Command::new("unshare");
    probe.args(NAMESPACE).args(["sh", "-c", MOUNT]).env("WORLD", root.path()).stderr(Stdio::null());
    if !probe.status().is_ok_and(|status| status.success()) {
        println!("not tested: no small file system can be mounted here; the simulated disk is full instead");
        return;
    }
    let mut shell = Command::new("unshare");
    shell.args(NAMESPACE);
    let said = in_a_world(shell, MOUNT, 200_000);
    assert_refused(&said, "; free some space", "No space left on device");
}

#[test]
fn a_limit_on_file_sizes_leaves_the_old_file_and_nothing_else() {
    // The shell ignores the signal that would end the process at the limit of 8 blocks.
    let said = in_a_world(Command::new("env"), "trap '' XFSZ; ulimit -f 8", 10_000);
    assert_refused(&said, "; raise the limit", "File too large");
}
