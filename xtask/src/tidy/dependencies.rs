//! Every third-party package has a line that says why it is here.
//!
//! A row of `docs/dependencies.md` begins with the package's name: ``| `rpds` | persistent maps … |``.

use std::collections::BTreeMap;

use super::Finding;
use super::markdown::prose;
use super::tree::{Tree, numbered};

const RULE: &str = "dependencies";
const PAGE: &str = "docs/dependencies.md";
const MANIFEST: &str = "Cargo.toml";

/// Compares the rows of the page, and the versions in the root manifest, with what members depend on.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let used = used(tree);
    let mut findings = unexplained(tree, &used);
    let stale = shared(tree).into_iter().filter(|(name, _)| !used.contains_key(name));
    findings.extend(stale.map(|(name, line)| {
        Finding::new(RULE, MANIFEST, line, format!("no member depends on `{name}`; remove it"))
    }));
    findings
}

fn unexplained(tree: &Tree, used: &BTreeMap<&str, &str>) -> Vec<Finding> {
    let Some(text) = tree.text(PAGE) else {
        let names: Vec<_> = used.keys().copied().collect();
        let message = format!("it does not exist; write it, with a row for each of {}", names.join(", "));
        return vec![Finding::new(RULE, PAGE, 1, message)];
    };
    let rows: Vec<_> = prose(text).filter_map(|(line, content)| Some((package(content)?, line))).collect();
    let missing =
        used.iter().filter(|(name, _)| rows.iter().all(|(row, _)| row != *name)).map(|(name, user)| {
            let message = format!("{user} depends on `{name}`; add a row ``| `{name}` | why |``, or drop it");
            Finding::new(RULE, PAGE, 1, message)
        });
    let stale = rows.iter().filter(|(row, _)| !used.contains_key(row)).map(|(row, line)| {
        Finding::new(RULE, PAGE, *line, format!("no member depends on `{row}`; remove its row"))
    });
    missing.chain(stale).collect()
}

/// Every direct third-party dependency of any kind, with a member that has it.
fn used(tree: &Tree) -> BTreeMap<&str, &str> {
    let edges = tree.members.iter().flat_map(|member| {
        member.dependencies.iter().map(move |dependency| (dependency, member.name.as_str()))
    });
    edges.filter(|(edge, _)| !edge.internal).map(|(edge, user)| (edge.name.as_str(), user)).collect()
}

/// The package a row is about: the first cell, when it is a name in backticks.
fn package(line: &str) -> Option<&str> {
    let cell = line.trim().strip_prefix('|')?.split('|').next()?;
    cell.trim().strip_prefix('`')?.strip_suffix('`')
}

/// The third-party packages whose versions the root manifest sets for all members, with their lines.
fn shared(tree: &Tree) -> Vec<(&str, usize)> {
    let manifest = tree.text(MANIFEST).unwrap_or_default();
    let section =
        numbered(manifest).skip_while(|(_, line)| line.trim() != "[workspace.dependencies]").skip(1);
    let entries = section.take_while(|(_, line)| !line.starts_with('['));
    let third_party = entries.filter(|(_, line)| !line.contains("path = "));
    third_party.filter_map(|(number, line)| Some((line.split_once(" =")?.0, number))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::{Dependency, Member};

    fn findings(page: &str, manifest: &str) -> Vec<String> {
        let edge = |name: &str, internal| Dependency { name: name.into(), internal, ..Dependency::default() };
        let dependencies = vec![edge("serde", false), edge("unforget-sync", true)];
        let member = Member { name: "a".into(), dependencies, ..Member::default() };
        let tree = Tree::of([(PAGE, page), (MANIFEST, manifest)]).with_members([member]);
        check(&tree).into_iter().map(|finding| finding.message).collect()
    }

    const PAGE_OF_ONE: &str = "| package | why |\n|-|-|\n| `serde` | values |\n";

    #[test]
    fn each_package_has_a_row_and_each_row_a_package() {
        assert_eq!(findings(PAGE_OF_ONE, ""), Vec::<String>::new());
        let missing = findings("| package | why |\n", "");
        assert!(matches!(&missing[..], [only] if only.contains("a depends on `serde`")), "{missing:?}");
        let stale = findings(&format!("{PAGE_OF_ONE}| `rpds` | maps |\n"), "");
        assert!(matches!(&stale[..], [only] if only.contains("`rpds`")), "{stale:?}");
        assert_eq!(check(&Tree::default()).len(), 1, "the page has to exist");
    }

    #[test]
    fn a_version_that_nobody_uses_is_found() {
        let manifest =
            "[workspace.dependencies]\na = { path = \"a\" }\nserde = \"1\"\n\n[profile.dev]\nx = 1\n";
        assert_eq!(findings(PAGE_OF_ONE, manifest), Vec::<String>::new());
        let stale = findings(PAGE_OF_ONE, &manifest.replace("serde =", "rpds = \"1\"\nserde ="));
        assert!(matches!(&stale[..], [only] if only.contains("`rpds`")), "{stale:?}");
    }
}
