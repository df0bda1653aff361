//! Names of modules and of files.

use syn::visit::{self, Visit};

use super::Finding;
use super::tree::Tree;

const RULE: &str = "modules";
/// Names that say nothing about what is inside, and so attract everything.
const FORBIDDEN: [&str; 5] = ["utils", "helpers", "common", "types", "manager"];

/// Finds `mod.rs` files and modules whose names say nothing.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.rust {
        if file.path.rsplit('/').next() == Some("mod.rs") {
            let message = "a module lies beside its directory, not in a `mod.rs`; rename it";
            findings.push(Finding::new(RULE, &file.path, 1, message));
        }
        let mut names = ForbiddenNames::default();
        names.visit_file(&file.syntax);
        findings.extend(names.found.into_iter().map(|(line, name)| {
            let message = format!("`{name}` says nothing about what is inside; name the module after it");
            Finding::new(RULE, &file.path, line, message)
        }));
    }
    findings
}

#[derive(Default)]
struct ForbiddenNames {
    found: Vec<(usize, String)>,
}

impl<'ast> Visit<'ast> for ForbiddenNames {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        let name = module.ident.to_string();
        if FORBIDDEN.contains(&name.as_str()) {
            self.found.push((module.ident.span().start().line, name));
        }
        visit::visit_item_mod(self, module);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_named_after_what_is_inside() {
        assert!(check(&Tree::of([("src/lib.rs", "mod turn;\nmod turn_id;\n")])).is_empty());
        let findings = check(&Tree::of([("src/lib.rs", "mod turn;\nmod inner {\n    mod utils;\n}\n")]));
        assert_eq!(findings.iter().map(|finding| finding.line).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn a_module_lies_beside_its_directory() {
        assert!(check(&Tree::of([("src/turn.rs", ""), ("src/model.rs", "")])).is_empty());
        assert_eq!(check(&Tree::of([("src/turn/mod.rs", "")])).len(), 1);
    }
}
