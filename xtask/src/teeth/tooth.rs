//! The format of a tooth.

use std::fmt;

use crate::models::Checker;

/// One protection, the patch that removes it, and the check that has to notice.
///
/// The file begins with header lines; everything from the first other line on is a diff for `git apply -p1`:
///
/// ```text
/// # protects: an operation withdrawn at its deadline is never run
/// # test: -p unforget-sync --test it write_queue::withdrawn
/// --- a/crates/unforget-sync/src/write_queue.rs
/// +++ b/crates/unforget-sync/src/write_queue.rs
/// ```
///
/// `# test:` gives the arguments of `cargo test` (after `--doc`, a filter); `# loom:` or `# shuttle:` gives
/// the name of one of its models instead. `# hangs` says that without the protection the check never ends.
#[derive(Clone, Debug)]
pub(crate) struct Tooth {
    /// Relative to the workspace's root.
    pub(crate) path: String,
    pub(crate) protects: String,
    pub(crate) check: Check,
    pub(crate) hangs: bool,
    pub(crate) patch: String,
}

/// What has to fail once the protection is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// Arguments of `cargo test`.
    Test(Vec<String>),
    /// What runs a model, and the model's name.
    Model(Checker, String),
}

impl Tooth {
    /// Reads a patch file; the error says what is missing or wrong.
    pub(crate) fn parse(path: &str, text: &str) -> Result<Self, String> {
        let mut headers = Headers::default();
        let mut rest = text;
        while let Some(header) = rest.strip_prefix('#') {
            let (line, after) = header.split_once('\n').unwrap_or((header, ""));
            headers.read(line.trim())?;
            rest = after;
        }
        if !rest.contains("\n+++ ") {
            return Err("there is no unified diff below the header lines".into());
        }
        Ok(Self {
            path: path.into(),
            protects: headers.protects.ok_or("a line `# protects: <sentence>` is missing")?,
            check: headers.check.ok_or(
                "a line `# test: <arguments>`, `# loom: <model>` or `# shuttle: <model>` is missing",
            )?,
            hangs: headers.hangs,
            patch: rest.into(),
        })
    }
}

#[derive(Default)]
struct Headers {
    protects: Option<String>,
    check: Option<Check>,
    hangs: bool,
}

impl Headers {
    fn read(&mut self, line: &str) -> Result<(), String> {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.trim();
        let repeated = match name {
            "protects" if !value.is_empty() => self.protects.replace(value.into()).is_some(),
            "test" if !value.is_empty() => {
                let arguments = value.split_whitespace().map(String::from).collect();
                self.check.replace(Check::Test(arguments)).is_some()
            }
            "loom" if !value.is_empty() => self.model(Checker::Loom, value),
            "shuttle" if !value.is_empty() => self.model(Checker::Shuttle, value),
            "hangs" if value.is_empty() => std::mem::replace(&mut self.hangs, true),
            _ => return Err(format!("the header line `# {line}` is not understood")),
        };
        if repeated { Err(format!("the header line `# {line}` comes second; one is enough")) } else { Ok(()) }
    }

    /// Says whether there was a check before.
    fn model(&mut self, checker: Checker, name: &str) -> bool {
        self.check.replace(Check::Model(checker, name.into())).is_some()
    }
}

/// The command a person would type.
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Test(arguments) => write!(f, "cargo test {}", arguments.join(" ")),
            Self::Model(checker, model) => write!(f, "cargo xtask {} {model}", checker.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIFF: &str = "--- a/a.rs\n+++ b/a.rs\n@@ -1 +1 @@\n-a\n+b\n";

    fn parse(header: &str) -> Result<Tooth, String> {
        Tooth::parse("tests/teeth/a.patch", &format!("{header}{DIFF}"))
    }

    #[test]
    fn a_tooth_names_its_protection_and_its_check() {
        let tooth = parse("# protects: order\n# test: -p x --test it a::b\n").expect("a tooth");
        assert_eq!(tooth.protects, "order");
        assert_eq!(tooth.check.to_string(), "cargo test -p x --test it a::b");
        assert_eq!((tooth.hangs, tooth.patch.as_str()), (false, DIFF));
        let tooth = parse("# protects: wakeups\n# loom: queue\n# hangs\n").expect("a tooth");
        assert_eq!((tooth.check, tooth.hangs), (Check::Model(Checker::Loom, "queue".into()), true));
        let tooth = parse("# protects: wakeups\n# shuttle: queue\n").expect("a tooth");
        assert_eq!(tooth.check, Check::Model(Checker::Shuttle, "queue".into()));
        assert_eq!(tooth.check.to_string(), "cargo xtask shuttle queue");
    }

    #[test]
    fn what_is_missing_or_wrong_is_said() {
        for (header, word) in [
            ("# test: -p x\n", "protects"),
            ("# protects: order\n", "loom"),
            ("# protects:\n# loom: queue\n", "not understood"),
            ("# protect: order\n# loom: queue\n", "not understood"),
            ("# protects: order\n# loom: a\n# test: b\n", "one is enough"),
            ("# protects: order\n# loom: a\n# shuttle: b\n", "one is enough"),
            ("# protects: order\n# shuttle:\n", "not understood"),
        ] {
            let complaint = parse(header).expect_err(header);
            assert!(complaint.contains(word), "{header}: {complaint}");
        }
        let complaint = Tooth::parse("a", "# protects: order\n# loom: queue\n").expect_err("no diff");
        assert!(complaint.contains("diff"), "{complaint}");
    }
}
