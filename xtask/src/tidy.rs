//! The rules that no compiler checks, each finding with its place and what to do about it.
//!
//! A rule is a function from the tree, which is read once, to findings. Findings that are wanted are
//! listed in `tidy/exceptions.rs`, each with its reason.

mod budgets;
mod ci;
mod crates;
mod dependencies;
mod downstream;
mod exceptions;
mod guarantees;
mod layers;
mod links;
mod markdown;
mod modules;
mod phrases;
mod readme;
mod report;
mod teeth;
mod tree;

use std::path::Path;

use crate::Error;
use crate::workspace::Workspace;
pub use budgets::Measures;
pub use report::{Finding, Report};
use tree::Tree;

/// Every rule that needs nothing but the tree, in the order its findings are printed.
const RULES: [fn(&Tree) -> Vec<Finding>; 14] = [
    layers::check,
    crates::check,
    dependencies::check,
    downstream::check,
    budgets::check,
    modules::check,
    phrases::check,
    readme::check_root,
    readme::check_crates,
    links::check,
    guarantees::check,
    teeth::check_headers,
    ci::check,
    tree::check_sources,
];

/// Checks the workspace whose top is `root` against every rule.
///
/// # Errors
///
/// When the workspace cannot be read at all; whatever is wrong *in* it is a finding.
pub fn check(root: &Path) -> Result<Report, Error> {
    let workspace = Workspace::load(root)?;
    let tree = Tree::read(&workspace)?;
    let mut findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    findings.extend(teeth::check_patches(&tree, root)?);
    Ok(Report { findings: exceptions::apply(findings), measures: Measures::of(&tree) })
}

/// Checks the workspace and prints the report; `false` when there are findings.
pub(crate) fn run(root: &Path) -> Result<bool, Error> {
    let report = check(root)?;
    print!("{report}");
    Ok(report.findings.is_empty())
}
