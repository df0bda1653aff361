//! What tidy found.

use std::fmt;

use super::Measures;

/// Everything tidy found, and the sizes it measured.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// What has to be changed; empty when the workspace is tidy.
    pub findings: Vec<Finding>,
    /// Lengths of functions and files.
    pub measures: Measures,
}

/// One thing to change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The rule that found it, as exceptions name it.
    pub rule: &'static str,
    /// Relative to the workspace's root.
    pub path: String,
    /// Counted from one; one, too, when a whole file is meant.
    pub line: usize,
    /// What is wrong, and what to do.
    pub message: String,
}

impl Finding {
    pub(crate) fn new(
        rule: &'static str,
        path: impl Into<String>,
        line: usize,
        message: impl Into<String>,
    ) -> Self {
        Self { rule, path: path.into(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {} [{}]", self.path, self.line, self.message, self.rule)
    }
}

/// A line for each finding, the measures, and a verdict.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.findings.iter().try_for_each(|finding| writeln!(f, "{finding}"))?;
        write!(f, "{}", self.measures)?;
        match self.findings.len() {
            0 => writeln!(f, "tidy: nothing to change"),
            count => writeln!(f, "tidy: {count} to change"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_can_be_jumped_to() {
        let finding = Finding::new("words", "src/a.rs", 3, "too much; say less");
        assert_eq!(finding.to_string(), "src/a.rs:3: too much; say less [words]");
    }
}
