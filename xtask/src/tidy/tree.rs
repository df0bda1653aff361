//! The workspace's sources, read once for all rules.

use std::collections::BTreeMap;
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::Finding;
use crate::workspace::{Member, Workspace};
use crate::{Error, files};

/// Members, files and syntax trees.
#[derive(Default)]
pub(crate) struct Tree {
    pub(crate) members: Vec<Member>,
    /// Every file by its path; the text is `None` when it is not UTF-8.
    files: BTreeMap<String, Option<String>>,
    pub(crate) rust: Vec<RustFile>,
    unreadable: Vec<Finding>,
}

/// A Rust source file.
pub(crate) struct RustFile {
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) syntax: syn::File,
    /// The lines of modules that are compiled for tests only.
    tests: Vec<RangeInclusive<usize>>,
}

/// Reports sources the other rules could not look into.
pub(crate) fn check_sources(tree: &Tree) -> Vec<Finding> {
    tree.unreadable.clone()
}

impl Tree {
    pub(crate) fn read(workspace: &Workspace) -> Result<Self, Error> {
        let mut tree = Self { members: workspace.members().to_vec(), ..Self::default() };
        for path in files::list(workspace.root())? {
            let file = workspace.root().join(&path);
            // A file that vanished since it was listed is not part of the tree any more.
            let Ok(bytes) = fs::read(&file) else { continue };
            tree.add(path, String::from_utf8(bytes).ok());
        }
        Ok(tree)
    }

    fn add(&mut self, path: String, text: Option<String>) {
        if let Some(text) = text.as_ref().filter(|_| has_extension(&path, "rs")) {
            match syn::parse_file(text) {
                Ok(syntax) => self.rust.push(RustFile::new(path.clone(), text.clone(), syntax)),
                Err(error) => self.unreadable.push(unparsed(&path, &error)),
            }
        }
        self.files.insert(path, text);
    }

    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.as_deref()
    }

    /// Whether it is a file, or a directory that holds one.
    pub(crate) fn has(&self, path: &str) -> bool {
        let inside = format!("{path}/");
        path.is_empty()
            || self.files.contains_key(path)
            || self.files.keys().any(|file| file.starts_with(&inside))
    }

    /// Every text file with its path.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)))
    }
}

impl RustFile {
    fn new(path: String, text: String, syntax: syn::File) -> Self {
        let mut modules = TestModules::default();
        modules.visit_file(&syntax);
        Self { path, text, tests: modules.lines, syntax }
    }

    /// Whether the line is compiled for tests only.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.is_test_file() || self.tests.iter().any(|lines| lines.contains(&line))
    }

    fn is_test_file(&self) -> bool {
        self.path.split('/').any(|name| matches!(name, "tests" | "tests.rs" | "benches"))
    }

    /// The file's length without its test modules.
    pub(crate) fn length(&self) -> usize {
        let tests: usize = self.tests.iter().map(|lines| lines.end() + 1 - lines.start()).sum();
        self.text.lines().count().saturating_sub(tests)
    }

    /// Lines that hold more than a comment, counted from one.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        numbered(&self.text).filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

/// The lines of a text, counted from one.
pub(crate) fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

pub(crate) fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

fn unparsed(path: &str, error: &syn::Error) -> Finding {
    let line = error.span().start().line;
    Finding::new("syntax", path, line, format!("this does not parse as Rust ({error}); mend it"))
}

#[derive(Default)]
struct TestModules {
    lines: Vec<RangeInclusive<usize>>,
}

impl<'ast> Visit<'ast> for TestModules {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        let Some(attribute) = module.attrs.iter().find(|attribute| is_cfg_test(attribute)) else {
            return visit::visit_item_mod(self, module);
        };
        self.lines.push(attribute.span().start().line..=module.span().end().line);
    }
}

fn is_cfg_test(attribute: &syn::Attribute) -> bool {
    let syn::Meta::List(list) = &attribute.meta else { return false };
    list.path.is_ident("cfg") && requires_test(list.tokens.clone())
}

/// Whether `test` occurs other than below a `not`.
fn requires_test(condition: TokenStream) -> bool {
    let mut negated = false;
    for token in condition {
        match token {
            TokenTree::Ident(name) if name == "test" => return true,
            TokenTree::Ident(name) => negated = name == "not",
            TokenTree::Group(group) if !negated && requires_test(group.stream()) => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
impl Tree {
    /// A tree of the files given, without members.
    pub(crate) fn of<const N: usize>(files: [(&str, &str); N]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            tree.add(path.into(), Some(text.into()));
        }
        tree
    }

    pub(crate) fn with_members(mut self, members: impl IntoIterator<Item = Member>) -> Self {
        self.members.extend(members);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "fn a() {}\n\n#[cfg(all(test, unix))]\nmod tests {\n    fn b() {}\n}\n";

    #[test]
    fn test_modules_are_known_and_not_counted() {
        let tree = Tree::of([("src/a.rs", SOURCE)]);
        let file = tree.rust.first().expect("a source");
        assert_eq!(file.length(), 2);
        let tests: Vec<_> = (1..=6).filter(|line| file.is_test(*line)).collect();
        assert_eq!(tests, [3, 4, 5, 6]);
    }

    #[test]
    fn what_is_left_out_of_tests_is_no_test() {
        let tree = Tree::of([("src/a.rs", "#[cfg(not(test))]\nmod real {}\n")]);
        assert_eq!(tree.rust.first().expect("a source").length(), 2);
    }

    #[test]
    fn everything_below_tests_is_a_test() {
        let tree = Tree::of([("crates/a/tests/it/main.rs", "fn a() {}\n")]);
        assert!(tree.rust.first().expect("a source").is_test(1));
    }

    #[test]
    fn a_source_that_does_not_parse_is_found() {
        assert!(check_sources(&Tree::of([("a.rs", SOURCE)])).is_empty());
        let findings = check_sources(&Tree::of([("a.rs", "fn a( {}\n")]));
        assert_eq!(findings.len(), 1, "{findings:?}");
    }

    #[test]
    fn directories_exist_by_their_files() {
        let tree = Tree::of([("docs/a.md", "")]);
        assert!(tree.has("docs") && tree.has("docs/a.md") && !tree.has("doc"));
    }
}
