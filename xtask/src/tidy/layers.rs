//! The layer table: which crate may depend on which, and why it is a crate at all.

use cargo_metadata::DependencyKind;

use super::Finding;
use super::tree::Tree;
use crate::workspace::{Dependency, Member};

const RULE: &str = "layers";
/// The page that explains the layers, with each invariant in bold.
const PAGE: &str = "docs/architecture.md";

/// A crate of the product.
pub(crate) struct Layer {
    pub(crate) name: &'static str,
    /// What stays true of the crate, mostly an absence; the page has the same words in bold.
    pub(crate) invariant: &'static str,
    /// The crates it may depend on.
    below: &'static [&'static str],
    /// The crates it may depend on only through an optional dependency.
    optional: &'static [&'static str],
    /// Whether it composes what the primitives offer, and holds no bare locks of its own.
    pub(crate) application: bool,
}

pub(crate) const LAYERS: [Layer; 8] = [
    Layer {
        name: "unforget-sync",
        invariant: "Threads and no I/O, so that it is model-checked whole.",
        below: &[],
        optional: &[],
        application: false,
    },
    Layer {
        name: "unforget-fs",
        invariant: "Files and processes, and never a thread; the only crate that writes files.",
        below: &["unforget-sync"],
        optional: &[],
        application: false,
    },
    Layer {
        name: "unforget-sqlite",
        invariant: "The only crate that opens a database, and it knows no schema.",
        below: &["unforget-sync", "unforget-fs"],
        optional: &[],
        application: false,
    },
    Layer {
        name: "unforget-context",
        invariant: "Immutable values per key; it never knows where they are kept.",
        below: &["unforget-sync"],
        optional: &["unforget-fs"],
        application: true,
    },
    Layer {
        name: "unforget-memory",
        invariant: "The only crate that knows the schema.",
        below: &["unforget-context", "unforget-sqlite", "unforget-sync", "unforget-fs"],
        optional: &[],
        application: true,
    },
    Layer {
        name: "unforget",
        invariant: "Opens, composes and shuts down; no algorithm lives here.",
        below: &["unforget-memory", "unforget-context", "unforget-sqlite", "unforget-sync", "unforget-fs"],
        optional: &[],
        application: true,
    },
    Layer {
        name: "unforget-mcp",
        invariant: "The only library with an async runtime, and it knows nothing below the facade.",
        below: &["unforget"],
        optional: &[],
        application: true,
    },
    Layer {
        name: "unforget-cli",
        invariant: "Terminals and exit codes; it asks the facade for everything else.",
        below: &["unforget", "unforget-mcp"],
        optional: &[],
        application: true,
    },
];

/// A third-party package that only some crates may depend on.
struct Confined {
    /// The package's name; with a `*` at its end, every package whose name begins so.
    name: &'static str,
    to: &'static [&'static str],
    /// The only configuration under which it may be a dependency.
    target: Option<&'static str>,
}

const CONFINED: [Confined; 9] = [
    Confined { name: "rusqlite", to: &["unforget-sqlite", "unforget-memory"], target: None },
    Confined { name: "r2d2*", to: &["unforget-sqlite"], target: None },
    Confined { name: "arc-swap", to: &["unforget-sync"], target: None },
    Confined { name: "tokio", to: &["unforget-mcp", "unforget-cli"], target: None },
    Confined { name: "rmcp", to: &["unforget-mcp", "unforget-cli"], target: None },
    Confined { name: "rustix", to: &["unforget-fs"], target: None },
    Confined { name: "memmap2", to: &["unforget-sqlite"], target: None },
    Confined { name: "loom", to: &["unforget-sync"], target: Some("cfg(unforget_loom)") },
    Confined { name: "shuttle", to: &["unforget-sync"], target: Some("cfg(unforget_shuttle)") },
];

/// Compares every product crate's dependencies with the table; what only its tests use is free.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in tree.members.iter().filter(|member| member.is_product()) {
        let finding = |message: String| Finding::new(RULE, member.file("Cargo.toml"), 1, message);
        let Some(layer) = LAYERS.iter().find(|layer| layer.name == member.name) else {
            let message = "this crate has no row in xtask/src/tidy/layers.rs; give it one with its invariant";
            findings.push(finding(message.into()));
            continue;
        };
        findings.extend(edges(member).filter_map(|edge| layer.objection(edge)).map(finding));
        findings.extend(edges(member).filter_map(|edge| confinement(member, edge)).map(finding));
        findings.extend(layer.unexplained(tree));
    }
    findings
}

fn edges(member: &Member) -> impl Iterator<Item = &Dependency> {
    member.dependencies.iter().filter(|edge| edge.kind != DependencyKind::Development)
}

impl Layer {
    fn objection(&self, edge: &Dependency) -> Option<String> {
        let name = edge.name.as_str();
        if !edge.internal || self.below.contains(&name) {
            return None;
        }
        if !self.optional.contains(&name) {
            let allowed = if self.below.is_empty() { "no other crate".into() } else { self.below.join(", ") };
            return Some(format!(
                "{} may depend on {allowed}, not on {name} (**{}**); move what needs it, or change the layer table",
                self.name, self.invariant
            ));
        }
        (!edge.optional).then(|| {
            format!("{name} has to be an optional dependency of {}; put it behind a feature", self.name)
        })
    }

    fn unexplained(&self, tree: &Tree) -> Option<Finding> {
        let page = tree.text(PAGE)?;
        let bold = format!("**{}**", self.invariant);
        (!page.contains(&bold)).then(|| {
            Finding::new(RULE, PAGE, 1, format!("the invariant of {} is not here; add {bold}", self.name))
        })
    }
}

fn confinement(member: &Member, edge: &Dependency) -> Option<String> {
    let rule = CONFINED.iter().find(|rule| rule.covers(&edge.name))?;
    if !rule.to.contains(&member.name.as_str()) {
        let to = rule.to.join(" and ");
        return Some(format!("{} belongs in {to} only; use what those crates offer", edge.name));
    }
    let target = rule.target.filter(|target| edge.target.as_deref() != Some(target))?;
    Some(format!(
        "{} may only be a dependency for '{target}'; put it under [target.'{target}'.dependencies]",
        edge.name
    ))
}

impl Confined {
    fn covers(&self, name: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => self.name == name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(name: &str, edges: Vec<Dependency>) -> Vec<String> {
        let directory = format!("crates/{name}");
        let member = Member { name: name.into(), directory, dependencies: edges, ..Member::default() };
        check(&Tree::default().with_members([member])).into_iter().map(|finding| finding.message).collect()
    }

    fn internal(name: &str) -> Dependency {
        Dependency { name: name.into(), internal: true, ..Dependency::default() }
    }

    fn external(name: &str) -> Dependency {
        Dependency { name: name.into(), ..Dependency::default() }
    }

    #[test]
    fn an_edge_downwards_is_allowed_and_upwards_is_found() {
        assert!(findings("unforget-sqlite", vec![internal("unforget-fs")]).is_empty());
        let upwards = findings("unforget-fs", vec![internal("unforget-sqlite")]);
        assert!(
            upwards.first().is_some_and(|message| message.contains("not on unforget-sqlite")),
            "{upwards:?}"
        );
    }

    #[test]
    fn tests_may_depend_on_anything() {
        let edge = Dependency { kind: DependencyKind::Development, ..internal("unforget-memory") };
        assert!(findings("unforget-sync", vec![edge]).is_empty());
    }

    #[test]
    fn files_reach_contexts_only_behind_a_feature() {
        let optional = Dependency { optional: true, ..internal("unforget-fs") };
        assert!(findings("unforget-context", vec![optional]).is_empty());
        assert_eq!(findings("unforget-context", vec![internal("unforget-fs")]).len(), 1);
    }

    #[test]
    fn confined_packages_stay_where_they_belong() {
        for (package, home, elsewhere) in [
            ("rusqlite", "unforget-memory", "unforget"),
            ("r2d2_sqlite", "unforget-sqlite", "unforget-memory"),
            ("arc-swap", "unforget-sync", "unforget-context"),
            ("tokio", "unforget-mcp", "unforget"),
            ("rustix", "unforget-fs", "unforget-sqlite"),
        ] {
            assert!(findings(home, vec![external(package)]).is_empty(), "{package} belongs in {home}");
            assert_eq!(findings(elsewhere, vec![external(package)]).len(), 1, "{package} in {elsewhere}");
        }
    }

    #[test]
    fn a_checker_is_a_dependency_only_under_its_configuration() {
        for checker in ["loom", "shuttle"] {
            let target = Some(format!("cfg(unforget_{checker})"));
            assert!(findings("unforget-sync", vec![Dependency { target, ..external(checker) }]).is_empty());
            assert_eq!(findings("unforget-sync", vec![external(checker)]).len(), 1);
        }
    }

    #[test]
    fn a_crate_without_a_row_is_found() {
        assert_eq!(findings("unforget-more", vec![]).len(), 1);
    }

    #[test]
    fn the_page_has_every_invariant_in_bold() {
        let member =
            Member { name: "unforget".into(), directory: "crates/unforget".into(), ..Member::default() };
        let page = |text: &str| check(&Tree::of([(PAGE, text)]).with_members([member.clone()])).len();
        assert_eq!(page("**Opens, composes and shuts down; no algorithm lives here.**"), 0);
        assert_eq!(page("Opens, composes and shuts down."), 1);
    }
}
