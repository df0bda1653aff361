//! Findings that are wanted, each with its reason.

use super::Finding;

const RULE: &str = "exceptions";
const HERE: &str = "xtask/src/tidy/exceptions.rs";

/// A rule that does not hold for one file.
struct Exception {
    rule: &'static str,
    path: &'static str,
    /// Why the rule does not fit; for the reader of this table.
    reason: &'static str,
}

const EXCEPTIONS: [Exception; 1] = [Exception {
    rule: "unsafe",
    path: "crates/unforget-sqlite/src/lib.rs",
    reason: "counters in memory that processes share; denied everywhere but in generation/mapped.rs",
}];

/// Removes the findings that are wanted, and reports exceptions that nothing needs any more.
pub(crate) fn apply(findings: Vec<Finding>) -> Vec<Finding> {
    apply_to(findings, &EXCEPTIONS)
}

fn apply_to(findings: Vec<Finding>, exceptions: &[Exception]) -> Vec<Finding> {
    let covers = |exception: &Exception, finding: &Finding| {
        exception.rule == finding.rule && exception.path == finding.path
    };
    let unused = |exception: &&Exception| !findings.iter().any(|finding| covers(exception, finding));
    let stale: Vec<_> = exceptions.iter().filter(unused).map(Exception::stale).collect();
    let mut kept: Vec<_> = findings
        .into_iter()
        .filter(|finding| !exceptions.iter().any(|exception| covers(exception, finding)))
        .collect();
    kept.extend(stale);
    kept
}

impl Exception {
    fn stale(&self) -> Finding {
        let Self { rule, path, reason } = self;
        let message = format!("`{path}` keeps the rule `{rule}`; remove its exception ({reason})");
        Finding::new(RULE, HERE, 1, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: [Exception; 1] = [Exception { rule: "phrases", path: "a.rs", reason: "a reason" }];

    #[test]
    fn an_exception_covers_one_rule_in_one_file() {
        let wanted = Finding::new("phrases", "a.rs", 1, "");
        let others = [Finding::new("phrases", "b.rs", 1, ""), Finding::new("links", "a.rs", 1, "")];
        let findings = others.iter().cloned().chain([wanted]).collect();
        assert_eq!(apply_to(findings, &ONE), others);
    }

    #[test]
    fn an_exception_that_nothing_needs_is_found() {
        let findings = apply_to(Vec::new(), &ONE);
        assert!(findings.first().is_some_and(|finding| finding.message.contains("a reason")), "{findings:?}");
    }
}
