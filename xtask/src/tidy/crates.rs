//! What every crate's manifest and root source have.

use super::Finding;
use super::tree::{RustFile, Tree, numbered};
use crate::workspace::Member;

const MANIFEST: &str = "manifest";
const UNSAFE: &str = "unsafe";

/// Checks licence, description, README, lints, publication, and that unsafe code is forbidden.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let manifests = tree.members.iter().flat_map(|member| manifest(tree, member));
    let product = tree.members.iter().filter(|member| member.is_product());
    let roots = product
        .flat_map(|member| member.library.iter().chain(&member.binaries))
        .filter_map(|root| forbids_unsafe(tree, root));
    manifests.chain(roots).collect()
}

fn manifest(tree: &Tree, member: &Member) -> Vec<Finding> {
    let path = member.file("Cargo.toml");
    let lints = tree.text(&path).is_some_and(inherits_lints);
    let readme = tree.has(&member.file("README.md"));
    [
        (member.licensed, "there is no licence; add `license.workspace = true`"),
        (member.described, "there is no description; say in one line what a user gets"),
        (lints, "the workspace's lints are not in force; add `[lints]` with `workspace = true`"),
        (readme || !member.is_product(), "there is no README.md beside this manifest; write one"),
        (member.publishable || !member.is_product(), "this crate is never published; remove `publish`"),
        (!member.publishable || member.is_product(), "a tool is never published; add `publish = false`"),
    ]
    .into_iter()
    .filter(|(holds, _)| !holds)
    .map(|(_, message)| Finding::new(MANIFEST, &path, 1, message))
    .collect()
}

// Cargo's description of a package says nothing about lints, so the text has to.
fn inherits_lints(manifest: &str) -> bool {
    let mut section = "";
    numbered(manifest).any(|(_, line)| {
        let line = line.trim();
        if line.starts_with('[') {
            section = line;
        }
        section == "[lints]" && line.replace(' ', "") == "workspace=true"
    })
}

fn forbids_unsafe(tree: &Tree, root: &str) -> Option<Finding> {
    let file = tree.rust.iter().find(|file| file.path == root)?;
    let message = "add `#![forbid(unsafe_code)]`, or an exception with its reason";
    (!has_forbid(file)).then(|| Finding::new(UNSAFE, root, 1, message))
}

fn has_forbid(file: &RustFile) -> bool {
    file.syntax.attrs.iter().any(|attribute| match &attribute.meta {
        syn::Meta::List(list) => {
            list.path.is_ident("forbid") && list.tokens.to_string().contains("unsafe_code")
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINTS: &str = "[package]\nname = \"a\"\n\n[lints]\nworkspace = true\n";

    fn member() -> Member {
        Member {
            name: "a".into(),
            directory: "crates/a".into(),
            described: true,
            licensed: true,
            publishable: true,
            library: Some("crates/a/src/lib.rs".into()),
            ..Member::default()
        }
    }

    fn findings(member: Member, manifest: &str, source: &str) -> usize {
        let files = [
            ("crates/a/Cargo.toml", manifest),
            ("crates/a/README.md", ""),
            ("crates/a/src/lib.rs", source),
            ("tools/Cargo.toml", manifest),
        ];
        check(&Tree::of(files).with_members([member])).len()
    }

    #[test]
    fn a_complete_crate_has_nothing_to_change() {
        assert_eq!(findings(member(), LINTS, "#![forbid(unsafe_code)]\n"), 0);
    }

    #[test]
    fn each_missing_part_is_found() {
        let forbids = "#![forbid(unsafe_code)]\n";
        assert_eq!(findings(Member { licensed: false, ..member() }, LINTS, forbids), 1);
        assert_eq!(findings(Member { described: false, ..member() }, LINTS, forbids), 1);
        assert_eq!(findings(Member { publishable: false, ..member() }, LINTS, forbids), 1);
        assert_eq!(findings(member(), "[package]\n\n[lints.rust]\nworkspace = true\n", forbids), 1);
        assert_eq!(findings(member(), LINTS, "#![deny(unsafe_code)]\n"), 1);
        assert_eq!(check(&Tree::of([("crates/a/Cargo.toml", LINTS)]).with_members([member()])).len(), 1);
    }

    #[test]
    fn a_tool_is_not_published_and_needs_no_readme() {
        let tool = Member { directory: "tools".into(), library: None, publishable: false, ..member() };
        assert_eq!(findings(tool.clone(), LINTS, ""), 0);
        assert_eq!(findings(Member { publishable: true, ..tool }, LINTS, ""), 1);
    }
}
