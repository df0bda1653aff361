//! Every library has a package that uses it as a program outside would: it, and nothing else of the workspace.

use super::Finding;
use super::tree::Tree;
use crate::workspace::Member;

const RULE: &str = "downstream";
const DIRECTORY: &str = "tests/downstream/";

/// Compares the packages there with the libraries.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let users = || tree.members.iter().filter(|member| member.directory.starts_with(DIRECTORY));
    let crowded = users().filter_map(|user| {
        let message = format!("{} is to depend on one crate of the workspace and on nothing else", user.name);
        used(user).is_none().then(|| Finding::new(RULE, user.file("Cargo.toml"), 1, message))
    });
    let libraries = tree.members.iter().filter(|member| member.is_product() && member.library.is_some());
    let unused = libraries.filter(|library| users().all(|user| used(user) != Some(&library.name)));
    let unused = unused.map(|library| {
        let message =
            format!("no package in {DIRECTORY} uses {} alone; add one that does a little job", library.name);
        Finding::new(RULE, library.file("Cargo.toml"), 1, message)
    });
    crowded.chain(unused).collect()
}

/// The one crate a package depends on.
fn used(user: &Member) -> Option<&str> {
    match &user.dependencies[..] {
        [only] if only.internal => Some(&only.name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn library(name: &str) -> Member {
        let directory = format!("crates/{name}");
        Member {
            name: name.into(),
            library: Some(format!("{directory}/src/lib.rs")),
            directory,
            ..Member::default()
        }
    }

    fn user(of: &[(&str, bool)]) -> Member {
        let edge = |(name, internal): &(&str, bool)| Dependency {
            name: (*name).into(),
            internal: *internal,
            ..Dependency::default()
        };
        let dependencies = of.iter().map(edge).collect();
        Member {
            name: "user".into(),
            directory: format!("{DIRECTORY}user"),
            dependencies,
            ..Member::default()
        }
    }

    fn findings(members: impl IntoIterator<Item = Member>) -> usize {
        check(&Tree::default().with_members(members)).len()
    }

    #[test]
    fn each_library_is_used_alone_somewhere() {
        assert_eq!(findings([library("a"), user(&[("a", true)])]), 0);
        assert_eq!(findings([library("a"), library("b"), user(&[("a", true)])]), 1);
        assert_eq!(findings([Member { library: None, ..library("command") }]), 0, "a command is no library");
    }

    #[test]
    fn a_second_dependency_is_found() {
        for second in [("b", true), ("tempfile", false)] {
            let members = [library("a"), user(&[("a", true)]), user(&[("a", true), second])];
            assert_eq!(findings(members), 1, "{second:?}");
        }
    }
}
