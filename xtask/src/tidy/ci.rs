//! CI runs what a developer runs.

use super::Finding;
use super::tree::Tree;

const RULE: &str = "ci";
const SCRIPT: &str = ".ci/run";
const COMMAND: &str = "cargo xtask verify";

/// Checks that CI calls the one command that runs everything.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let calls = tree.text(SCRIPT).is_some_and(|script| script.lines().any(|line| line.trim() == COMMAND));
    let message = format!("it does not call `{COMMAND}`; CI and developers run the same");
    if calls { Vec::new() } else { vec![Finding::new(RULE, SCRIPT, 1, message)] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ci_calls_verify() {
        assert!(check(&Tree::of([(SCRIPT, "#!/bin/sh\ncargo xtask verify\n")])).is_empty());
        assert_eq!(check(&Tree::of([(SCRIPT, "#!/bin/sh\n# cargo xtask verify\ncargo test\n")])).len(), 1);
        assert_eq!(check(&Tree::default()).len(), 1);
    }
}
