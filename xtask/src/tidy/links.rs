//! Relative links in the documentation lead somewhere.

use super::Finding;
use super::markdown::{self, Link};
use super::tree::{Tree, has_extension};

const RULE: &str = "links";

/// Finds relative links whose file or heading does not exist.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let pages = tree.texts().filter(|(path, _)| is_page(path));
    let links = pages.flat_map(|(path, text)| markdown::links(text).map(move |link| (path, link)));
    links.filter_map(|(path, link)| broken(tree, path, &link)).collect()
}

/// Resolves a link's path against the page it is on; `None` when it leads out of the tree.
pub(crate) fn resolve(page: &str, target: &str) -> Option<String> {
    let directory = page.rsplit_once('/').map_or("", |(directory, _)| directory);
    let mut names: Vec<&str> = directory.split('/').filter(|name| !name.is_empty()).collect();
    for name in target.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()?),
            name => names.push(name),
        }
    }
    Some(names.join("/"))
}

fn is_page(path: &str) -> bool {
    let documented = path == "README.md" || path.starts_with("docs/") || path.starts_with("crates/");
    documented && has_extension(path, "md")
}

fn broken(tree: &Tree, page: &str, link: &Link<'_>) -> Option<Finding> {
    let target = link.target;
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
    let finding = |message: String| Some(Finding::new(RULE, page, link.line, message));
    let path = if file.is_empty() { Some(page.to_owned()) } else { resolve(page, file) };
    let Some(path) = path.filter(|path| tree.has(path)) else {
        return finding(format!("`{file}` does not exist; mend the link or write the file"));
    };
    if fragment.is_empty() || is_line(fragment) || !has_extension(&path, "md") {
        return None;
    }
    let known =
        tree.text(&path).is_some_and(|text| markdown::anchors(text).iter().any(|anchor| anchor == fragment));
    if known {
        None
    } else {
        finding(format!("`{path}` has no heading `#{fragment}`; mend the link or the heading"))
    }
}

/// A line of a source file, such as `L12` or `L12-L14`.
fn is_line(fragment: &str) -> bool {
    fragment.strip_prefix('L').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(link: &str) -> usize {
        let page = format!("# Page\n\n[text]({link})\n");
        check(&Tree::of([("docs/page.md", &page), ("src/a.rs", ""), ("README.md", "# Top\n## What it is\n")]))
            .len()
    }

    #[test]
    fn a_link_leads_to_a_file_and_a_heading_that_exist() {
        for link in [
            "../src/a.rs",
            "../src",
            "../src/a.rs#L12",
            "#page",
            "../README.md#what-it-is",
            "https://a.example/b",
        ] {
            assert_eq!(findings(link), 0, "{link}");
        }
        for link in ["../src/b.rs", "src/a.rs", "#nowhere", "../README.md#nowhere", "../../a.rs"] {
            assert_eq!(findings(link), 1, "{link}");
        }
    }
}
