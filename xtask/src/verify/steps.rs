//! The steps of `cargo xtask verify`.

use crate::invocation::Invocation;
use crate::models::{self, Checker};
use crate::workspace::Workspace;

/// One thing to check, with the title it has in the table.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) title: String,
    pub(crate) action: Action,
}

/// How a step is carried out.
#[derive(Debug)]
pub(crate) enum Action {
    Cargo(Invocation),
    Tidy,
    Models(Checker),
}

impl Action {
    /// The command that repeats it.
    pub(crate) fn repeated(&self) -> String {
        match self {
            Self::Cargo(invocation) => invocation.to_string(),
            Self::Tidy => "cargo xtask tidy".into(),
            Self::Models(checker) => format!("cargo xtask {}", checker.name()),
        }
    }
}

/// Lists the steps, cheapest verdicts first.
pub(crate) fn all(workspace: &Workspace) -> Vec<Step> {
    let cargo = |title: &str, words: &str| Step {
        title: title.into(),
        action: Action::Cargo(Invocation::cargo(workspace.root()).words(words)),
    };
    let mut steps = vec![
        cargo("fmt", "fmt --all --check"),
        Step { title: "tidy".into(), action: Action::Tidy },
        cargo("clippy", "clippy --workspace --all-targets --all-features -- -D warnings"),
        clippy_of_models(workspace, Checker::Loom),
        clippy_of_models(workspace, Checker::Shuttle),
    ];
    // Each alone: built together, one crate's features would hide what another forgot to ask for.
    steps.extend(
        workspace
            .libraries()
            .map(|member| cargo(&format!("alone: {}", member.name), &format!("check -p {}", member.name))),
    );
    steps.extend([
        cargo("tests", "test --workspace --all-targets --all-features"),
        cargo("doctests", "test --workspace --all-features --doc"),
        explored(Checker::Loom),
        explored(Checker::Shuttle),
        Step { title: "rustdoc".into(), action: Action::Cargo(rustdoc(workspace)) },
    ]);
    // Without --allow-dirty nothing could be verified before it is committed.
    steps.extend(workspace.published().map(|member| {
        let words = format!("package --list --allow-dirty --offline --quiet -p {}", member.name);
        cargo(&format!("package: {}", member.name), &words)
    }));
    steps
}

fn explored(checker: Checker) -> Step {
    Step { title: checker.name().into(), action: Action::Models(checker) }
}

fn clippy_of_models(workspace: &Workspace, checker: Checker) -> Step {
    let cargo = Invocation::cargo(workspace.root());
    let packages = models::packages(checker, workspace.root()).unwrap_or_default();
    let clippy = checker
        .configured(cargo, &checker.target(workspace))
        .words("clippy")
        .arguments(packages.iter().flat_map(|package| ["-p", package]))
        .words("--all-targets -- -D warnings");
    Step { title: format!("clippy ({})", checker.name()), action: Action::Cargo(clippy) }
}

fn rustdoc(workspace: &Workspace) -> Invocation {
    Invocation::cargo(workspace.root())
        .flags("RUSTDOCFLAGS", "-D warnings")
        .words("doc --workspace --all-features --no-deps")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> Vec<String> {
        let workspace = Workspace::load(&crate::root()).expect("cargo describes the workspace");
        all(&workspace).iter().map(|step| step.action.repeated()).collect()
    }

    #[test]
    fn each_library_is_checked_alone_and_each_published_crate_is_packaged() {
        let lines = lines();
        let count = |end: &str| lines.iter().filter(|line| line.ends_with(end)).count();
        for library in ["unforget-sync", "unforget-fs", "unforget-sqlite", "unforget-context", "unforget"] {
            assert_eq!(count(&format!("check -p {library}")), 1, "{library} is checked once, alone");
            assert_eq!(count(&format!("--quiet -p {library}")), 1, "{library} is packaged once");
        }
        assert_eq!(count("check -p xtask"), 0, "a tool is not a library of the product");
        assert_eq!(count("--quiet -p xtask"), 0, "a tool is not published");
    }

    #[test]
    fn configurations_that_need_other_flags_do_not_share_a_build_directory() {
        for checker in ["loom", "shuttle"] {
            let lines = lines();
            let line = lines.iter().find(|line| line.contains(&format!("--cfg unforget_{checker}")));
            let line = line.expect("its configuration is linted");
            let directory = format!("/{checker} ");
            assert!(line.contains("CARGO_TARGET_DIR=") && line.contains(&directory), "{line}");
            assert!(lines.contains(&format!("cargo xtask {checker}")), "its models are run");
        }
    }
}
