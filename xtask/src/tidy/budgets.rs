//! Lengths of functions and files.

use std::fmt;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::Finding;
use super::tree::{RustFile, Tree};

const RULE: &str = "budgets";
const FUNCTIONS: Budget = Budget { what: "function", median: 8, p90: 30, most: 70 };
const FILES: Budget = Budget { what: "file", median: 120, p90: 300, most: 400 };

/// How long things of one kind may be. Medians are aims and only reported; the others are limits.
#[derive(Debug)]
struct Budget {
    what: &'static str,
    median: usize,
    p90: usize,
    most: usize,
}

/// The distribution of lengths in the workspace.
#[derive(Debug)]
#[non_exhaustive]
pub struct Measures {
    /// Lines from the signature to the closing brace, tests included.
    pub functions: Spread,
    /// Lines of a file without its test modules.
    pub files: Spread,
}

/// The number of things measured and two of their quantiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Spread {
    /// How many were measured.
    pub count: usize,
    /// Half are at most this long.
    pub median: usize,
    /// Nine of ten are at most this long.
    pub p90: usize,
}

/// Finds functions and files over their limit, and a tree whose p90 is over its limit.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.rust {
        findings.extend(FILES.overrun(&file.path, 1, file.length(), "split it by operation"));
        for function in functions(file) {
            let what = format!("split `{}` into steps with names", function.name);
            findings.extend(FUNCTIONS.overrun(&file.path, function.line, function.length, &what));
        }
    }
    let measures = Measures::of(tree);
    findings.extend(FUNCTIONS.spread_too_wide(measures.functions));
    findings.extend(FILES.spread_too_wide(measures.files));
    findings
}

impl Budget {
    fn overrun(&self, path: &str, line: usize, length: usize, advice: &str) -> Option<Finding> {
        let Self { what, most, .. } = self;
        let message = || format!("this {what} has {length} lines, the limit is {most}; {advice}");
        (length > *most).then(|| Finding::new(RULE, path, line, message()))
    }

    fn spread_too_wide(&self, spread: Spread) -> Option<Finding> {
        let Self { what, p90, .. } = self;
        let message = || {
            format!(
                "one {what} in ten is longer than {} lines, the limit is {p90}; shorten the longest",
                spread.p90
            )
        };
        (spread.p90 > *p90).then(|| Finding::new(RULE, "Cargo.toml", 1, message()))
    }

    fn line(&self, spread: Spread) -> String {
        let Self { what, median, p90, .. } = self;
        let Spread { count, median: measured, p90: at_p90 } = spread;
        format!("{count} {what}s: median {measured} lines (aim {median}), p90 {at_p90} (limit {p90})")
    }
}

impl Measures {
    pub(crate) fn of(tree: &Tree) -> Self {
        let lengths = tree.rust.iter().flat_map(functions).map(|function| function.length);
        Self {
            functions: Spread::of(lengths.collect()),
            files: Spread::of(tree.rust.iter().map(RustFile::length).collect()),
        }
    }
}

impl fmt::Display for Measures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}", FUNCTIONS.line(self.functions), FILES.line(self.files))
    }
}

impl Spread {
    fn of(mut lengths: Vec<usize>) -> Self {
        lengths.sort_unstable();
        // The nearest rank: the smallest length that at least this share does not exceed.
        let quantile = |tenths: usize| {
            let rank = (lengths.len() * tenths).div_ceil(10);
            lengths.get(rank.saturating_sub(1)).copied().unwrap_or_default()
        };
        Self { count: lengths.len(), median: quantile(5), p90: quantile(9) }
    }
}

struct Function {
    name: String,
    line: usize,
    length: usize,
}

fn functions(file: &RustFile) -> Vec<Function> {
    let mut functions = Functions(Vec::new());
    functions.visit_file(&file.syntax);
    functions.0
}

struct Functions(Vec<Function>);

impl Functions {
    fn add(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let line = signature.span().start().line;
        let length = block.span().end().line + 1 - line;
        self.0.push(Function { name: signature.ident.to_string(), line, length });
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.add(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(block) = &function.default {
            self.add(&function.sig, block);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(lines: usize) -> String {
        format!("/// Not counted.\nfn f() {{\n{}}}\n", "    g();\n".repeat(lines - 2))
    }

    fn findings(source: &str) -> usize {
        check(&Tree::of([("a.rs", source)])).len()
    }

    #[test]
    fn a_function_up_to_the_limit_is_short_enough() {
        let short = function(5).repeat(10);
        assert_eq!(findings(&(function(70) + &short)), 0);
        assert_eq!(findings(&(function(71) + &short)), 1);
    }

    #[test]
    fn methods_and_nested_functions_are_measured() {
        let source = "trait T {\n fn a() {\n fn b() {\n }\n }\n fn c();\n}\nimpl S {\n fn d() {}\n}\n";
        let tree = Tree::of([("a.rs", source)]);
        let spread = Measures::of(&tree).functions;
        assert_eq!(spread, Spread { count: 3, median: 2, p90: 4 });
    }

    #[test]
    fn a_file_is_measured_without_its_tests() {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "    use a;\n".repeat(500));
        let rest = |lines: usize| "use a;\n".repeat(lines) + &tests;
        let others = ["b.rs", "c.rs", "d.rs", "e.rs", "f.rs", "g.rs", "h.rs", "i.rs", "j.rs"];
        let findings = |lines| {
            let long = rest(lines);
            let mut tree = [("", ""); 10];
            for (slot, path) in tree.iter_mut().zip(others) {
                *slot = (path, "");
            }
            tree[9] = ("a.rs", &long);
            check(&Tree::of(tree)).len()
        };
        assert_eq!((findings(400), findings(401)), (0, 1));
    }

    #[test]
    fn a_tree_of_long_functions_is_found_though_none_is_over_its_limit() {
        assert_eq!(findings(&function(30).repeat(4)), 0);
        assert_eq!(findings(&function(31).repeat(4)), 1);
    }

    #[test]
    fn quantiles_are_lengths_that_occur() {
        assert_eq!(Spread::of((1..=10).collect()), Spread { count: 10, median: 5, p90: 9 });
        assert_eq!(Spread::of(Vec::new()), Spread::default());
    }
}
