//! Every tooth says what it protects and fits the sources.

use std::path::Path;

use super::Finding;
use super::tree::Tree;
use crate::Error;
use crate::teeth::{self, Tooth};

const RULE: &str = "teeth";

/// Checks the header lines.
pub(crate) fn check_headers(tree: &Tree) -> Vec<Finding> {
    let parsed = patches(tree).map(|(path, text)| (path, Tooth::parse(path, text)));
    let wrong = parsed.filter_map(|(path, tooth)| Some((path, tooth.err()?)));
    wrong
        .map(|(path, complaint)| {
            Finding::new(RULE, path, 1, format!("{complaint}; xtask/src/teeth/tooth.rs shows the format"))
        })
        .collect()
}

/// Checks that every patch applies to the sources as they are.
pub(crate) fn check_patches(tree: &Tree, root: &Path) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    for tooth in patches(tree).filter_map(|(path, text)| Tooth::parse(path, text).ok()) {
        if let Err(complaint) = teeth::applies(root, &tooth)? {
            let message = format!("it does not apply; make the patch again ({})", complaint.trim());
            findings.push(Finding::new(RULE, tooth.path, 1, message));
        }
    }
    Ok(findings)
}

fn patches(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    tree.texts().filter(|(path, _)| teeth::is_patch(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "tests/teeth/a.patch";
    const TOOTH: &str = "# protects: order\n# loom: queue\n--- a/a.rs\n+++ b/a.rs\n@@ -1 +1 @@\n-a\n+b\n";

    #[test]
    fn header_lines_are_demanded() {
        assert!(check_headers(&Tree::of([(PATH, TOOTH)])).is_empty());
        assert_eq!(check_headers(&Tree::of([(PATH, "--- a/a.rs\n+++ b/a.rs\n")])).len(), 1);
        assert!(check_headers(&Tree::of([("tests/a.patch", "")])).is_empty(), "other patches are no teeth");
    }

    #[test]
    fn a_patch_that_does_not_apply_is_found() {
        let root = tempfile::tempdir().expect("a scratch directory");
        let findings = |source: &str| {
            std::fs::write(root.path().join("a.rs"), source).expect("a file");
            check_patches(&Tree::of([(PATH, TOOTH)]), root.path()).expect("git runs").len()
        };
        assert_eq!((findings("a\n"), findings("c\n")), (0, 1));
    }
}
