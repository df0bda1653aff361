//! The workspace as cargo describes it, reduced to what the tasks ask.

use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, TargetKind};

use crate::Error;

/// Where the crates of the product are; every other member is a tool or a test and never published.
const CRATES: &str = "crates/";

/// The workspace: its place, its build directory, its members.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
    members: Vec<Member>,
}

/// A package of the workspace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// Relative to the root, with `/` between names.
    pub(crate) directory: String,
    pub(crate) described: bool,
    pub(crate) licensed: bool,
    pub(crate) publishable: bool,
    /// The root source file of its library, relative to the workspace's root.
    pub(crate) library: Option<String>,
    /// Those of its binaries.
    pub(crate) binaries: Vec<String>,
    pub(crate) dependencies: Vec<Dependency>,
}

/// An edge from a member to a package it names in its manifest.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: DependencyKind,
    pub(crate) optional: bool,
    /// The platform or configuration the edge is restricted to, as written.
    pub(crate) target: Option<String>,
    /// Whether the package is a member of this workspace.
    pub(crate) internal: bool,
}

impl Workspace {
    /// Asks cargo about the workspace whose top is `root`; needs no network and no lock file.
    pub(crate) fn load(root: &Path) -> Result<Self, Error> {
        let metadata = MetadataCommand::new()
            .manifest_path(root.join("Cargo.toml"))
            .no_deps()
            .exec()
            .map_err(Error::Metadata)?;
        let members = metadata.workspace_packages().into_iter().map(|package| member(package, &metadata));
        Ok(Self {
            members: members.collect(),
            root: metadata.workspace_root.clone().into(),
            target: metadata.target_directory.clone().into(),
        })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Cargo's build directory, `CARGO_TARGET_DIR` included.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    pub(crate) fn libraries(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.is_product() && member.library.is_some())
    }

    pub(crate) fn published(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.publishable)
    }
}

impl Member {
    /// Whether the package is part of what users get, not a tool or a test.
    pub(crate) fn is_product(&self) -> bool {
        self.directory.starts_with(CRATES)
    }

    pub(crate) fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.directory)
    }
}

fn member(package: &Package, metadata: &Metadata) -> Member {
    let relative = |path: &cargo_metadata::camino::Utf8Path| {
        path.strip_prefix(&metadata.workspace_root).unwrap_or(path).as_str().replace('\\', "/")
    };
    let roots = |wanted: fn(&TargetKind) -> bool| {
        let targets = package.targets.iter().filter(move |target| target.kind.iter().any(wanted));
        targets.map(|target| relative(&target.src_path))
    };
    Member {
        name: package.name.to_string(),
        directory: package.manifest_path.parent().map(relative).unwrap_or_default(),
        described: package.description.as_ref().is_some_and(|text| !text.trim().is_empty()),
        licensed: package.license.is_some() || package.license_file.is_some(),
        publishable: package.publish.as_ref().is_none_or(|registries| !registries.is_empty()),
        library: roots(|kind| matches!(kind, TargetKind::Lib | TargetKind::ProcMacro)).next(),
        binaries: roots(|kind| matches!(kind, TargetKind::Bin)).collect(),
        dependencies: package.dependencies.iter().map(dependency).collect(),
    }
}

fn dependency(edge: &cargo_metadata::Dependency) -> Dependency {
    Dependency {
        name: edge.name.clone(),
        kind: edge.kind,
        optional: edge.optional,
        target: edge.target.as_ref().map(ToString::to_string),
        internal: edge.path.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_knows_its_crates_and_its_tools() {
        let workspace = Workspace::load(&crate::root()).expect("cargo describes the workspace");
        let named = |name: &str| {
            workspace.members().iter().find(|member| member.name == name).expect("a member of that name")
        };
        let sync = named("unforget-sync");
        assert!(sync.is_product() && sync.publishable, "{sync:?}");
        assert_eq!(sync.library.as_deref(), Some("crates/unforget-sync/src/lib.rs"));
        let tool = named("xtask");
        assert!(!tool.is_product() && !tool.publishable, "{tool:?}");
        assert!(workspace.libraries().all(|member| member.name != "unforget-cli"), "a binary is no library");
    }

    #[test]
    fn an_edge_keeps_its_kind_and_its_condition() {
        let workspace = Workspace::load(&crate::root()).expect("cargo describes the workspace");
        let sync = workspace.members().iter().find(|member| member.name == "unforget-sync");
        let edges = &sync.expect("unforget-sync").dependencies;
        let edge = |name: &str| edges.iter().find(|edge| edge.name == name).expect("an edge");
        assert_eq!(edge("loom").target.as_deref(), Some("cfg(unforget_loom)"));
        assert_eq!(edge("proptest").kind, DependencyKind::Development);
        assert!(edges.iter().all(|edge| !edge.internal), "unforget-sync stands at the bottom");
    }
}
