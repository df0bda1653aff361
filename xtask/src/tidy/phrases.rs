//! Words and calls that have no place in the sources.

use super::Finding;
use super::layers::LAYERS;
use super::tree::{RustFile, Tree, numbered};

/// Every phrase is put together from parts, so that this file does not contain it.
struct Phrase {
    rule: &'static str,
    text: &'static str,
    advice: &'static str,
    place: Place,
}

/// Where a phrase is not wanted.
#[derive(Clone, Copy)]
enum Place {
    /// In any text file, as a word of its own.
    Anywhere,
    /// In the code of any Rust file.
    Code,
    /// In test code.
    Tests,
    /// In the product's own code, outside `unforget-fs`, which writes its files.
    AboveFiles,
    /// In the product's own code, in the crates that compose the others.
    Application,
}

const INTENT: &str = "do it now, or write down what is missing under Limitations";
const FINISH: &str = "finish it, or return an error that says what is not supported";
const WRITES: &str =
    "files are written through unforget-fs, which keeps the old one until the new one is whole";

const PHRASES: [Phrase; 14] = [
    Phrase { rule: "intent", text: concat!("TO", "DO"), advice: INTENT, place: Place::Anywhere },
    Phrase { rule: "intent", text: concat!("FIX", "ME"), advice: INTENT, place: Place::Anywhere },
    Phrase { rule: "intent", text: concat!("XX", "X"), advice: INTENT, place: Place::Anywhere },
    Phrase { rule: "unfinished", text: concat!("to", "do!("), advice: FINISH, place: Place::Code },
    Phrase { rule: "unfinished", text: concat!("unimpl", "emented!("), advice: FINISH, place: Place::Code },
    Phrase {
        rule: "unfinished",
        text: concat!("db", "g!("),
        advice: "remove it, or report the value where its user looks",
        place: Place::Code,
    },
    Phrase {
        rule: "tests",
        text: concat!("#[", "ignore"),
        advice: "a test that does not run tests nothing; run it, or remove it",
        place: Place::Code,
    },
    Phrase {
        rule: "tests",
        text: concat!("#[", "should_panic"),
        advice: "it passes on any panic; catch the panic and look at its message",
        place: Place::Code,
    },
    Phrase {
        rule: "sleep",
        text: concat!("thread::", "sleep"),
        advice: "wait for a condition with a deadline, or use a ManualClock",
        place: Place::Tests,
    },
    Phrase { rule: "writes", text: concat!("fs::", "write("), advice: WRITES, place: Place::AboveFiles },
    Phrase { rule: "writes", text: concat!("File::", "create"), advice: WRITES, place: Place::AboveFiles },
    Phrase { rule: "writes", text: concat!("File::", "options"), advice: WRITES, place: Place::AboveFiles },
    Phrase { rule: "writes", text: concat!("Open", "Options"), advice: WRITES, place: Place::AboveFiles },
    Phrase {
        rule: "locks",
        text: concat!("Arc<", "Mutex<"),
        advice: "put the lock inside a type that says what it guards",
        place: Place::Application,
    },
];

const MACHINE_PATH: &str = "machine-path";
/// The first directories of paths that exist on one person's machine only, without their slash.
const MACHINE_ROOTS: [&str; 4] = ["tmp", "work", "root", "home"];
/// The crate whose job it is to write files.
const FILES: &str = "crates/unforget-fs/";

/// Finds unwanted phrases, and paths of one machine.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let texts = tree.texts().flat_map(|(path, text)| in_text(path, text));
    texts.chain(tree.rust.iter().flat_map(in_code)).collect()
}

fn in_text(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in numbered(text) {
        let words = PHRASES.iter().filter(|phrase| matches!(phrase.place, Place::Anywhere));
        let found = words.filter(|phrase| has_word(line, phrase.text));
        findings.extend(found.map(|phrase| phrase.finding(path, number)));
        findings.extend(machine_path(line).map(|root| {
            let message = format!("`/{root}` is a place on one machine; use a relative path or a variable");
            Finding::new(MACHINE_PATH, path, number, message)
        }));
    }
    findings
}

fn in_code(file: &RustFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in file.code() {
        let found = PHRASES.iter().filter(|phrase| begins_a_name(line, phrase.text));
        let unwanted = found.filter(|phrase| phrase.place.includes(file, number));
        findings.extend(unwanted.map(|phrase| phrase.finding(&file.path, number)));
    }
    findings
}

impl Phrase {
    fn finding(&self, path: &str, line: usize) -> Finding {
        Finding::new(self.rule, path, line, format!("`{}`: {}", self.text, self.advice))
    }
}

impl Place {
    fn includes(self, file: &RustFile, line: usize) -> bool {
        let product = || file.path.starts_with("crates/") && !file.is_test(line);
        match self {
            Self::Anywhere => false,
            Self::Code => true,
            Self::Tests => file.is_test(line),
            Self::AboveFiles => product() && !file.path.starts_with(FILES),
            Self::Application => product() && is_application(&file.path),
        }
    }
}

fn is_application(path: &str) -> bool {
    let name = path.split('/').nth(1);
    LAYERS.iter().any(|layer| layer.application && Some(layer.name) == name)
}

fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(start, _)| {
        let before = line.get(..start).and_then(|text| text.chars().next_back());
        let after = line.get(start + word.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// Returns the first directory of an absolute path of one machine. The slash has to begin the path: after a
/// letter, a digit or another part of a path it separates two names.
fn machine_path(line: &str) -> Option<&'static str> {
    line.match_indices('/').find_map(|(slash, _)| {
        let before = line.get(..slash)?.chars().next_back();
        let rest = line.get(slash + 1..)?;
        let begins = before.is_none_or(|c| c.is_whitespace() || "\"'`([{<=:,|".contains(c));
        begins.then(|| MACHINE_ROOTS.into_iter().find(|root| is_first_name(rest, root)))?
    })
}

fn is_first_name(path: &str, name: &str) -> bool {
    path.strip_prefix(name)
        .is_some_and(|rest| !rest.chars().next().is_some_and(|c| is_word(c) || "-.".contains(c)))
}

/// Whether `text` is in the line and is not the end of a longer name, as in `AtomicFile::create`.
fn begins_a_name(line: &str, text: &str) -> bool {
    line.match_indices(text).any(|(at, _)| !line[..at].chars().next_back().is_some_and(is_word))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<&'static str> {
        check(&Tree::of([(path, text)])).into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn intent_is_found_in_any_text_but_only_as_a_word() {
        assert_eq!(findings("a.md", concat!("TO", "DO: later\n")), ["intent"]);
        assert_eq!(findings("a.rs", concat!("// FIX", "ME later\n")), ["intent"]);
        assert!(findings("a.md", "mktemp nameXXXX\n").is_empty());
    }

    #[test]
    fn unfinished_code_is_found_and_prose_about_it_is_not() {
        let source = concat!("fn f() {\n    to", "do!()\n}\n");
        assert_eq!(findings("a.rs", source), ["unfinished"]);
        assert!(findings("a.rs", concat!("// no unimpl", "emented!() here\nfn f() {}\n")).is_empty());
        assert!(findings("a.md", source).is_empty());
    }

    #[test]
    fn tests_neither_sleep_nor_hide() {
        let sleeps = concat!("fn f() {\n    std::thread::", "sleep(d);\n}\n");
        assert_eq!(findings("crates/a/tests/it/main.rs", sleeps), ["sleep"]);
        assert!(findings("crates/a/src/a.rs", sleeps).is_empty(), "a clock may sleep");
        assert_eq!(findings("a.rs", concat!("#[", "ignore]\nfn f() {}\n")), ["tests"]);
        assert_eq!(findings("a.rs", concat!("#[", "should_panic]\nfn f() {}\n")), ["tests"]);
    }

    #[test]
    fn files_are_written_by_one_crate() {
        let writes = concat!("fn f() {\n    std::fs::", "write(a, b);\n}\n");
        assert_eq!(findings("crates/unforget-cli/src/a.rs", writes), ["writes"]);
        for free in ["crates/unforget-fs/src/a.rs", "crates/unforget-cli/tests/it/a.rs", "xtask/src/a.rs"] {
            assert!(findings(free, writes).is_empty(), "{free} may write");
        }
        let through_it = concat!("fn f() {\n    AtomicFile::", "create(a, b);\n}\n");
        assert!(findings("crates/unforget-cli/src/a.rs", through_it).is_empty(), "that is the crate's own");
    }

    #[test]
    fn an_application_has_no_bare_locks() {
        let lock = concat!("struct S(Arc<", "Mutex<u8>>);\n");
        assert_eq!(findings("crates/unforget-memory/src/a.rs", lock), ["locks"]);
        assert!(findings("crates/unforget-sync/src/a.rs", lock).is_empty());
    }

    #[test]
    fn paths_of_one_machine_are_found_where_they_begin() {
        for line in [concat!("cd /", "tmp"), concat!("\"/", "home/me\""), concat!("(/", "work/a)")] {
            assert_eq!(findings("a.md", line), ["machine-path"], "{line}");
        }
        for line in ["target/tmp/a", "https://a.example/home/", "/tmpfs", "/homework", "/work-group", "~/a"] {
            assert!(findings("a.md", line).is_empty(), "{line}");
        }
    }
}
